"""`tfnxc train`."""

from __future__ import annotations

import re

import click

from tfnxc.cli._sources import SEED, SOURCES, open_source
from tfnxc.errors import InputError


@click.command()
@click.argument("dataset", type=click.Choice(list(SOURCES)))
@click.option("--data", type=click.Path(), help="Where the data set lies: its folder, or its file.")
@click.option("--split", "split_name", default=None, help="See tfnxc splits. Default: as tfnxc datasets list says.")
@click.option(
    "--partial", is_flag=True, help="Only a part of the data set is there: leave who is missing out of the split."
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
@click.option(
    "--positives",
    default="any",
    show_default=True,
    type=click.Choice(["any", "cross-camera"]),
    help="Pairs of one person's images: any two, or only those by different cameras.",
)
@click.option(
    "--negatives",
    default="uniform",
    show_default=True,
    type=click.Choice(["uniform", "hard"]),
    help="Images of others: any, or in part those that the model confuses most at the start of each pass.",
)
@click.option(
    "--hard-share",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the negatives that are hard, with --negatives hard.",
)
@click.option(
    "--pool",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Images of others that are scored for each probe to find the hardest.",
)
@click.option("--seed", default=0, show_default=True, type=SEED, help="Initialization, pairs, augmentation.")
@click.option(
    "--checkpoint-seconds",
    default=300.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Time between checkpoints in the middle of a pass.",
)
def train(dataset, data, split_name, partial, model, search_size, folder, seed, checkpoint_seconds, **recipe):
    """Trains a model with the published recipe, unless options say otherwise.

    The run folder receives the settings, the model before and after training, and the history. The same command on the
    same folder goes on where it was stopped or killed, and ends with the same model.

    \b
    tfnxc train synthetic --passes 5 --optimizer adam --learning-rate 0.001
    tfnxc train cuhk01 --data cuhk01/campus --split cuhk01-486-01
    tfnxc train cuhk01 --data cuhk01/campus --positives cross-camera --negatives hard
    """
    from tfnxc import training
    from tfnxc.cli._console import console, progress_bar

    people = open_source(dataset, data)
    split = _split(dataset, people, split_name, partial)
    try:
        trainees, tested = split.training_part(people), split.test_part(people)
    except InputError as error:
        raise InputError(f"{error} To train with the part that is there, add --partial.") from None
    _check_measurable(dataset, tested)
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
    training.train(
        run,
        model,
        images,
        trainees.identities,
        recipe,
        seed,
        search_size,
        verbose=1 if console.is_terminal else 2,  # a bar, or in a log file one line a pass
        cameras=trainees.cameras,
        checkpoint_seconds=checkpoint_seconds,
    )
    console.print(f"Trained. Measure it with: tfnxc evaluate {run.folder}")


def _split(dataset, people, name, partial):
    """The one split of a name, or of the data set where there is none; of those on disk where they are not all."""
    from tfnxc.datasets import dataset_splits

    splits = dataset_splits(dataset, people, name)
    if len(splits) > 1:
        raise InputError(f"{name} is {len(splits)} splits; name one of them, such as {splits[0].name}.")
    return splits[0].among(people.people) if partial else splits[0]


def _check_measurable(dataset, people):
    """What cannot be measured fails now, not after the training; what counts for nothing is said."""
    from tfnxc.cli._console import console
    from tfnxc.datasets import CATALOGUE
    from tfnxc.evaluation import Evaluation, draw_trials

    protocol = CATALOGUE[dataset].default_protocol
    plan = Evaluation.of(protocol, people)
    labels = [values[side] for values in (people.identities, people.cameras) for side in (plan.rows, plan.columns)]
    (trials,) = draw_trials(*labels, protocol, repeats=1)
    unmatched = sum(trial.unmatched for trial in trials)
    if unmatched:
        console.print(f"Note: {unmatched} test pictures have no match under {protocol} and are no probes there.")


def _search_size(text):
    """(rows, columns) of a text such as 5x5 or 5xall; None for None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d*[13579])x(\d*[13579]|all)", text)
    if not match:
        raise InputError(f"--search takes odd rows x odd columns or all, such as 5x5 or 5xall; got {text!r}.")
    return int(match[1]), None if match[2] == "all" else int(match[2])
