"""The options of a training recipe, one for each field of `Recipe`."""

import dataclasses

import click

from tfnxc.recipes import RECIPES, Recipe

_RANGES = {int: click.IntRange, float: click.FloatRange}


def recipe_options(command):
    """Adds `--recipe` and an option for each field of a recipe to a command, which receives them by `recipe_of`."""
    for field in reversed(dataclasses.fields(Recipe)):
        choices, limits = field.metadata["choices"], field.metadata["range"]
        accepted = click.Choice(choices) if choices else field.type
        if limits is not None:
            accepted = _RANGES[field.type](**dataclasses.asdict(limits))
        option = f"--{field.name.replace('_', '-')}"
        command = click.option(option, field.name, type=accepted, help=field.metadata["help"])(command)
    about = "Where the options below are not given. published: SPEC section 4; grouped: the best found on CUHK01."
    names = click.Choice(list(RECIPES))
    option = click.option("--recipe", "recipe_name", default="published", show_default=True, type=names, help=about)
    return option(command)


def recipe_of(name, options):
    """The `Recipe` of that name with the options that were given; others than a recipe's are left alone."""
    given = {field.name: options[field.name] for field in dataclasses.fields(Recipe)}
    return Recipe.named(name, **{name: value for name, value in given.items() if value is not None})
