"""The options of a training recipe, as `tfnxc train` takes them."""

from __future__ import annotations

import click

NAMES = ("published", "grouped")
"""Names of `tfnxc.training.RECIPES`, which is not imported before it is needed because TensorFlow comes with it."""

_OPTIONS = {
    "optimizer": (str, "Any Keras optimizer by name, or kernel-muon; sgd has momentum 0.9."),
    "learning_rate": (click.FloatRange(0, min_open=True), "At its highest."),
    "schedule": (click.Choice(["published", "constant", "cosine"]), "Of the learning rate."),
    "warmup": (click.IntRange(0), "Steps over which a cosine first rises from 0."),
    "l2": (click.FloatRange(0), "L2 on weights and biases."),
    "batch_size": (click.IntRange(1), "Pairs a batch."),
    "accumulate": (click.IntRange(1), "Parts in which a batch of groups is computed, each in that much less memory."),
    "epochs": (
        click.IntRange(1),
        "Passes over the positive pairs, or with groups over the images; without it, of few images more epochs than "
        "the recipe has.",
    ),
    "pairs": (
        click.Choice(["separate", "grouped"]),
        "Each pair with two images of its own, or all pairs of groups of people: faster.",
    ),
    "identities_per_group": (click.IntRange(2), "Identities a group."),
    "positives": (
        click.Choice(["any", "cross-camera"]),
        "Pairs of one person's images: any two, or only those by different cameras.",
    ),
    "negatives": (
        click.Choice(["uniform", "hard"]),
        "Images of others: any, or in part those most like the probe, by the model or with groups by colour.",
    ),
    "hard_share": (click.FloatRange(0, 1, min_open=True), "Share of the negatives that are hard, if any are."),
    "pool": (click.IntRange(1), "Images or people among whom the hard ones are looked for."),
    "light": (click.FloatRange(0), "How far exposure, contrast and colours of images are changed; 1 is much."),
    "erase": (click.FloatRange(0, 1), "Share of images of which a rectangle is hidden."),
    "ranking": (click.FloatRange(0), "Weight of the ranking in the loss, with groups."),
    "smoothing": (click.FloatRange(0, 0.5, max_open=True), "Share of the target that goes to the other class."),
    "scaling": (click.Choice(["published", "centred"]), "Images as they are, or with their mean near 0."),
    "initializer": (click.Choice(["published", "he"]), "Of the weights."),
    "precision": (click.Choice(["float32", "mixed_bfloat16", "mixed_float16"]), "Keras dtype policy."),
}
"""For each field of `Recipe` its click type and its help."""


def recipe_options(command):
    """Adds `--recipe` and an option for each field of a recipe to a command, which receives them by `recipe_of`."""
    for name, (kind, about) in reversed(_OPTIONS.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, help=about)(command)
    about = "Where the options below are not given. published: SPEC section 4; grouped: the best found on CUHK01."
    return click.option(
        "--recipe", "recipe_name", default="published", show_default=True, type=click.Choice(NAMES), help=about
    )(command)


def recipe_of(name, options):
    """The `Recipe` of that name with the options that were given."""
    from tfnxc.training import Recipe

    return Recipe.named(name, **{field: value for field, value in options.items() if value is not None})
