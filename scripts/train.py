"""Trains a Normalized X-Corr model with plain Keras, on drawn people. A few lines to copy and change.

python scripts/train.py [--epochs 20] [--model my.keras]
"""

import argparse

import keras

import tfnxc

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--identities", type=int, default=100, help="drawn people (default 100)")
parser.add_argument("--epochs", type=int, default=20, help="epochs over the images (default 20)")
parser.add_argument("--model", default="my.keras", help="file to write (default my.keras)")
arguments = parser.parse_args()

keras.utils.set_random_seed(0)
people = tfnxc.datasets.synthetic(identities=arguments.identities)
# For real data: people = tfnxc.datasets.cuhk01("cuhk01/campus")
groups = tfnxc.datasets.GroupPipeline(people.images(), people.identities, batch_size=72)
steps = groups.steps_per_epoch

# The recipe grouped: pairs formed inside the batch, so that towers run once an image; a rate that falls to 0.
model = tfnxc.models.normxcorr(scaling="centred")
trained = tfnxc.models.in_batch(model)  # shares the weights
rate = keras.optimizers.schedules.CosineDecay(0.0, steps * arguments.epochs, warmup_target=0.003, warmup_steps=10)
loss = tfnxc.losses.GroupLoss(identities_per_group=3, ranking=1.0)
trained.compile(tfnxc.optimizers.KernelMuon(rate), loss, metrics=["accuracy"])
trained.fit(groups.dataset(), steps_per_epoch=steps, epochs=arguments.epochs, shuffle=False)
model.save(arguments.model)  # the model of single pairs
