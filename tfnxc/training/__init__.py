"""Training a pair model in a run folder, resumable at any step."""

from tfnxc.callbacks.validation_cmc import ValidationCMC
from tfnxc.recipes.recipe import RECIPES, Recipe
from tfnxc.runs.run import Run, load_model
from tfnxc.training.train import train

__all__ = ["RECIPES", "Recipe", "Run", "ValidationCMC", "load_model", "train"]
