"""`tfnxc export`."""

from __future__ import annotations

import re

import click


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.option("--name", required=True, help="Name of the model on the server: letters, digits, - and _.")
@click.option("--version", "number", default=None, type=click.IntRange(1), help="Default: one more than the last.")
@click.option(
    "--to", "savedmodels", default="savedmodels", show_default=True, type=click.Path(), help="Folder of all models."
)
def export(folder, name, number, savedmodels):
    """Writes the trained model of a run as a SavedModel: savedmodels/NAME/VERSION.

    It loads where there is TensorFlow and no tfnxc: TensorFlow Serving, saved_model_cli, any program.

    \b
    tfnxc export runs/cuhk01-normxcorr --name campus
    saved_model_cli show --dir savedmodels/campus/1 --all
    saved_model_cli run --dir savedmodels/campus/1 --tag_set serve --signature_def serving_default \
        --inputs "probe=probe.npy;gallery=gallery.npy"
    """
    import pathlib

    from tfnxc import serving, training
    from tfnxc.cli._console import console
    from tfnxc.cli._measure import warn_if_unfinished
    from tfnxc.errors import InputError

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise InputError(f"--name takes letters, digits, - and _, a letter or digit first; got {name!r}.")
    run = training.Run.open(folder)
    warn_if_unfinished(run)
    model, _ = run.load_model()
    console.print(f"Exported: {serving.export_model(model, pathlib.Path(savedmodels) / name, number)}")
