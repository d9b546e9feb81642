"""What `tfnxc evaluate` and `tfnxc plot cmc` measure: runs, the baseline beside them, saved scores."""

from __future__ import annotations

from tfnxc.datasets import CATALOGUE, dataset_splits, open_dataset
from tfnxc.errors import InputError

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


def where(run, dataset, data, split_name):
    """The people that a run is tested on, as arguments of `evaluate`."""
    if dataset in (None, run.settings.dataset):
        return {"split": split_name, "data": data}
    split = split_name or CATALOGUE[dataset].default_split
    return {"people": open_dataset(dataset, data), "split": split, "data": data}


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
            tested.setdefault((each.dataset, each.split.digest), (each.people, each.split))
    if baseline is not None:
        if not folders:
            if dataset is None:
                raise InputError("--baseline needs --dataset, and --data where the set lies on disk.")
            people = open_dataset(dataset, data)
            tested = {split.digest: (people, split) for split in dataset_splits(dataset, people, split_name)}
        for people, split in tested.values():
            yield evaluate(baseline, people, split=split, partial=partial and not folders, **options)
    for file in files:
        yield evaluate(file, **options)
