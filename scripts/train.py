"""Trains a Normalized X-Corr model with plain Keras, on drawn people. A few lines to copy and change.

python scripts/train.py [--epochs 2] [--model my.keras]
"""

import argparse

import keras

import tfnxc

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--identities", type=int, default=100, help="drawn people (default 100)")
parser.add_argument("--epochs", type=int, default=2, help="epochs over the positive pairs (default 2)")
parser.add_argument("--model", default="my.keras", help="file to write (default my.keras)")
arguments = parser.parse_args()

keras.utils.set_random_seed(0)
people = tfnxc.datasets.synthetic(identities=arguments.identities)
# For real data: people = tfnxc.datasets.cuhk01("cuhk01/campus")
pairs = tfnxc.datasets.PairPipeline(people.images(), people.identities, batch_size=32)

model = tfnxc.models.normxcorr()
model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
model.fit(pairs.dataset(), steps_per_epoch=pairs.steps_per_epoch, epochs=arguments.epochs, shuffle=False)
model.save(arguments.model)
