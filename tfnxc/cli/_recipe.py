"""The options of a training recipe, one for each field of `Recipe`."""

from __future__ import annotations

import dataclasses
import typing

import click

from tfnxc.recipes import RECIPES, Recipe


def recipe_options(command):
    """Adds `--recipe` and an option for each field of a recipe to a command, which receives them by `recipe_of`."""
    types = typing.get_type_hints(Recipe)
    for field in reversed(dataclasses.fields(Recipe)):
        option = f"--{field.name.replace('_', '-')}"
        accepted = _click_type(types[field.name], field.metadata["choices"], field.metadata["range"])
        command = click.option(option, field.name, type=accepted, help=field.metadata["help"])(command)
    about = "Where the options below are not given. published: SPEC section 4; grouped: the best found on CUHK01."
    return click.option(
        "--recipe", "recipe_name", default="published", show_default=True, type=click.Choice(list(RECIPES)), help=about
    )(command)


def _click_type(kind, choices, limits):
    if choices:
        return click.Choice(list(choices))
    ranges = {int: click.IntRange, float: click.FloatRange}
    return ranges[kind](**dataclasses.asdict(limits)) if limits is not None else kind


def recipe_of(name, options):
    """The `Recipe` of that name with the options that were given; others than a recipe's are left alone."""
    given = {field.name: options[field.name] for field in dataclasses.fields(Recipe)}
    return Recipe.named(name, **{name: value for name, value in given.items() if value is not None})
