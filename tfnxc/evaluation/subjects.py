"""What `tfnxc evaluate` measures: runs, the baseline and saved scores on the splits that were asked for."""

from __future__ import annotations

import collections
import hashlib
import json
import pathlib
import re

from tfnxc import training
from tfnxc.console import cmc_tables, console, progress_bar
from tfnxc.datasets import CATALOGUE, ImageSet, Split, dataset_splits
from tfnxc.errors import InputError
from tfnxc.evaluation import SavedScores, views
from tfnxc.evaluation.groups import grouped
from tfnxc.evaluation.guard import default_protocol, open_source, refuse_seen
from tfnxc.evaluation.measure import of_colour_histogram, of_run, of_saved, write_curves
from tfnxc.files import write_json
from tfnxc.metrics.published import published_figures
from tfnxc.runs.run import versions


def subjects(
    folders,
    baseline,
    files,
    results,
    dataset,
    data,
    split_name,
    partial,
    held_back,
    state,
    other_people,
    both_orders,
    flips,
    **scoring,
):
    """What is measured, one after the other: `(name, data set, Subject)`; names are those of result files."""
    shown, marks = views(both_orders, flips), _marks(both_orders, flips)
    tested_on = {}
    for folder in folders:
        run = training.Run.open(folder)
        of = dataset or run.settings["dataset"]
        own = of == run.settings["dataset"]
        people = open_source(of, data or (run.record["data"] if own else None))
        splits, promised = [Split.from_dict(run.record["split"])], other_people
        if held_back:
            splits = [_held_back(run, state)]
        elif not own or split_name is not None:
            splits = dataset_splits(of, people, split_name)
        else:
            _check_same_people(run, people, partial)
        if own and split_name is None and data is None:  # the people of whom the training was told
            promised = promised or run.settings.get("other_people", False)
        for split in splits:
            if state != "initial":
                trained_on = run.fitted_on if held_back else run.trained_on
                _check_unseen(run, trained_on, of, split, promised)
            split = split.among(people.people) if partial else split
            tested_on.setdefault((of, split.digest), (people, split))
            tested, images = _pictures(split, people)
            at_home = own and split.digest == run.record["split_digest"]
            about = {"dataset": of, "split": split.name, "split_digest": split.digest, "data": data}
            prefix = "-".join([state, *([] if at_home else [of, split.name]), *marks])
            name = f"{run.folder.resolve().name}-{prefix}"
            yield name, of, of_run(run, tested, images, state, shown, about=about, prefix=prefix, **scoring)
    if baseline is not None:
        if not folders:
            if dataset is None:
                raise InputError("--baseline needs --dataset, and --data where the set lies on disk.")
            people = open_source(dataset, data)
            for split in dataset_splits(dataset, people, split_name):
                split = split.among(people.people) if partial else split
                tested_on[dataset, split.digest] = people, split
        for (of, digest), (people, split) in tested_on.items():
            tested, images = _pictures(split, people)
            about = {"dataset": of, "split": split.name, "split_digest": digest}
            name = f"{baseline}-{of}-{split.name}"
            yield name, of, of_colour_histogram(tested, images, about, pathlib.Path(results))
    for file in files:
        saved = SavedScores.load(file)
        of, name = saved.about.get("dataset", "saved scores"), pathlib.Path(file).stem
        people = ImageSet(of, saved.names, saved.identities, saved.cameras, _no_pictures, saved.probes)
        yield name, of, of_saved(saved, people, pathlib.Path(results), name)


def check_options(folders, baseline, files, options):
    """Refuses options that could not have an effect, rather than ignoring them, or that contradict."""
    if options["held_back"]:
        if not folders:
            raise InputError("--held-back: name the runs whose held-back people are meant.")
        if options["dataset"] or options["split_name"]:
            raise InputError("--held-back means people of each run's own split: leave out --dataset and --split.")
    of_model = [name for name in ("both_orders", "flips", "batch_size", "other_people") if options[name]]
    of_data = [name for name in ("dataset", "data", "split_name", "partial") if options[name]]
    unused = of_model if not folders else []
    if files and not folders and baseline is None:
        unused = unused + of_data
    if unused:
        names = ", ".join(f"--{name.removesuffix('_name').replace('_', '-')}" for name in unused)
        raise InputError(f"{names}: no effect here; saved scores and the baseline are measured as they are.")


