"""`tfnxc train`."""

from __future__ import annotations

import re

import click

from tfnxc.cli._recipe import recipe_of, recipe_options
from tfnxc.cli._repeatable import add_up_in_order
from tfnxc.cli._sources import OTHER_PEOPLE, SEED, SOURCES
from tfnxc.errors import InputError
from tfnxc.evaluation.guard import default_protocol, of_one_camera, open_source, refuse_seen


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
@recipe_options
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="NAME=PATH",
    help="Another data set, all of whose people train too. May be given several times.",
)
@click.option(
    "--from",
    "source",
    type=click.Path(),
    help="Run folder or .keras file with whose weights a new training begins; or pretrained, the model that comes with "
    "tfnxc: for sets of few people.",
)
@OTHER_PEOPLE
@click.option(
    "--validate",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Training people who are held back and ranked after each pass; the best model is kept too.",
)
@click.option(
    "--validate-every",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Passes from one ranking to the next.",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    help="Stop after so many rankings of those without a better rank 1, or of equal ones a better mAP.",
)
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's files into the run folder too.")
@click.option(
    "--strategy",
    "strategy_name",
    default="none",
    show_default=True,
    type=click.Choice(["none", "mirrored", "multi-worker"]),
    help="Share each batch among the GPUs of this machine, or among the processes that TF_CONFIG names.",
)
@click.option("--seed", default=0, show_default=True, type=SEED, help="Initialization, pairs, augmentation.")
@click.option(
    "--checkpoint-seconds",
    default=300.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Time between checkpoints in the middle of a pass.",
)
def train(
    dataset,
    data,
    split_name,
    partial,
    model,
    search_size,
    folder,
    recipe_name,
    others,
    source,
    other_people,
    validate,
    validate_every,
    patience,
    tensorboard,
    strategy_name,
    seed,
    checkpoint_seconds,
    **options,
):
    """Trains a model with the published recipe, unless --recipe or other options say otherwise.

    The run folder receives the settings, the model before and after training, and the history. The same command on the
    same folder goes on where it was stopped or killed, and ends with the same model.

    \b
    tfnxc train synthetic --epochs 5 --optimizer adam --learning-rate 0.001
    tfnxc train cuhk01 --data cuhk01/campus --split cuhk01-486-01
    tfnxc train cuhk01 --data cuhk01/campus --recipe grouped --with cuhk03-labeled=cuhk-03.mat --run runs/both
    tfnxc train viper --data viper --recipe grouped --from runs/both --learning-rate 0.002
    tfnxc train grid --data underground_reid --recipe grouped --from pretrained --learning-rate 0.002
    """
    from tfnxc import training
    from tfnxc.console import console, progress_bar
    from tfnxc.datasets import domains_of
    from tfnxc.distribution.scoring import is_chief
    from tfnxc.training.distribution import start_run, training_strategy

    if patience and not validate:
        raise InputError("--patience looks at the people of --validate; say how many are held back.")
    add_up_in_order()
    # Several workers have to meet before TensorFlow does anything else.
    strategy = training_strategy(strategy_name)
    console.quiet = not is_chief(strategy)  # the chief speaks for all
    people = open_source(dataset, data)
    split = _split(dataset, people, split_name, partial)
    fitted = split.hold_back(validate, seed) if validate else split
    try:
        trainees, tested = fitted.training_part(people), split.test_part(people)
        held_back = people.of_identities(fitted.test) if validate else None
    except InputError as error:
        raise InputError(f"{error} To train with the part that is there, add --partial.") from None
    _check_measurable(dataset, tested)
    if held_back is not None and of_one_camera(held_back):
        raise InputError(
            "--validate ranks across cameras, and those whom it holds back were seen by one. Leave it out, or say "
            "which camera took a picture: docs/datasets.md."
        )
    search_size = _search_size(search_size)
    recipe = recipe_of(recipe_name, options)
    recipe.make_optimizer(1)  # an unknown optimizer fails before the pictures are read
    others = [open_source(*_named_path(each)) for each in others]
    sets = [trainees, *(each.of_identities(each.people) for each in others)]
    recipe = recipe if options["epochs"] else _long_enough(recipe, sum(map(len, sets)))
    weights, digest, before, fitted_on = _weights(source)
    with_them = [(each.name, each.people) for each in sets[1:]]
    before, fitted_on = [*before, *with_them], [*fitted_on, *with_them]
    _check_unseen(before, dataset, split, other_people, "test identities")
    if validate:
        _check_unseen(fitted_on, dataset, fitted, other_people, "people whom --validate holds back")
    settings = {"dataset": dataset, "model": model, "search_size": search_size, "seed": seed, **vars(recipe)}
    # What was not asked for is not written down, so that runs of before go on.
    settings |= {"with": [each.name for each in sets[1:]]} if others else {}
    by_place = recipe.pairs == "grouped" and any(len(set(domains_of(each).tolist())) > 1 for each in sets)
    settings |= {"places": True} if by_place else {}
    settings |= {"from": digest} if source else {}
    settings |= {"other_people": True} if other_people else {}
    settings |= {"validate": validate} if validate else {}
    run = start_run(strategy, folder or f"runs/{dataset}-{model}", settings, split, data, before, fitted_on)
    callbacks = _callbacks(run, tensorboard)  # a missing TensorBoard fails before the pictures are read
    with progress_bar("Reading pictures", sum(map(len, sets)) + len(held_back or ())) as advance:
        images, identities, cameras, sources = _joined(sets, by_place, advance)
        validation = held_back and (held_back.images(progress=advance), held_back.identities, held_back.cameras)
    console.print(
        f"Training {model} on {len(trainees.people)} identities of {dataset}, split {split.name} ({split.digest}), "
        f"{''.join(f'{len(each.people)} of {each.name}, ' for each in sets[1:])}into {run.folder}"
    )
    training.train(
        run,
        model,
        images,
        identities,
        recipe,
        seed,
        search_size,
        callbacks=callbacks,
        console=console,
        cameras=cameras,
        domains=sources,
        weights=weights,
        validation=validation,
        validate_every=validate_every,
        patience=patience,
        strategy=strategy,
        checkpoint_seconds=checkpoint_seconds,
    )
    if run.stopped_early:
        console.print(
            f"Stopped after {run.epochs_done} of {recipe.epochs} epochs: {patience} rankings without a better."
        )
    console.print(f"Trained. Measure it with: tfnxc evaluate {run.folder}")
    if run.epochs_of("best") not in (0, run.epochs_done):
        console.print(f"The best by --validate is that of pass {run.epochs_of('best')}: --state best measures it.")


