"""Training a pair model in a run folder, resumable at any step."""

from tfnxc.recipes import RECIPES, Recipe
from tfnxc.runs import Run, RunSettings, load_model
from tfnxc.training.data import Pictures, TrainingData
from tfnxc.training.deterministic import make_deterministic
from tfnxc.training.execution import Execution
from tfnxc.training.start import Start
from tfnxc.training.train import enough_epochs, train
from tfnxc.training.validation import Validation

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
    "enough_epochs",
    "load_model",
    "make_deterministic",
    "train",
]
