"""The options of a tower in the place of the model's own."""

import re

import click

from tfnxc.errors import InputError


def tower_options(command):
    """Adds `--tower` and `--freeze-tower` to a command, which receives the tower by `tower_of`."""
    freeze = click.option(
        "--freeze-tower", is_flag=True, help="Train the head alone: the weights of --tower stay as they are."
    )
    tower = click.option(
        "--tower",
        type=click.Path(),
        help="A .keras file of a model of one image to one feature map, in the place of the model's own tower: "
        "docs/towers.md. --l2 is for the head then, and --scaling for nothing.",
    )
    return tower(freeze(command))


def tower_of(options):
    """The tower in the file that was named, `None` without; options that could not have an effect are refused."""
    path, freeze = options["tower"], options["freeze_tower"]
    if path is None:
        if freeze:
            raise InputError("--freeze-tower: no effect without --tower, which it freezes.")
        return None
    if options["scaling"] is not None:
        raise InputError("--scaling: no effect on --tower, whose first layer makes of the images what it takes.")
    from tfnxc.models.pair_model import check_tower
    from tfnxc.runs import load_model

    tower, _ = load_model(path)
    try:
        check_tower(tower)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    if freeze:
        tower.trainable = False
    return tower


def search_size_of(text):
    """(rows, columns) of a text such as 5x5 or 5xall; None for None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d*[13579])x(\d*[13579]|all)", text)
    if not match:
        raise InputError(f"--search takes odd rows x odd columns or all, such as 5x5 or 5xall; got {text!r}.")
    return int(match[1]), None if match[2] == "all" else int(match[2])