def _long_enough(recipe, images):
    """The recipe for so many images; says so where that changes it."""
    from tfnxc.console import console

    longer = recipe.for_images(images)
    if longer != recipe:
        epochs = f"{longer.epochs} epochs, not {recipe.epochs}"
        console.print(f"Note: {epochs}, because {images} pictures are few; --epochs says otherwise.")
    return longer


def _named_path(text):
    """(name, path) of NAME=PATH; a set that needs nothing on disk may be named alone."""
    name, _, path = text.partition("=")
    if name not in SOURCES:
        raise InputError(f"--with takes NAME=PATH, the name one of {', '.join(SOURCES)}; got {text!r}.")
    return name, path or None


def _joined(sets, by_place, advance):
    """Images, identities, cameras and sources, that is the number of the set and perhaps the place of each, of several
    sets as one.
    """
    import numpy as np

    from tfnxc.datasets import domains_of

    images = np.concatenate([each.images(progress=advance) for each in sets])
    identities, start = [], 0
    for each in sets:
        identities.append(each.identities + start)
        start = int(identities[-1].max()) + 1
    cameras = np.concatenate([each.cameras for each in sets])
    sources = np.repeat(np.arange(len(sets)), list(map(len, sets)))
    if by_place:  # camera 0 of one is not camera 0 of another
        places = np.concatenate([domains_of(each) for each in sets])
        sources = np.unique([sources, places], axis=1, return_inverse=True)[1].reshape(-1)
    return images, np.concatenate(identities), cameras, sources


def _weights(source):
    """The model of a run folder or file, the digest of its file, and where that is known on whom it was trained: with
    those whom its own validation held back, and without.
    """
    import pathlib

    from tfnxc import models
    from tfnxc.training import Run, load_model

    if source is None:
        return None, None, [], []
    if source == "pretrained" and pathlib.Path(source).exists():
        raise InputError("--from pretrained is the model that comes with tfnxc; for what lies here, ./pretrained.")
    if source == "pretrained":  # of drawn people that no data set has
        return models.pretrained(), models.pretrained_card()["digest"], [], []
    if not pathlib.Path(source).is_dir():
        return *load_model(source), [], []
    run = Run.open(source)
    return *run.load_model(), run.trained_on, run.fitted_on


def _check_unseen(before, dataset, split, other_people, who):
    """Refuses weights and pictures of people who are to be tested."""

    def says(name, count, one):
        return (
            f"{count} of the {len(split.test)} {who} of {split.name}, such as {one}, are among those of {name} that "
            "--with or --from brings into the training: what is measured would mean nothing."
        )

    refuse_seen(before, dataset, split, other_people, says)


def _callbacks(run, tensorboard):
    from tfnxc.callbacks.tensorboard import tensorboard as tensorboard_callback

    return [tensorboard_callback(run.folder / "tensorboard")] if tensorboard else []


def _split(dataset, people, name, partial):
    """The one split of a name, or of the data set where there is none; of those on disk where they are not all."""
    from tfnxc.datasets import dataset_splits

    splits = dataset_splits(dataset, people, name)
    if len(splits) > 1:
        raise InputError(f"{name} is {len(splits)} splits; name one of them, such as {splits[0].name}.")
    return splits[0].among(people.people) if partial else splits[0]


def _check_measurable(dataset, people):
    """What cannot be measured fails now, not after the training; what counts for nothing is said."""
    from tfnxc.console import console
    from tfnxc.datasets import CATALOGUE
    from tfnxc.evaluation import EvaluationPlan, draw_trials

    protocol = default_protocol(dataset, people)
    if protocol != CATALOGUE[dataset].default_protocol:
        console.print(
            f"Note: all test pictures are of one camera, so that they will be measured by the protocol {protocol}; "
            "docs/datasets.md says how to tell which camera took a picture."
        )
    plan = EvaluationPlan.of(protocol, people)
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
