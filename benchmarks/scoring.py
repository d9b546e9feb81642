"""Pairs a second of the scoring engine beside `model.predict` on pairs of images.

    python benchmarks/scoring.py [--images 128] [--runs 5] [--model normxcorr] [--json FILE]

Half of the images are probes, half the gallery, and all their pairs are scored: by the engine, which is
`tfnxc.scoring.PairScorer` (towers once an image, which is counted in; the batch size as it finds it), and by
`model.predict` on a part of the pairs, in batches of 32, which is no slower than of 64 or 128. "python" is the
correlation in plain TensorFlow, "native" the compiled op (`tfnxc build-ops`). All take turns in one process after a run
each to warm up; medians. "floor" is what the multiply-adds of the head of `normxcorr` alone would take at the
processors' peak: --peak gives it in multiply-adds a second.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from timing import in_turn, parser_of

from tfnxc import models
from tfnxc.ops import describe_implementation
from tfnxc.runs import versions
from tfnxc.scoring import PairScorer

PREDICTED = 512
"""Pairs given to `model.predict`: enough for a rate, in a bearable time."""


def scorers(name, implementation, images, pairs, sizes):
    """The two ways to score with an implementation: `{label: (function, number of pairs)}`.

    Each function notes its batch size in `sizes`.
    """
    os.environ["TFNXC_OPS"] = implementation
    keras.utils.set_random_seed(0)
    model = models.BUILDERS[name]()
    few = pairs[np.random.default_rng(0).permutation(len(pairs))[:PREDICTED]]
    sides = [images[few[:, side]].astype(np.float32) / 255 for side in (0, 1)]

    def predict():
        os.environ["TFNXC_OPS"] = implementation
        model.predict(sides, batch_size=32, verbose=0)
        sizes[f"model.predict, {implementation}"] = 32

    def engine():
        os.environ["TFNXC_OPS"] = implementation
        found = PairScorer(model, images)
        found.score(pairs)
        sizes[f"engine, {implementation}"] = found.batch_size or len(pairs)  # too few pairs to tell are one batch

    return {
        f"model.predict, {implementation}": (predict, len(few)),
        f"engine, {implementation}": (engine, len(pairs)),
    }


def main():
    """Measures, prints the table, writes the JSON file."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--model", choices=list(models.BUILDERS), default="normxcorr")
    parser.add_argument("--peak", type=float, default=None, help="multiply-adds a second of all cores, for the floor")
    arguments = parser.parse_args()

    images = np.random.default_rng(0).integers(0, 255, (arguments.images, 160, 60, 3), np.uint8)
    half = arguments.images // 2
    pairs = np.stack(np.meshgrid(np.arange(half), np.arange(half, 2 * half), indexing="ij"), -1).reshape(-1, 2)
    variants, sizes = {}, {}
    for implementation in ("python", "native"):
        variants |= scorers(arguments.model, implementation, images, pairs, sizes)
    times = in_turn({label: function for label, (function, _) in variants.items()}, arguments.runs, warm_up=1)
    rates = {label: [count / seconds for seconds in times[label]] for label, (_, count) in variants.items()}
    rows = {label: times[label].rate(count) for label, (_, count) in variants.items()}
    base = {implementation: rows[f"model.predict, {implementation}"].median for implementation in ("python", "native")}
    print(f"{arguments.model}, {arguments.images} images, pairs a second")
    heads = f"{'pairs/s':>9}{'slowest':>9}{'fastest':>9}{'x predict, python':>19}{'x predict, native':>19}{'batch':>7}"
    print(f"{'':26}{heads}")
    for label, rate in rows.items():
        ratios = "".join(f"{rate.median / base[each]:>19.2f}" for each in ("python", "native"))
        print(f"{label:26}{rate.median:>9.0f}{rate.least:>9.0f}{rate.most:>9.0f}{ratios}{sizes[label]:>7}")
    if arguments.peak:
        print(f"floor: {arguments.peak / 36.3e6:.0f} pairs a second at {arguments.peak:.3g} multiply-adds a second")
    if arguments.json:
        facts = {"model": arguments.model, "images": arguments.images, "runs": arguments.runs, "versions": versions()}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({**facts, **describe_implementation(), "pairs_per_second": rates}, file, indent=1)


if __name__ == "__main__":
    main()
