"""`tfnxc train`."""

from __future__ import annotations

import re

import click

from tfnxc.cli._sources import SEED, SOURCES, open_source
from tfnxc.errors import InputError


@click.command()
@click.argument("dataset", type=click.Choice(list(SOURCES)))
@click.option("--data", type=click.Path(), help="Folder of the data set.")
@click.option(
    "--split", default=None, help="Split: see tfnxc datasets list. Default: the first published, or random-100-0."
)
@click.option("--model", default="normxcorr", type=click.Choice(["ahmed", "normxcorr", "fused"]), show_default=True)
@click.option(
    "--search", "search_size", default=None, help="Search window, e.g. 5x5 or 5xall. Default: the model's own."
)
@click.option("--run", "folder", default=None, help="Run folder. Default: runs/DATASET-MODEL.", type=click.Path())
@click.option("--passes", default=20, show_default=True, type=click.IntRange(1), help="Passes over the positive pairs.")
@click.option(
    "--optimizer", default="sgd", show_default=True, help="Any Keras optimizer by name; sgd has momentum 0.9."
)
@click.option("--learning-rate", default=0.005, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option(
    "--schedule", default="published", show_default=True, type=click.Choice(["published", "constant", "cosine"])
)
@click.option("--l2", default=5e-4, show_default=True, type=click.FloatRange(0), help="L2 on weights and biases.")
@click.option("--batch-size", default=128, show_default=True, type=click.IntRange(1), help="Pairs a batch.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Initialization, pairs, augmentation.")
def train(dataset, data, split, model, search_size, folder, seed, **recipe):
    r"""Trains a model with the published recipe, unless options say otherwise.

    The run folder receives the settings, the model before and after training, and the history. The same command on the
    same folder goes on after the last finished pass.

    \b
    tfnxc train synthetic --passes 5 --optimizer adam --learning-rate 0.001
    tfnxc train cuhk01 --data cuhk01/campus --split cuhk01-486-01
    """
    from tfnxc import training
    from tfnxc.cli._console import console, progress_bar
    from tfnxc.datasets import get_split
    from tfnxc.evaluation import PROTOCOLS, Evaluation

    people = open_source(dataset, data)
    split = get_split(split or {"cuhk01": "cuhk01-486-01"}.get(dataset, "random-100-0"), people.identities)
    trainees = people.of_identities(split.train)
    tested = people.of_identities(split.test)
    for protocol in PROTOCOLS:  # what cannot be measured fails now, not after the training
        Evaluation(protocol, tested.identities, tested.cameras, repeats=1).needed()
    search_size = _search_size(search_size)
    recipe = training.Recipe(**recipe)
    recipe.make_optimizer(1)  # an unknown optimizer fails before the pictures are read
    settings = {"dataset": dataset, "model": model, "search_size": search_size, "seed": seed, **vars(recipe)}
    run = training.Run.start(folder or f"runs/{dataset}-{model}", settings, split, data)
    with progress_bar("Reading pictures", len(trainees)) as advance:
        images = trainees.images(progress=advance)
    console.print(
        f"Training {model} on {len(split.train)} identities of {dataset}, split {split.name} ({split.digest}), "
        f"into {run.folder}"
    )
    verbose = 1 if console.is_terminal else 2  # a bar, or in a log file one line a pass
    training.train(run, model, images, trainees.identities, recipe, seed, search_size, verbose=verbose)
    console.print(f"Trained. Measure it with: tfnxc evaluate {run.folder}")


def _search_size(text):
    """(rows, columns) of a text such as 5x5 or 5xall; None for None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d*[13579])x(\d*[13579]|all)", text)
    if not match:
        raise InputError(f"--search takes odd rows x odd columns or all, such as 5x5 or 5xall; got {text!r}.")
    return int(match[1]), None if match[2] == "all" else int(match[2])
