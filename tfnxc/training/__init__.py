"""Recipes, run folders, and what wires them to `model.fit`."""

from tfnxc.training.recipe import Recipe
from tfnxc.training.run import Run
from tfnxc.training.train import train

__all__ = ["Recipe", "Run", "train"]
