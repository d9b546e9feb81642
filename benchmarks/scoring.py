"""Pairs a second of the scoring engine beside `model.predict` on pairs of images.

    python benchmarks/scoring.py [--images 128] [--runs 5] [--model normxcorr] [--json FILE]

Half of the images are probes, half the gallery, and all their pairs are scored: by the engine, which is
`tfnxc.scoring.pair_scorer.PairScorer` (towers once an image, which is counted in; the batch size as it finds it), and by
`model.predict` on a part of the pairs, in batches of 32, which is no slower than of 64 or 128. "python" is the
correlation in plain TensorFlow, "native" the compiled op (`tfnxc build-ops`). All take turns in one process after a run
each to warm up; medians. "floor" is what the multiply-adds of the head of `normxcorr` alone would take at the
processors' peak: --peak gives it in multiply-adds a second.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from tfnxc import models
from tfnxc.ops import describe_implementation
from tfnxc.runs.run import versions
from tfnxc.scoring.pair_scorer import PairScorer

PREDICTED = 512
"""Pairs given to `model.predict`: enough for a rate, in a bearable time."""


def scorers(name, implementation, images, pairs):
    """The two ways to score with an implementation: `{label: (function, number of pairs)}`."""
    os.environ["TFNXC_OPS"] = implementation
    keras.utils.set_random_seed(0)
    model = models.BUILDERS[name]()
    few = pairs[np.random.default_rng(0).permutation(len(pairs))[:PREDICTED]]
    sides = [images[few[:, side]].astype(np.float32) / 255 for side in (0, 1)]

    def engine():
        found = PairScorer(model, images)
        found.score(pairs)
        return found.batch_size

    return {
        f"model.predict, {implementation}": (lambda: model.predict(sides, batch_size=32, verbose=0), len(few)),
        f"engine, {implementation}": (engine, len(pairs)),
    }


def main():
    """Measures, prints the table, writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", choices=list(models.BUILDERS), default="normxcorr")
    parser.add_argument("--peak", type=float, default=None, help="multiply-adds a second of all cores, for the floor")
    parser.add_argument("--json", default=None)
    arguments = parser.parse_args()

    images = np.random.default_rng(0).integers(0, 255, (arguments.images, 160, 60, 3), np.uint8)
    half = arguments.images // 2
    pairs = np.stack(np.meshgrid(np.arange(half), np.arange(half, 2 * half), indexing="ij"), -1).reshape(-1, 2)
    variants = {}
    for implementation in ("python", "native"):
        for label, (function, count) in scorers(arguments.model, implementation, images, pairs).items():
            variants[label] = (implementation, function, count)
    rates, sizes = {label: [] for label in variants}, {}
    for run in range(arguments.runs + 1):
        for label, (implementation, function, count) in variants.items():
            os.environ["TFNXC_OPS"] = implementation
            begin = time.perf_counter()
            sizes[label] = function()
            if run:
                rates[label].append(count / (time.perf_counter() - begin))
    rows = {label: statistics.median(found) for label, found in rates.items()}
    base = {implementation: rows[f"model.predict, {implementation}"] for implementation in ("python", "native")}
    print(f"{arguments.model}, {arguments.images} images, pairs a second")
    heads = f"{'pairs/s':>9}{'slowest':>9}{'fastest':>9}{'x predict, python':>19}{'x predict, native':>19}{'batch':>7}"
    print(f"{'':26}{heads}")
    for label, rate in rows.items():
        batch = sizes[label] if isinstance(sizes[label], int) else 32
        ratios = "".join(f"{rate / base[each]:>19.2f}" for each in ("python", "native"))
        print(f"{label:26}{rate:>9.0f}{min(rates[label]):>9.0f}{max(rates[label]):>9.0f}{ratios}{batch:>7}")
    if arguments.peak:
        print(f"floor: {arguments.peak / 36.3e6:.0f} pairs a second at {arguments.peak:.3g} multiply-adds a second")
    if arguments.json:
        facts = {"model": arguments.model, "images": arguments.images, "runs": arguments.runs, "versions": versions()}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({**facts, **describe_implementation(), "pairs_per_second": rates}, file, indent=1)


if __name__ == "__main__":
    main()
