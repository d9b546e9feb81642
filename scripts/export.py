"""Exports a model file as a SavedModel for TensorFlow Serving.

python scripts/export.py my.keras savedmodels/mine
"""

import argparse

import keras

import tfnxc.layers  # registers the layers that the file names
import tfnxc.serving

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", help="a .keras file of a model of tfnxc.models")
parser.add_argument("folder", help="folder of this model's versions, e.g. savedmodels/mine")
arguments = parser.parse_args()

print(tfnxc.serving.export_model(keras.models.load_model(arguments.model), arguments.folder))
