"""Times the pipeline of training pairs alone, beside what a training step consumes.

    python benchmarks/pipeline.py [--pairs 8192] [--runs 5] [--step-batch 32] [--json FILE]

Each pipeline gives `--pairs` pairs in batches of 32 and 128, with and without augmentation, with positives of any
cameras and across cameras; nothing but reading the batches is done with them. All take turns in one process, after two
runs each to warm up, on seeded random images of the published size. The training step is that of
benchmarks/training_step.py with the implementation that computes here: forward, backward and the update of the
published recipe, on one batch that is there already, and "fed" on batches of the pipeline. The last column says how
many times over the pipeline feeds the step; the bar is 5.
"""

import dataclasses
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from timing import in_turn, parser_of, show_facts, write
from training_step import compiled, inputs

from tfnxc import ops
from tfnxc.datasets import PairPipeline

IDENTITIES, PICTURES = 500, 4
STEPS = 16
"""Training steps a run."""


def pipelines():
    """The variants by name: pipelines over the same seeded random images."""
    images = np.random.default_rng(0).integers(0, 256, (IDENTITIES * PICTURES, 160, 60, 3), np.uint8)
    identities = np.repeat(np.arange(IDENTITIES), PICTURES)
    cameras = np.tile(np.arange(PICTURES) // 2, IDENTITIES)
    return {
        (batch, augment, positives): PairPipeline(
            images, identities, batch, augment=augment, cameras=cameras, positives=positives
        )
        for batch in (32, 128)
        for augment in (True, False)
        for positives in ("any", "cross-camera")
    }


def pairs_a_second(variants, runs):
    """The `Spread` of each variant; `variants` are by name `(pairs, run)`: how many pairs a run takes, and the run."""
    times = in_turn({name: run for name, (_, run) in variants.items()}, runs)
    return {name: times[name].rate(pairs) for name, (pairs, _) in variants.items()}


def reading(pipeline, pairs):
    """How many pairs a run reads, and the run: from a fresh start to its last batch, so that none was made before."""
    steps = math.ceil(pairs / pipeline.batch_size)
    # Without the batch that ends an epoch, which is smaller.
    whole = pipeline.dataset().filter(lambda _, same: tf.size(same) == pipeline.batch_size).take(steps)

    def run():
        for _ in whole:
            pass

    return steps * pipeline.batch_size, run


def main():
    """Prints the table and writes the JSON file."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--pairs", type=int, default=8192, help="pairs a run of a pipeline (default 8192)")
    parser.add_argument("--step-batch", type=int, default=32, help="pairs a batch of the training step (default 32)")
    arguments = parser.parse_args()
    described = ops.describe_implementation()
    facts = show_facts(**described)

    batch = arguments.step_batch
    step, _ = compiled(described["implementation"], batch)
    ready, labels, _ = inputs(batch)
    variants = pipelines()
    fed = dataclasses.replace(variants[32, True, "any"], batch_size=batch).dataset().take(STEPS)

    def train_on_one_batch():
        for _ in range(STEPS):
            step(ready, labels)

    def train_on_pipeline():
        for images, same in fed:
            step([images["probe"], images["gallery"]], tf.cast(same, labels.dtype))

    training = {"training step": train_on_one_batch, "training step, fed": train_on_pipeline}
    rates = pairs_a_second({name: (STEPS * batch, run) for name, run in training.items()}, arguments.runs)
    rates |= pairs_a_second({name: reading(each, arguments.pairs) for name, each in variants.items()}, arguments.runs)
    consumed = rates["training step"].median
    print(f"\n{'':50}{'pairs a second':>15}{'(spread)':>20}{'times training':>16}")
    rows = []
    for name, spread in rates.items():
        row = {"pairs_a_second": spread.median, "min": spread.least, "max": spread.most}
        row["times_training"] = spread.median / consumed
        if isinstance(name, tuple):
            size, augment, positives = name
            row = {"what": "pipeline", "batch": size, "augment": augment, "positives": positives, **row}
            title = f"pipeline, batch {size}, {positives}{', augmented' * augment}"
        else:
            row, title = {"what": name, "batch": batch, **row}, f"{name}, batch {batch}"
        rows.append(row)
        print(f"{title:50}{spread.median:15.0f}{spread.text(0):>20}{row['times_training']:16.2f}")
    write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
