"""`tfnxc train`."""

import pathlib

import click

from tfnxc.cli._options import OTHER_PEOPLE, SEED
from tfnxc.cli._printing import as_json_option, print_json
from tfnxc.cli._recipe import MINUTES, check_one_length, recipe_changes, recipe_options
from tfnxc.cli._tower import search_size_of, tower_of, tower_options
from tfnxc.datasets import CATALOGUE, open_dataset
from tfnxc.errors import InputError


@click.command(context_settings={"show_default": True})
@click.argument("dataset", type=click.Choice(list(CATALOGUE)))
@click.option("--data", type=click.Path(), help="Where the data set lies: its folder, or its file.")
@click.option("--split", "split_name", default=None, help="See tfnxc splits. Default: as tfnxc datasets list says.")
@click.option("--partial", is_flag=True, help="A part of the data set is there: leave who is missing out of the split.")
@click.option("--model", default="normxcorr", type=click.Choice(["ahmed", "normxcorr", "fused"]))
@tower_options
@click.option("--search", "search_size", help="Search window, e.g. 5x5 or 5xall. Default: the model's own.")
@click.option("--run", "folder", default=None, help="Run folder. Default: runs/DATASET-MODEL.", type=click.Path())
@recipe_options
@MINUTES
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="NAME=PATH",
    help="Another data set, all of whose people train too. May be given several times.",
)
@click.option(
    "--from",
    "weights",
    type=click.Path(),
    help="Run folder or .keras file with whose weights a new training begins; or pretrained, the model that comes with "
    "tfnxc: for sets of few people.",
)
@OTHER_PEOPLE
@click.option(
    "--validate",
    default=0,
    type=click.IntRange(0),
    help="Training people who are held back and ranked after each epoch; the best model is kept too.",
)
@click.option("--validate-every", default=1, type=click.IntRange(1), help="Epochs from one ranking to the next.")
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
    type=click.Choice(["none", "mirrored", "multi-worker"]),
    help="Share each batch among the GPUs of this machine, or among the processes that TF_CONFIG names.",
)
@click.option("--seed", default=0, type=SEED, help="Initialization, pairs, augmentation.")
@click.option(
    "--checkpoint-seconds", default=300.0, type=click.FloatRange(0), help="Time between checkpoints inside an epoch."
)
@as_json_option
def train(
    dataset,
    data,
    folder,
    recipe_name,
    others,
    model,
    validate,
    patience,
    strategy_name,
    seed,
    minutes,
    as_json,
    **options,
):
    """Trains a model with the recipe that ranks held-back people best, unless --recipe or other options say otherwise.

    The run folder receives the settings, the model before and after training, and the history. The same command on the
    same folder goes on where it was stopped or killed, and ends with the same model. Ctrl-C and SIGTERM save first.

    \b
    tfnxc train synthetic --minutes 5
    tfnxc train cuhk01 --data cuhk01/campus --split cuhk01-486-01
    tfnxc train cuhk01 --data cuhk01/campus --recipe published --run runs/published
    tfnxc train cuhk01 --data cuhk01/campus --with cuhk03-labeled=cuhk-03.mat --run runs/both
    tfnxc train viper --data viper --from runs/both
    tfnxc train grid --data underground_reid --from pretrained
    """
    from tfnxc import training
    from tfnxc.callbacks import TensorBoard
    from tfnxc.console import console
    from tfnxc.distribution import is_chief, training_strategy
    from tfnxc.training.ending import saving_when_asked_to_end, where_it_stopped

    if patience and not validate:
        raise InputError("--patience looks at the people of --validate; say how many are held back.")
    check_one_length(minutes, options)
    tower = tower_of(options)
    training.make_deterministic()
    strategy = training_strategy(strategy_name)  # before TensorFlow does anything else: several workers have to meet
    console.quiet = not is_chief(strategy)  # the chief speaks for all
    sets = [open_dataset(*_named_path(each)) for each in others]
    promised = options["other_people"], options["partial"]
    data = training.TrainingData(open_dataset(dataset, data), options["split_name"], sets, *promised, data)
    folder = pathlib.Path(folder or f"runs/{dataset}-{model}")
    fitted = data.holding_back(validate, seed) if validate else data
    begins = {"after_another": options["weights"] is not None, "minutes": minutes, "console": console}
    recipe = training.choose_recipe(folder, fitted, recipe_name, **begins, **recipe_changes(options))
    start = training.Start(model, search_size_of(options["search_size"]), options["weights"], seed, tower)
    with saving_when_asked_to_end():
        try:
            run = training.train(
                folder,
                data,
                recipe,
                minutes=minutes,
                start=start,
                validation=training.Validation(validate, options["validate_every"], patience),
                callbacks=[TensorBoard(folder / "tensorboard")] if options["tensorboard"] else [],
                execution=training.Execution(strategy, options["checkpoint_seconds"], console),
            )
        except SystemExit:
            console.print(where_it_stopped(folder))
            raise
    done, best = run.epochs_done, run.epochs_of("best")
    if run.stopped_early:
        console.print(
            f"Stopped after {done} of {run.settings.recipe.epochs} epochs: {patience} rankings without a better."
        )
    console.print(f"Trained. Measure it with: tfnxc evaluate {run.folder}")
    if best not in (0, done):
        console.print(f"The best by --validate is that of epoch {best}: --state best measures it.")
    if as_json and is_chief(strategy):
        print_json(run.to_dict())


def _named_path(text):
    """(name, path) of NAME=PATH; a set that needs nothing on disk may be named alone."""
    name, _, path = text.partition("=")
    if name not in CATALOGUE:
        raise InputError(f"--with takes NAME=PATH, the name one of {', '.join(CATALOGUE)}; got {text!r}.")
    return name, path or None
