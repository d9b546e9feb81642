"""The options of a training recipe, one for each field of `Recipe`."""

import dataclasses

import click

from tfnxc.errors import InputError
from tfnxc.recipes import DEFAULT, RECIPES, Recipe

_RANGES = {int: click.IntRange, float: click.FloatRange}


MINUTES = click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Time for the training, in the place of --epochs: the learning rate has fallen to its end by then. Rankings "
    "by --validate count; reading the pictures before and fitting the embedding after do not.",
)


def check_one_length(minutes, options):
    """Refuses more than one of the options that say how long a training is."""
    lengths = {"--minutes": minutes, "--epochs": options["epochs"], "--steps": options["steps"]}
    given = [name for name, value in lengths.items() if value]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} each say how long the training is; give one of them.")


def recipe_options(command):
    """Adds `--recipe` and an option for each field of a recipe to a command, which reads them by `recipe_changes`."""
    for field in reversed(dataclasses.fields(Recipe)):
        choices, limits = field.metadata["choices"], field.metadata["range"]
        accepted = click.Choice(choices) if choices else field.type
        if limits is not None:
            accepted = _RANGES[field.type](**dataclasses.asdict(limits))
        option = f"--{field.name.replace('_', '-')}"
        command = click.option(option, field.name, type=accepted, help=field.metadata["help"])(command)
    about = (
        "Where the options below are not given. grouped ranks held-back people best; published is that of the paper, "
        f"SPEC section 4. Default: {DEFAULT}, with more epochs where images are few; or what the run was begun with."
    )
    names = click.Choice(list(RECIPES))
    return click.option("--recipe", "recipe_name", default=None, type=names, help=about)(command)


def recipe_changes(options):
    """The fields of a recipe that were given, by name; other options are left alone."""
    given = {field.name: options[field.name] for field in dataclasses.fields(Recipe)}
    return {name: value for name, value in given.items() if value is not None}