def default_protocols(dataset, people):
    """Protocols for people of a data set where none is named: its own, and the paper's where images are drawn."""
    own = default_protocol(dataset, people)
    return (own,) if own in ("market", "paper") else (own, "paper")


def report(found, results):
    """Prints the tables of what was measured, and writes the summaries over several splits.

    Args:
        found: `(name, data set, list of Measured)` of each subject.
        results: Folder of the summaries.
    """
    tables = collections.defaultdict(list)
    for group in grouped(found):
        rates = [each.pairs_per_second for _, each in group.members if each.pairs_per_second]
        rate = sum(rates) / len(rates) if rates else None
        tables[group.dataset, group.family, group.people].append((group.label, group.summary, rate))
        if len(group.members) > 1:
            _write_summary(results, group, rate)
    for (dataset, family, people), rows in tables.items():
        identities = "the" if people is None else people
        cmc_tables(f"{dataset}, {family}, {identities} test identities", rows, published_figures(dataset, people or 0))


def _write_summary(results, group, rate):
    summary, label = group.summary, group.members[0][1].subject.label
    kept = ("split", "split_digest", "model_digest", "looks", "state", "baseline")
    parts = [
        {"name": name, **{key: each.subject.about[key] for key in kept if key in each.subject.about}}
        for name, each in group.members
    ]
    first = summary.results[0]
    draws = {"repeats": first.repeats, "seed": first.seed, "probes": [each.result.probes for _, each in group.members]}
    digest = hashlib.sha256(json.dumps([parts, draws], sort_keys=True).encode()).hexdigest()[:8]
    scorer = f"{_file_name(label)}-{group.dataset}-{group.family}-{len(parts)}splits"
    path = results / f"summary-{scorer}-{first.protocol}-{first.ties}-{digest}.json"
    about = {"label": label, "dataset": group.dataset, "members": parts, **draws, "pairs_per_second": rate}
    write_json(path, {**summary.to_dict(), **about, "versions": versions()})
    write_curves(path, label, summary.curves(), f"{group.dataset}, {group.family}, {len(parts)} splits")
    console.print(f"Summary: {path}")


def _pictures(split, people):
    """The test part of a split and its pictures."""
    try:
        tested = split.test_part(people)
    except InputError as error:
        raise InputError(f"{error} To test on the part that is there, add --partial.") from None
    with progress_bar(f"Reading pictures, {split.name}", len(tested)) as advance:
        return tested, tested.images(progress=advance)


def _held_back(run, state):
    if run.held_back is None:
        raise InputError(f"--held-back: {run.folder} held nobody back; tfnxc train does with --validate N.")
    if state == "best":
        console.print(f"Note: the people held back chose the best model of {run.folder}; it does better on them.")
    return run.held_back


def _check_unseen(run, trained_on, dataset, split, other_people):
    """Refuses to test on people whom the run was trained on."""

    def says(_, count, one):
        return (
            f"{run.folder} was trained on {count} of the {len(split.test)} test identities of {split.name}, such as "
            f"{one}: its figures there would mean nothing. Train a run on that split."
        )

    refuse_seen(trained_on, dataset, split, other_people, says)


def _check_same_people(run, people, partial):
    """Own pictures are numbered by their names: others there, and the numbers are of other people."""
    split, official = run.record["split"], CATALOGUE[run.settings["dataset"]].identities
    if official is None and not partial and set(people.people.tolist()) != {*split["train"], *split["test"]}:
        raise InputError(
            f"the people on disk are not those of {run.folder}, so that their numbers may be other people's. Test on "
            "them as another set: name a --split, such as random-100-0, and add --other-people."
        )


def _marks(both_orders, flips):
    return [mark for mark, given in (("both-orders", both_orders), ("flips", flips)) if given]


def _file_name(label):
    return re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-").lower()


def _no_pictures(index):
    raise InputError("saved scores hold no pictures.")
