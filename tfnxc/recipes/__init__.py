"""Training recipes: plain data, and the optimizer, loss and pipeline that are made of it."""

from typing import TYPE_CHECKING

from tfnxc.lazy import lazy_names
from tfnxc.recipes.recipe import DEFAULT, RECIPES, Range, Recipe

if TYPE_CHECKING:
    from tfnxc.recipes.build import make_loss, make_optimizer, make_pipeline, model_options

__all__ = [
    "DEFAULT",
    "RECIPES",
    "Range",
    "Recipe",
    "make_loss",
    "make_optimizer",
    "make_pipeline",
    "model_options",
]

# These import TensorFlow.
__getattr__, __dir__ = lazy_names(
    __name__, dict.fromkeys(("make_loss", "make_optimizer", "make_pipeline", "model_options"), "tfnxc.recipes.build")
)
