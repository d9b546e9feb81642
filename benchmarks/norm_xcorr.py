"""Times the normalized correlation of SPEC section 1 against a plain version left to automatic differentiation.

    python benchmarks/norm_xcorr.py [--batch 32] [--runs 7] [--json FILE]

All variants run in turn in one process on the same seeded maps, after two warm-up runs each; the table gives the
median and the spread in milliseconds a pair, and the ratio of the plain version's median to it.
"""

import argparse
import json
import os
import platform
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from tfnxc.ops import norm_xcorr


def plain(x, y, patch_size=(5, 5), rows=5, epsilon=0.01):
    """What one writes first: extract_patches, normalize, matmul; the gradient is left to TensorFlow."""
    _, height, width, channels = x.shape
    n = patch_size[0] * patch_size[1]

    def normalized(maps):
        patches = tf.image.extract_patches(maps, [1, *patch_size, 1], [1] * 4, [1] * 4, "SAME")
        patches = tf.reshape(patches, [-1, maps.shape[1], width, n, channels])
        centred = patches - tf.reduce_mean(patches, axis=3, keepdims=True)
        s = tf.sqrt(tf.reduce_sum(centred * centred, axis=3, keepdims=True) / (n - 1))
        return centred / (s + epsilon)

    x = tf.transpose(normalized(x), [0, 1, 4, 2, 3])
    y = tf.transpose(normalized(tf.pad(y, [[0, 0], [rows // 2] * 2, [0, 0], [0, 0]])), [0, 1, 4, 3, 2])
    windows = tf.concat([y[:, r : r + height] for r in range(rows)], axis=-1)
    scores = tf.matmul(x, windows) / (n - 1)
    return tf.reshape(tf.transpose(scores, [0, 1, 3, 2, 4]), [-1, height, width, channels * rows * width])


def with_gradient(function):
    """Forward and backward pass of `function` for a given gradient of its output."""

    def run(x, y, upstream):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            out = function(x, y)
        return out, *tape.gradient(out, [x, y], upstream)

    return run


def milliseconds_a_pair(functions, arguments, runs):
    """Runs the compiled functions in turn, `runs` times; median, least and most of each."""
    batch = arguments[0].shape[0]
    times = {name: [] for name in functions}
    for run in range(runs + 2):
        for name, function in functions.items():
            begin = time.perf_counter()
            function(*arguments)
            if run >= 2:
                times[name].append(1e3 * (time.perf_counter() - begin) / batch)
    return {name: (statistics.median(each), min(each), max(each)) for name, each in times.items()}


def main():
    """Prints the table and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32, help="pairs a batch (default 32)")
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each variant (default 7)")
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x, y = (tf.constant(rng.normal(size=(arguments.batch, 37, 12, 25)), tf.float32) for _ in range(2))
    upstream = tf.constant(rng.normal(size=(arguments.batch, 37, 12, 1500)), tf.float32)
    variants = {"plain": plain, "tfnxc": norm_xcorr, "tfnxc 5x5": lambda x, y: norm_xcorr(x, y, search_size=(5, 5))}
    forward = milliseconds_a_pair({name: tf.function(each) for name, each in variants.items()}, (x, y), arguments.runs)
    del variants["tfnxc 5x5"]
    both = {name: tf.function(with_gradient(each)) for name, each in variants.items()}
    both = milliseconds_a_pair(both, (x, y, upstream), arguments.runs)
    facts = {
        "tensorflow": tf.__version__,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "batch": arguments.batch,
    }
    print(facts)
    rows = []
    for title, table in (("forward", forward), ("forward + backward", both)):
        for name, (median, least, most) in table.items():
            ratio = table["plain"][0] / median
            rows.append(
                {"pass": title, "variant": name, "median_ms": median, "min_ms": least, "max_ms": most, "ratio": ratio}
            )
            print(f"{title:20} {name:10} {median:7.2f} ms a pair ({least:.2f} to {most:.2f})   {ratio:.2f} times plain")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"facts": facts, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
