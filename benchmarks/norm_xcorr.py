"""Times the normalized correlation (SPEC section 1), its summary and that of the neighborhood differences (section 2),
forward and backward, and measures their memory.

    python benchmarks/norm_xcorr.py [--batch 32] [--runs 7] [--window 5x12 | 5x5] [--json FILE]

Every variant runs in turn in one process on the same seeded maps, after two warm-up runs each; the table gives the
median and the spread in milliseconds a pair, and how many times faster than the first variant of its group the median
is. Peak memory is measured in a process of its own for each variant: how much the peak resident set grows over what the
inputs and one run on a single pair took.

Variants: "plain" is what one writes first, left to automatic differentiation; "python" is tfnxc in plain TensorFlow;
"native" is the compiled op, where it is built (`tfnxc build-ops`). Of the summary (correlation, ReLU, 1x1 convolution),
"plain" and "op" are the correlation followed by `tf.nn.relu` and `tf.nn.conv2d`, and "native" is the op that does all
three. Of the differences, "python" are their ReLU and convolution, one after the other.
"""

import argparse
import functools
import json
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from timing import in_turn, parser_of, resident_peak, show_facts, write

from tfnxc import ops

HEIGHT, WIDTH, CHANNELS, ROWS, FILTERS = 37, 12, 25, 5, 25


