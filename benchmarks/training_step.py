"""Times one training step and one scoring of the whole `normxcorr` model with each implementation of the correlation.

    python benchmarks/training_step.py [--batch 32] [--runs 7] [--json FILE]

"plain" is what one writes first (benchmarks/norm_xcorr.py), left to automatic differentiation; "python" is tfnxc in
plain TensorFlow; "native" is the compiled op (`tfnxc build-ops`), which goes from the towers' maps to the 25 maps of
the summary. A step is forward, backward and the update of the published recipe, on seeded random images; scoring is the
forward pass of the head alone, as ranking runs it. All take turns in one process, after two runs each to warm up.
"""

import contextlib
import os
import unittest.mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from norm_xcorr import milliseconds_a_pair, plain, summarized
from timing import parser_of, show_facts, write

from tfnxc import models, ops
from tfnxc.recipes import Recipe, make_loss, make_optimizer


def plain_summary(x, y, kernel, bias, **options):
    """The plain correlation in the place of `tfnxc.ops.norm_xcorr_summary`."""
    del options
    return summarized(plain)(x, y, kernel, bias)


@contextlib.contextmanager
def in_use(variant):
    """Traces what is called in the block with a variant: "plain", "python" or "native"."""
    os.environ["TFNXC_OPS"] = "python" if variant == "plain" else variant
    in_place = unittest.mock.patch.object(ops, "norm_xcorr_summary", plain_summary)
    with in_place if variant == "plain" else contextlib.nullcontext():
        yield


def step_of(model, fitted, recipe):
    """A training step of a model, on a batch and its labels; `fitted` is the model or what shares its weights."""
    optimizer, loss = make_optimizer(recipe, 1000), make_loss(recipe)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(batch, same):
        with tf.GradientTape() as tape:
            total = loss(same, fitted(batch, training=True))
            total += tf.add_n(model.losses) if model.losses else 0.0
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return total

    return step


def compiled(variant, batch):
    """A training step and the scoring of a batch with a variant, traced."""
    keras.utils.set_random_seed(0)
    model = models.normxcorr()
    head, step = models.split(model).head, step_of(model, model, Recipe())
    score = tf.function(lambda maps: head(maps, training=False)[:, 1])
    images, labels, maps = inputs(batch)
    with in_use(variant):
        step(images, labels)
        score(maps)
    return step, score


def inputs(batch):
    """Seeded images, labels and feature maps."""
    rng = np.random.default_rng(0)
    images = [tf.constant(rng.random((batch, 160, 60, 3)), tf.float32) for _ in range(2)]
    maps = [tf.constant(rng.random((batch, 37, 12, 25)), tf.float32) for _ in range(2)]
    return images, tf.constant(np.arange(batch) % 2), maps


def main():
    """Prints the table and writes the JSON file."""
    parser = parser_of(__doc__, runs=7)
    parser.add_argument("--batch", type=int, default=32, help="pairs a batch (default 32)")
    arguments = parser.parse_args()
    names = ["plain", "python"] + ["native"] * bool(ops.describe_implementation()["library"])
    variants = {name: compiled(name, arguments.batch) for name in names}
    facts = show_facts(batch=arguments.batch, **ops.describe_implementation())
    rows = []
    images, labels, maps = inputs(arguments.batch)
    for index, (title, given) in enumerate((("training step", (images, labels)), ("scoring, head only", (maps,)))):
        functions = {name: both[index] for name, both in variants.items()}
        times = milliseconds_a_pair(functions, given, arguments.batch, arguments.runs)
        for name, spread in times.items():
            ratio = times["plain"].median / spread.median
            rows.append({"what": title, "variant": name, **spread.to_dict("ms"), "times_plain": ratio})
            print(f"{title:20} {name:8}{spread.median:8.2f} ms a pair {spread.text()} {ratio:8.2f} times plain")
    write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
