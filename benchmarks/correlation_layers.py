"""Times the correlation of two maps over a window of displacements, one score a displacement, beside other libraries.

    python benchmarks/correlation_layers.py [--size 48x64x128] [--patch 3] [--window 21] [--runs 5] [--json FILE]

Forward, and forward and backward. Every variant runs in turn in one process on the same seeded maps, after a warm-up;
the table gives the median and the spread, and how many times as long as the fastest variant of tfnxc each takes. What
is not installed is left out, and said.

- "tfnxc native", "tfnxc python": the normalized correlation, mean over the channels (`tfnxc.ops.norm_xcorr`).
- "torch unfold": the same normalized correlation of PyTorch's own operations: patches by `unfold`, and for each
  displacement the product with the moved patches.
- "spatial-correlation-sampler": the sum of products over patch and channels, not normalized (PyTorch).
- "CorrelationCost": the same, not normalized (TensorFlow Addons, with TensorFlow 2.15).

Compare with `pip install torch spatial-correlation-sampler`; the latter is compiled at its installation.
"""

import functools
import importlib.util
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from timing import in_turn, parser_of, show_facts, write

from tfnxc import ops

EPSILON = 0.01


def of_tfnxc(x, y, upstream, patch, window, implementation):
    """Both passes of the normalized correlation, as functions of nothing."""
    maps, upstream = tuple(map(tf.constant, (x, y))), tf.constant(upstream)

    @tf.function
    def forward(x, y):
        return ops.norm_xcorr(
            x, y, patch, window, EPSILON, implementation=implementation, reduction="mean", output_axes=5
        )

    return forward_and_backward(forward, maps, upstream)


def forward_and_backward(forward, maps, upstream):
    """Both passes of a TensorFlow function of two maps."""

    @tf.function
    def both(x, y):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            out = forward(x, y)
        return out, *tape.gradient(out, [x, y], upstream)

    return {"forward": functools.partial(forward, *maps), "forward + backward": functools.partial(both, *maps)}


def of_addons(x, y, upstream, patch, window):
    """Both passes of `CorrelationCost` on the same maps."""
    import tensorflow_addons as tfa

    most = window // 2
    options = {"kernel_size": patch, "max_displacement": most, "stride_1": 1, "stride_2": 1}
    layer = tfa.layers.CorrelationCost(**options, pad=most + patch // 2, data_format="channels_last")
    maps = tuple(map(tf.constant, (x, y)))
    forward = tf.function(lambda x, y: layer([x, y]))
    return forward_and_backward(forward, maps, tf.constant(upstream.reshape(forward(*maps).shape)))


def of_torch(x, y, upstream, correlate):
    """Both passes of a PyTorch function of two maps with the channels first."""
    import torch

    maps = [torch.from_numpy(each.transpose(0, 3, 1, 2).copy()).requires_grad_() for each in (x, y)]
    upstream = torch.from_numpy(upstream.transpose(0, 3, 4, 1, 2).copy())

    def forward():
        with torch.no_grad():
            return correlate(*maps)

    def both():
        return torch.autograd.grad(correlate(*maps), maps, upstream)

    return {"forward": forward, "forward + backward": both}


def unfolded(patch, window):
    """The normalized correlation as one writes it in PyTorch."""
    import torch
    from torch.nn import functional

    def normalized(maps):
        batch, channels, height, width = maps.shape
        patches = functional.unfold(maps, patch, padding=patch // 2)
        patches = patches.reshape(batch, channels, patch * patch, height, width)
        centred = patches - patches.mean(2, keepdim=True)
        s = (centred.square().sum(2, keepdim=True) / (patch * patch - 1)).sqrt()
        return (centred / (s + EPSILON) / (patch * patch - 1) ** 0.5).flatten(1, 2)

    def correlate(x, y):
        height, width = x.shape[2:]
        reach = window // 2
        x_patches, y_patches = normalized(x) / x.shape[1], functional.pad(normalized(y), [reach] * 4)
        scores = [
            (x_patches * y_patches[:, :, row : row + height, column : column + width]).sum(1)
            for row in range(window)
            for column in range(window)
        ]
        return torch.stack(scores, 1).reshape(-1, window, window, height, width)

    return correlate


def sampled(patch, window):
    """The sum of products of spatial-correlation-sampler."""
    from spatial_correlation_sampler import SpatialCorrelationSampler

    return SpatialCorrelationSampler(kernel_size=patch, patch_size=window, stride=1, padding=patch // 2)


def variants(x, y, upstream, patch, window):
    """The passes of every variant that is installed, by name."""
    found = {}
    for implementation in ("native", "python"):
        if implementation == "python" or ops.describe_implementation()["library"]:
            found[f"tfnxc {implementation}"] = of_tfnxc(x, y, upstream, patch, window, implementation)
    others = {
        "torch unfold": ("torch", lambda: of_torch(x, y, upstream, unfolded(patch, window))),
        "spatial-correlation-sampler": (
            "spatial_correlation_sampler",
            lambda: of_torch(x, y, upstream, sampled(patch, window)),
        ),
        "CorrelationCost": ("tensorflow_addons", lambda: of_addons(x, y, upstream, patch, window)),
    }
    for name, (package, make) in others.items():
        if importlib.util.find_spec(package) is None:
            print(f"Left out: {name}, as {package} is not installed.")
        else:
            found[name] = make()
    return found


def main():
    """Prints the table and writes the JSON file."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--size", default="48x64x128", help="rows x columns x channels of a map (default %(default)s)")
    parser.add_argument("--patch", type=int, default=3, help="rows and columns of a patch (default %(default)s)")
    parser.add_argument("--window", type=int, default=21, help="displacements each way (default %(default)s)")
    arguments = parser.parse_args()
    size, patch, window = tuple(map(int, arguments.size.split("x"))), arguments.patch, arguments.window
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(1, *size)).astype("float32") for _ in range(2))
    upstream = rng.normal(size=(1, *size[:2], window, window)).astype("float32")
    facts = show_facts(size=arguments.size, patch=patch, window=window, **ops.describe_implementation())
    found = variants(x, y, upstream, patch, window)
    rows = []
    print(f"\n{'':30}{'pass':20}{'ms':>8} {'(spread)':>18} {'times as long':>14}")
    for pass_ in ("forward", "forward + backward"):
        times = in_turn({name: each[pass_] for name, each in found.items()}, arguments.runs, warm_up=1)
        times = {name: each.milliseconds(1) for name, each in times.items()}
        ours = min(spread.median for name, spread in times.items() if name.startswith("tfnxc"))
        for name, spread in times.items():
            row = {"variant": name, "pass": pass_, **spread.to_dict("ms"), "times_as_long": spread.median / ours}
            rows.append(row)
            print(f"{name:30}{pass_:20}{spread.median:8.1f} {spread.text(1):>18} {row['times_as_long']:14.2f}")
    write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