def plain(x, y, columns=None, patch_size=(5, 5), rows=ROWS, epsilon=0.01):
    """What one writes first: extract_patches, normalize, matmul; the gradient is left to TensorFlow."""
    _, height, width, channels = x.shape
    n = patch_size[0] * patch_size[1]

    def normalized(maps):
        patches = tf.image.extract_patches(maps, [1, *patch_size, 1], [1] * 4, [1] * 4, "SAME")
        patches = tf.reshape(patches, [-1, maps.shape[1], maps.shape[2], n, channels])
        centred = patches - tf.reduce_mean(patches, axis=3, keepdims=True)
        s = tf.sqrt(tf.reduce_sum(centred * centred, axis=3, keepdims=True) / (n - 1))
        return centred / (s + epsilon)

    reach = 0 if columns is None else columns // 2
    x = normalized(x)
    y = normalized(tf.pad(y, [[0, 0], [rows // 2] * 2, [reach] * 2, [0, 0]]))
    if columns is None:
        x, y = tf.transpose(x, [0, 1, 4, 2, 3]), tf.transpose(y, [0, 1, 4, 3, 2])
        windows = tf.concat([y[:, r : r + height] for r in range(rows)], axis=-1)
        scores = tf.transpose(tf.matmul(x, windows) / (n - 1), [0, 1, 3, 2, 4])
    else:
        windows = [y[:, r : r + height, c : c + width] for r in range(rows) for c in range(columns)]
        scores = tf.stack([tf.reduce_sum(x * window, axis=3) / (n - 1) for window in windows], axis=-1)
    return tf.reshape(scores, [-1, height, width, channels * rows * (columns or width)])


def summarized(correlate):
    """`correlate`, ReLU and the 1x1 convolution, one after the other."""

    def run(x, y, kernel, bias):
        return tf.nn.bias_add(tf.nn.conv2d(tf.nn.relu(correlate(x, y)), kernel[None, None], 1, "VALID"), bias)

    return run


def with_gradient(function):
    """Forward and backward pass of `function` for a given gradient of its output, with respect to all inputs."""

    def run(upstream, *inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            out = function(*inputs)
        return out, *tape.gradient(out, inputs, upstream)

    return run


def milliseconds_a_pair(functions, arguments, pairs, runs):
    """Runs the functions in turn; gives the `Spread` of each."""
    times = in_turn({name: functools.partial(function, *arguments) for name, function in functions.items()}, runs)
    return {name: each.milliseconds(pairs) for name, each in times.items()}


def groups(columns):
    """The variants by what they compute; in each group the first is what the others are compared with."""
    search_size = (ROWS, columns)

    def with_options(function, implementation):
        return functools.partial(function, search_size=search_size, implementation=implementation)

    correlations = {
        "plain": functools.partial(plain, columns=columns),
        "python": with_options(ops.norm_xcorr, "python"),
    }
    summaries = {"plain": summarized(correlations["plain"])}
    differences = {"python": with_options(ops.cross_input_summary, "python")}
    if ops.describe_implementation()["library"]:
        correlations["native"] = with_options(ops.norm_xcorr, "native")
        summaries["op"] = summarized(correlations["native"])
        summaries["native"] = with_options(ops.norm_xcorr_summary, "native")
        differences["native"] = with_options(ops.cross_input_summary, "native")
    return {"correlation": correlations, "summary": summaries, "differences": differences}


def inputs_of(group, batch, columns):
    """Seeded inputs of a group's functions, and a gradient of its output."""
    rng = np.random.default_rng(0)
    maps = CHANNELS * ROWS * (columns or WIDTH)
    summed = group != "correlation"
    shapes = [(batch, HEIGHT, WIDTH, CHANNELS)] * 2 + ([(maps, FILTERS), (FILTERS,)] if summed else [])
    upstream = (batch, HEIGHT, WIDTH, FILTERS if summed else maps)
    # Weights of the size that training starts from.
    inputs = [
        tf.constant(rng.normal(size=each, scale=maps**-0.5 if len(each) < 4 else 1), tf.float32) for each in shapes
    ]
    return tf.constant(rng.normal(size=upstream), tf.float32), inputs


def megabytes(group, variant, pass_, batch, columns):
    """How far above what it holds this process's memory rises in one run, the results included (Linux only)."""
    function = groups(columns)[group][variant]
    compiled = tf.function(function if pass_ == "forward" else with_gradient(function))
    for pairs in (1, batch):
        upstream, inputs = inputs_of(group, pairs, columns)
        given = inputs if pass_ == "forward" else [upstream, *inputs]
        peak = resident_peak(functools.partial(compiled, *given))
    return peak


def megabytes_elsewhere(group, variant, pass_, arguments):
    """`megabytes` of one pass in a process of its own."""
    command = [sys.executable, __file__, "--batch", str(arguments.batch), "--window", arguments.window]
    command += ["--memory-of", group, variant, pass_]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    """Prints the table and writes the JSON file."""
    parser = parser_of(__doc__, runs=7)
    parser.add_argument("--batch", type=int, default=32, help="pairs a batch (default 32)")
    parser.add_argument("--window", choices=["5x12", "5x5"], default="5x12", help="search window (default 5x12)")
    parser.add_argument("--memory-of", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    columns = None if arguments.window == "5x12" else 5
    if arguments.memory_of:
        print(json.dumps(megabytes(*arguments.memory_of, arguments.batch, columns)))
        return
    facts = show_facts(batch=arguments.batch, window=arguments.window, **ops.describe_implementation())
    print(f"\n{'':36}{'ms a pair':>10} {'(spread)':>16} {'times the first':>16} {'peak MB':>9}")
    rows = []
    for group, variants in groups(columns).items():
        upstream, inputs = inputs_of(group, arguments.batch, columns)
        for pass_, wrap in (("forward", lambda each: each), ("forward + backward", with_gradient)):
            compiled = {name: tf.function(wrap(each)) for name, each in variants.items()}
            given = inputs if pass_ == "forward" else [upstream, *inputs]
            times = milliseconds_a_pair(compiled, given, arguments.batch, arguments.runs)
            first = next(iter(times.values())).median
            for name, spread in times.items():
                peak, ratio = megabytes_elsewhere(group, name, pass_, arguments), first / spread.median
                row = {"computes": group, "pass": pass_, "variant": name, **spread.to_dict("ms")}
                rows.append({**row, "times_the_first": ratio, "peak_megabytes": peak})
                title = f"{group}, {pass_}, {name}"
                print(f"{title:42}{spread.median:7.2f} {spread.text():>16} {ratio:13.2f} {peak:9.0f}")
    write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
