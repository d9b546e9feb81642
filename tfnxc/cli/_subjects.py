"""What `tfnxc evaluate` measures: runs, the baseline and saved scores on the splits that were asked for."""

from __future__ import annotations

import collections
import hashlib
import pathlib
import re

from tfnxc import training
from tfnxc.cli._console import cmc_tables, console, progress_bar
from tfnxc.cli._measure import of_colour_histogram, of_run, of_saved, write_curves
from tfnxc.cli._sources import open_source
from tfnxc.datasets import CATALOGUE, ImageSet, Split, dataset_splits
from tfnxc.errors import InputError
from tfnxc.evaluation import SavedScores, Summary, looks
from tfnxc.evaluation.published import published_figures
from tfnxc.files import write_json
from tfnxc.training.run import versions


def subjects(
    folders, baseline, files, results, dataset, data, split_name, partial, state, both_orders, flips, **scoring
):
    """What is measured, one after the other: `(name, data set, Subject)`."""
    shown = looks(both_orders, flips)
    for folder in folders:
        run = training.Run.open(folder)
        of = dataset or run.settings["dataset"]
        people = open_source(of, data or (run.record["data"] if of == run.settings["dataset"] else None))
        own = of == run.settings["dataset"]
        if split_name is None and own:
            splits = [Split.from_dict(run.record["split"])]
        else:
            splits = dataset_splits(of, people, split_name)
        for split in splits:
            if partial:
                split = split.among(people.people)
            if own:
                _check_unseen(run, split)
            tested, images = _pictures(split, people)
            at_home = own and split.digest == run.record["split_digest"]
            about = {"dataset": of, "split": split.name, "split_digest": split.digest, "data": data}
            prefix = "-".join([state, *([] if at_home else [of, split.name]), *_marks(both_orders, flips)])
            name = f"{run.folder.name}-{prefix}"
            yield name, of, of_run(run, tested, images, state, shown, about=about, prefix=prefix, **scoring)
    if baseline is not None:
        of = dataset or (training.Run.open(folders[0]).settings["dataset"] if folders else None)
        if of is None:
            raise InputError("--baseline needs --dataset, and --data where the set lies on disk.")
        people = open_source(of, data or (training.Run.open(folders[0]).record["data"] if folders else None))
        names = [split_name] if split_name or not folders else []
        splits = [split for name in names for split in dataset_splits(of, people, name)]
        splits = splits or [Split.from_dict(training.Run.open(folder).record["split"]) for folder in folders]
        for split in splits:
            if partial:
                split = split.among(people.people)
            tested, images = _pictures(split, people)
            about = {"dataset": of, "split": split.name, "split_digest": split.digest}
            yield f"{baseline}-{split.name}", of, of_colour_histogram(tested, images, about, pathlib.Path(results))
    for file in files:
        saved = SavedScores.load(file)
        people = ImageSet(
            saved.about.get("dataset", "saved"),
            saved.names,
            saved.identities,
            saved.cameras,
            _no_pictures,
            saved.probes,
        )
        name = pathlib.Path(file).stem
        yield name, saved.about.get("dataset", "saved"), of_saved(saved, people, pathlib.Path(results), name)


def default_protocols(dataset):
    """Protocols of a data set where none is named: its own, and the paper's where images are drawn."""
    own = CATALOGUE[dataset].default_protocol if dataset in CATALOGUE else "cross-camera"
    return (own,) if own == "market" else (own, "paper")


def report(found, results):
    """Prints the tables of what was measured, and writes the summaries over several splits.

    Args:
        found: `(data set, list of Measured)` of each subject.
        results: Folder of the summaries.
    """
    groups = collections.defaultdict(list)
    for dataset, measured in found:
        for each in measured:
            family = re.sub(r"-\d+$", "", each.subject.about.get("split", ""))
            groups[dataset, family, len(each.subject.people.people), each.result.protocol, each.subject.label].append(
                each
            )
    tables = collections.defaultdict(list)
    for (dataset, family, identities, protocol, label), members in groups.items():
        summary = Summary.of(each.result for each in members)
        rates = [each.pairs_per_second for each in members if each.pairs_per_second]
        rate = sum(rates) / len(rates) if rates else None
        tables[dataset, family, identities].append((label, summary, rate))
        if len(members) > 1:
            splits = {each.subject.about["split"]: each.subject.about["split_digest"] for each in members}
            about = {"label": label, "dataset": dataset, "splits": splits, "pairs_per_second": rate}
            digest = hashlib.sha256(str(sorted(splits.items())).encode()).hexdigest()[:8]
            name = f"summary-{_file_name(label)}-{family}-{len(splits)}splits-{digest}-{protocol}"
            path = results / f"{name}-{summary.results[0].ties}.json"
            write_json(path, {**summary.to_dict(), **about, "versions": versions()})
            write_curves(path, label, summary.curves(), f"{dataset}, {family}, {len(splits)} splits")
            console.print(f"Summary: {path}")
    for (dataset, family, identities), rows in tables.items():
        published = published_figures(dataset, identities)
        cmc_tables(f"{dataset}, {family}, {identities} test identities", rows, published)


def _pictures(split, people):
    """The test part of a split and its pictures."""
    try:
        tested = split.test_part(people)
    except InputError as error:
        raise InputError(f"{error} To test on the part that is there, add --partial.") from None
    with progress_bar(f"Reading pictures, {split.name}", len(tested)) as advance:
        return tested, tested.images(progress=advance)


def _check_unseen(run, split):
    seen = sorted(set(split.test) & set(run.record["split"]["train"]))
    if seen:
        raise InputError(
            f"{run.folder} was trained on {len(seen)} of the {len(split.test)} test identities of {split.name}, such "
            f"as {seen[0]}: its figures there would mean nothing. Train a run on that split."
        )


def _marks(both_orders, flips):
    return [mark for mark, given in (("both-orders", both_orders), ("flips", flips)) if given]


def _file_name(label):
    return re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-").lower()


def _no_pictures(index):
    raise InputError("saved scores hold no pictures.")
