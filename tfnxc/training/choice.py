"""The recipe that a training takes: one by name, suited to its pictures, or the one that its run was begun with."""

import os
import pathlib
from typing import Any

from rich.console import Console

from tfnxc.errors import InputError
from tfnxc.recipes import DEFAULT, Recipe
from tfnxc.runs import Run
from tfnxc.training.data import TrainingData
from tfnxc.training.options import Execution

_EARLIER_DEFAULTS = ("published",)
"""Recipes that runs of earlier versions were begun with where none was named."""


def choose_recipe(
    run: str | os.PathLike | Run,
    data: TrainingData,
    name: str | None = None,
    *,
    after_another: bool = False,
    minutes: float | None = None,
    console: Console | None = None,
    **changes: Any,
) -> Recipe:
    """The recipe of a training in a run folder, where it is not given as a `Recipe`.

    It is the recipe of a name, with more epochs where images are few (`Recipe.for_images`) and a lower rate where the
    training begins with the weights of another (`Recipe.after_another`), unless `changes` say otherwise. A run that is
    under way goes on with what it has where it was begun by the same arguments: an earlier version had another default.

    Args:
        run: The run folder, or the `Run`.
        data: The `TrainingData`, without those held back.
        name: The name of a recipe. Defaults to `None`: `"grouped"`.
        after_another: Whether the training begins with the weights of another. Defaults to `False`.
        minutes: Time for the training, in the place of epochs. Defaults to `None`: the recipe says how long it is.
        console: It is told what is not as the recipe has it, and if the run has another recipe. Defaults to `None`.
        **changes: Fields of the recipe with other values.

    Raises:
        InputError: If there is no such recipe, or a field is not as described in `Recipe`.

    Example:
        >>> data = TrainingData(tfnxc.datasets.synthetic(identities=6), "random-2-0")
        >>> choose_recipe("runs/none", data).epochs, choose_recipe("runs/none", data, epochs=5).epochs
        (6250, 5)
    """
    names = [name] if name is not None else [DEFAULT, *_EARLIER_DEFAULTS]
    # What the time, or the steps, decide in the place of the recipe.
    decided = {"epochs", "steps"} if minutes is not None else {"epochs"} if changes.get("steps") else set()
    fixed, known = {*changes, *decided}, _under_way(run)
    found: list[tuple[Recipe, list[str]]] = []
    refused = None
    for each in names:
        try:
            found += _suited(Recipe.named(each, **changes), data, after_another, fixed)
        except InputError as error:  # what is no change of an earlier default may be one of today's
            refused = error if each == names[0] else refused
    begun_with = {} if known is None else {key: value for key, value in vars(known).items() if key not in decided}

    def distance(number):
        return sum(getattr(found[number][0], key) != value for key, value in begun_with.items())

    nearest = min(range(len(found)), key=distance, default=-1)
    goes_on = known is not None and nearest >= 0 and not distance(nearest)
    if refused is not None and not goes_on:
        raise refused
    recipe, notes = found[nearest]
    if goes_on and (nearest or refused is not None):
        notes = [f"the run was begun with the recipe {recipe.title} and goes on with it; a new run takes {DEFAULT}."]
    for note in notes:
        Execution(console=console).say(f"Note: {note}")
    return recipe


def enough_epochs(recipe: Recipe, data: TrainingData, console: Console | None = None) -> Recipe:
    """The recipe for the pictures of a training (`Recipe.for_images`); `console` is told where that changes it.

    Example:
        >>> data = TrainingData(tfnxc.datasets.synthetic(identities=6), "random-2-0")
        >>> enough_epochs(Recipe.named("grouped"), data).epochs
        6250
    """
    longer, notes = _long_enough(recipe, data)
    for note in notes:
        Execution(console=console).say(f"Note: {note}")
    return longer


def _under_way(run):
    """The recipe of the run in a folder; `None` where nothing was trained there."""
    run = run if isinstance(run, Run) else Run.open(run) if (pathlib.Path(run) / "run.json").exists() else None
    return run.settings.recipe if run is not None and run.begun else None


def _suited(recipe, data, after_another, fixed):
    """`(recipe, notes)`: for these pictures, and what is to be said of it; then what earlier versions made of it.

    Fields in `fixed` stay as they are.
    """
    slower, notes = recipe, []
    if after_another and "learning_rate" not in fixed:
        slower = recipe.after_another()
    if slower != recipe:
        notes = [
            f"learning rate {slower.learning_rate}, not {recipe.learning_rate}, because the training begins with other "
            "weights; --learning-rate says otherwise."
        ]
    for each, told in ((slower, notes), (recipe, [])) if notes else ((recipe, []),):
        longer, more = (each, []) if "epochs" in fixed else _long_enough(each, data)
        yield longer, [*told, *more]


def _long_enough(recipe, data):
    longer = recipe.for_images(len(data))
    if longer == recipe:
        return recipe, []
    few = f"{longer.epochs} epochs, not {recipe.epochs}, because {len(data)} pictures are few; --epochs says otherwise."
    return longer, [few]
