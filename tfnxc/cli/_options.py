"""Options shared by several commands."""

import click

from tfnxc.datasets import CATALOGUE, open_dataset
from tfnxc.errors import InputError

# A promise: what is on disk does not tell whether person 7 of one folder is person 7 of another.
OTHER_PEOPLE = click.option(
    "--other-people",
    is_flag=True,
    help="Own pictures (folder, csv): these people are others than those of the training, though numbers are the same.",
)
SEED = click.IntRange(0, 2**32 - 1)  # what Keras takes

_OF_MODELS = ("both_orders", "flips", "batch_size", "other_people")
_OF_RUNS = (*_OF_MODELS, "state", "held_back", "strategy")
_OF_PEOPLE = ("dataset", "data", "split_name", "partial")


def check_options(folders, baseline, files, options):
    """Refuses options that could not have an effect, rather than ignoring them, or that contradict."""
    if options["held_back"]:
        if not folders:
            raise InputError("--held-back: name the runs whose held-back people are meant.")
        if options["dataset"] or options["split_name"]:
            raise InputError("--held-back means people of each run's own split: leave out --dataset and --split.")
    unused = [name for name in _OF_MODELS if options[name]] if not folders else []
    if files and not folders and baseline is None:
        unused += [name for name in _OF_PEOPLE if options[name]]
    if unused:
        names = ", ".join(f"--{name.removesuffix('_name').replace('_', '-')}" for name in unused)
        raise InputError(f"{names}: no effect here; saved scores and the baseline are measured as they are.")


def people_of(dataset, data, split_name):
    """The people of a data set and the split that tests them, as arguments of `evaluate`."""
    if dataset is None:
        raise InputError("--baseline needs --dataset, and --data where the set lies on disk.")
    return {"people": open_dataset(dataset, data), "split": split_name or CATALOGUE[dataset].default_split}


def where(run, dataset, data, split_name):
    """The people that a run is tested on, as arguments of `evaluate`."""
    if dataset in (None, run.settings.dataset):
        return {"split": split_name, "data": data}
    return {**people_of(dataset, data, split_name), "data": data}


def measured(folders, baseline, files, dataset, data, split_name, partial, **options):
    """The `Results` of each subject, one after the other; options are those of `evaluate`."""
    from tfnxc.evaluation import evaluate
    from tfnxc.runs import Run

    of_runs = {name: options.pop(name) for name in _OF_RUNS if name in options}
    tested = {}
    for folder in folders:
        run = Run.open(folder)
        found = evaluate(run, **where(run, dataset, data, split_name), partial=partial, **of_runs, **options)
        yield found
        for each in found.tested:
            tested.setdefault((each.dataset, each.split.digest), each)
    if baseline is not None and not folders:
        yield evaluate(baseline, **people_of(dataset, data, split_name), partial=partial, **options)
    elif baseline is not None:
        for each in tested.values():
            yield evaluate(baseline, each.people, split=each.split, **options)
    for file in files:
        yield evaluate(file, **options)
