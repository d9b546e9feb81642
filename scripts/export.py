"""Exports a model file as a SavedModel for TensorFlow Serving.

python scripts/export.py my.keras savedmodels/mine
"""

import argparse

import tfnxc.runs
import tfnxc.serving

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model", help="a .keras file of a model of tfnxc.models")
parser.add_argument("folder", help="folder of this model's versions, e.g. savedmodels/mine")
arguments = parser.parse_args()

print(tfnxc.serving.export_model(tfnxc.runs.load_model(arguments.model)[0], arguments.folder))
