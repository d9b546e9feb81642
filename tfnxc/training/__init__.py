"""Recipes, run folders, and what wires them to `model.fit`."""

from tfnxc.training.recipe import RECIPES, Recipe
from tfnxc.training.run import Run, load_model
from tfnxc.training.train import train
from tfnxc.training.validation import ValidationCMC

__all__ = ["RECIPES", "Recipe", "Run", "ValidationCMC", "load_model", "train"]
