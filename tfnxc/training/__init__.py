"""Training a pair model in a run folder, resumable at any step."""

from tfnxc.recipes import RECIPES, Recipe
from tfnxc.runs import Run, RunSettings, load_model
from tfnxc.training.choice import choose_recipe, enough_epochs
from tfnxc.training.data import Pictures, TrainingData
from tfnxc.training.embedding import fit_embedding
from tfnxc.training.options import Execution, Start, Validation, make_deterministic
from tfnxc.training.train import train

__all__ = [
    "RECIPES",
    "Execution",
    "Pictures",
    "Recipe",
    "Run",
    "RunSettings",
    "Start",
    "TrainingData",
    "Validation",
    "choose_recipe",
    "enough_epochs",
    "fit_embedding",
    "load_model",
    "make_deterministic",
    "train",
]
