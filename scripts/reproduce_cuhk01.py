"""Trains and measures the three models on CUHK01, and puts the published figures beside them.

    python scripts/reproduce_cuhk01.py --data cuhk01/campus --cuhk03 cuhk-03.mat
    python scripts/reproduce_cuhk01.py --report
    python scripts/reproduce_cuhk01.py --report --add results-of-another-machine.json

For each model: a training on CUHK03, one for all partitions, as the authors start small sets from a larger one; then
for each partition (485 training and 486 test identities; 871 and 100) a training on CUHK01 that begins with its
weights, and the CMC of the partition's test identities under both protocols. Both are one training in two parts: the
rate stays where it is on CUHK03, and falls to 0 on CUHK01. Without --cuhk03 the trainings begin with random weights.

The ten partitions with 486 test identities are the published ones; with 100 test identities none were published, and
the package's own random ones are taken.

Every step is a `tfnxc` command that goes on where it was stopped, so this script may be killed at any moment and
started again. Its folder holds the runs, `steps.json` (time and peak memory of each step, over all of its starts), and
at the end `results.json` and `results.md`. No picture leaves the data folder.

Partitions may be shared among machines: `--partitions 3` here, `--partitions 1 2` there, and `--add` puts the results
together.
"""

import argparse
import itertools
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from steps import Step, add_folder_options, run_or_report
from tables import (
    IDENTITIES,
    PROTOCOLS,
    add_measuring_options,
    cell,
    drawing_of,
    evaluate_arguments,
    markdown,
    measured_of,
    published_cell,
    published_rows,
    result_of,
    spread_of,
    step_lines,
    steps_taken,
    train_arguments,
    training_lines,
    training_of,
    version_line,
    write_results,
)

from tfnxc.errors import InputError
from tfnxc.evaluation import TITLES

DRAWS = {486: 1, 100: 10}
"""Draws of the gallery by the number of test identities, unless --repeats says otherwise: all ten take hours of 486."""

PARTITIONS = range(1, 11)
RANKS = ("1", "5", "10", "20", "50")
FIGURES = (*(f"rank {rank}" for rank in RANKS), "mAP")

_ON_CUHK03 = {
    "grouped": ("--schedule", "constant", "--warmup", 0),
    "published": (),
}
"""What the training on CUHK03 changes of each recipe: a rate that has fallen to 0 and rises again undoes much."""


def steps_of(options):
    """All steps, in the order in which a table with all models is there soonest."""
    folder, steps, begin = options.to, [], {}
    positives = () if options.positives is None else ("--positives", options.positives)
    for model in options.models:
        begin[model] = (), ()
        if options.cuhk03:
            run, name = _pretrained(folder, model), f"train cuhk03 {model}"
            where = "cuhk03-labeled", options.cuhk03, "cuhk03-classic-01", options.pretrain_epochs
            words = (
                *train_arguments(options, run, model, *where),
                *_ON_CUHK03[options.recipe],
                *positives,
                "--partial",
            )
            steps.append(Step.of_tfnxc(name, words, run))
            begin[model] = ("--from", run), (name,)
    for test, partition, model in itertools.product(options.test_identities, options.partitions, options.models):
        split = _split(test, partition)
        run, name = _run(folder, split, model), f"train {split} {model}"
        source, after = begin[model]
        words = train_arguments(options, run, model, "cuhk01", options.data, split, options.epochs)
        steps.append(Step.of_tfnxc(name, (*words, *source, *positives), run, after))
        words = evaluate_arguments(run, *_draws(options, test))
        steps.append(Step.of_tfnxc(f"evaluate {split} {model}", words, run, (name,)))
    return steps


def results_of(options, log):
    """What there is, as plain types: a row for each model, protocol and way to train it that has a result."""
    from tfnxc.runs.run import versions

    found = {}
    for test, model, protocol, partition in itertools.product(DRAWS, TITLES, PROTOCOLS, PARTITIONS):
        run = _run(options.to, _split(test, partition), model)
        result = result_of(run, protocol, *_draws(options, test))
        if result is not None:
            # What was trained otherwise is another row, not part of a mean.
            drawn = _drawn(run, _pretrained(options.to, model), result["settings"])
            kind = test, model, json.dumps([protocol, result["settings"], drawn], sort_keys=True)
            found.setdefault(kind, {})[partition] = {**result, "drawn": drawn}
    results = {
        "data": "CUHK01",
        "unit": "per cent",
        "rows": [_row(test, model, measured) for (test, model, _), measured in found.items()],
        "trainings": _trainings(options.to, log),
        "steps": steps_taken(log),
        "versions": versions(),
    }
    kinds = _kinds(results, options.to) if options.add else {}
    results["added"] = [each for path in options.add for each in _added(results, kinds, path)]
    results["rows"].sort(key=_place)
    shown = {(row["test_identities"], row["model"]) for row in results["rows"]}
    methods = {test: [title for model, title in TITLES.items() if (test, model) in shown] for test in DRAWS}
    return {**results, "published": [row for test in DRAWS for row in published_rows(methods[test], test)]}


def _place(row):
    return list(DRAWS).index(row["test_identities"]), list(TITLES).index(row["model"]), PROTOCOLS.index(row["protocol"])


def _drawn(run, before, settings):
    """In which way the groups of a run were drawn, and those of the training that it began from."""
    begun = settings.get("from") and (before / "run.json").exists()
    return [drawing_of(run), drawing_of(before) if begun else None]


def _row(test, model, measured):
    results = list(measured.values())
    figures = {f"rank {rank}": spread_of([each["ranks"][rank]["mean"] for each in results]) for rank in RANKS}
    figures["mAP"] = spread_of([each["mAP"]["mean"] for each in results])
    settings = [each["settings"] for each in results]
    row = {"test_identities": test, "model": model, "epochs": settings[0]["epochs"], "drawn": results[0]["drawn"]}
    row["partitions"] = list(measured)
    return {**row, "from": [each.get("from") for each in settings], **measured_of(results), "figures": figures}


def _added(results, kinds, path):
    """Puts the rows of another results file into those of `results`; gives how they came about, as a list.

    Args:
        results: What `results_of` gives, which is changed.
        kinds: The rows of `results` by their kind, likewise.
        path: The file.
    """
    try:
        other = json.loads(path.read_text(encoding="utf-8"))
        for row in other["rows"]:
            row.setdefault("test_identities", 486)  # of an earlier version, which had no others
            if not isinstance(row["from"], list):  # of an earlier version
                row["from"] = [row["from"]] * len(row["partitions"])
            lengths = {len(row[name]) for name in (*_OF_PARTITIONS, "splits")}
            lengths |= {len(row["figures"][name]["values"]) for name in FIGURES}
            if lengths != {len(row["partitions"])} or not _is_known(row):
                raise ValueError(f"a row of {row['model']}, {row['protocol']} is not whole")
        about = {"file": path.name, **{name: other[name] for name in ("trainings", "steps", "versions")}}
        found = _kinds({**other, "trainings": _all_trainings(other)}, path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"--add {path}: not a results file of this script ({type(error).__name__}: {error})."
        ) from error
    for kind, row in found.items():
        if kind in kinds:
            _extend(kinds[kind], row, path)
        else:
            kinds[kind] = row
            results["rows"].append(row)
    return [about, *other.get("added", [])]


def _is_known(row):
    return row["test_identities"] in DRAWS and row["model"] in TITLES and row["protocol"] in PROTOCOLS


_OF_PARTITIONS = ("partitions", "from", "probes", "gallery", "models")
"""What a row holds a partition."""


def _all_trainings(results):
    return [*results["trainings"], *(training for each in results.get("added", []) for training in each["trainings"])]


def _kinds(results, source):
    """The rows of a results file by what those have in common whose partitions make one mean."""
    found = {}
    for row in results["rows"]:
        kind = _kind(row, results["trainings"])
        if kind in found:
            raise InputError(
                f"{source} has two rows of {row['model']} under {row['protocol']}, {row['test_identities']} test "
                "identities, that were trained alike from other weights: which of them another machine's belongs to "
                "is not known."
            )
        found[kind] = row
    return found


def _kind(row, trainings):
    begun = all(row["from"])
    alike = [each for each in trainings if each["model"] == row["model"] and bool(each["from"]) == begun]
    alike = [each for each in alike if each["split"] in row["splits"]]
    if begun:
        alike += [each for each in trainings if each["model"] == row["model"] and each["dataset"] != "cuhk01"]
    about = ("dataset", "search_size", "with", "epochs_done", "recipe")
    how = {json.dumps([each[name] for name in about], sort_keys=True) for each in alike}
    drawn = tuple(row.get("drawn", (None, None)))  # not noted by an earlier version
    counts = row["draws"], row["both_orders"], tuple(sorted(set(row["probes"])))
    what = tuple(row[name] for name in ("test_identities", "model", "protocol", "epochs"))
    return *what, begun, drawn, *counts, *sorted(how)


def _extend(row, other, path):
    """Puts the partitions of a row into another of the same kind."""
    twice = sorted(set(row["partitions"]) & set(other["partitions"]))
    if twice:
        raise InputError(
            f"--add {path}: partition {twice[0]} of {row['model']} is there twice. A partition counts once: remove a "
            "run, or take a file without it."
        )
    order = np.argsort(row["partitions"] + other["partitions"])

    def joined(own, others):
        return [(own + others)[place] for place in order]

    row["splits"] = dict(joined(list(row["splits"].items()), list(other["splits"].items())))
    for name, spread in row["figures"].items():
        row["figures"][name] = spread_of(joined(spread["values"], other["figures"][name]["values"]))
    row.update({name: joined(row[name], other[name]) for name in _OF_PARTITIONS})


def _trainings(folder, log):
    """How every run of the folder was trained, those on CUHK03 first."""
    steps = {_pretrained(folder, model): f"train cuhk03 {model}" for model in TITLES}
    for test, partition, model in itertools.product(DRAWS, PARTITIONS, TITLES):
        split = _split(test, partition)
        steps[_run(folder, split, model)] = f"train {split} {model}"
    return [training_of(run, log, step) for run, step in steps.items() if (run / "run.json").exists()]


def _pretrained(folder, model):
    return folder / f"cuhk03-{model}"


def _split(test, partition):
    return f"cuhk01-{test}-{partition:02d}"


def _run(folder, split, model):
    return folder / f"{split}-{model}"


def _draws(options, test):
    """Draws of the gallery, and the most probes of each."""
    return DRAWS[test] if options.repeats is None else options.repeats, options.probes


def lines_of(results, log):
    """The results as lines of Markdown."""
    if not results["rows"]:
        return ["No results with these draws yet.", "", *training_lines(results["trainings"])]
    return [
        *(line for test in DRAWS for line in _table(results, test)),
        *training_lines(results["trainings"]),
        "",
        *step_lines(log, "evaluate"),
        "",
        version_line(results["versions"]),
        *(line for each in results["added"] for line in _added_lines(each)),
    ]


def _table(results, test):
    """The results with so many test identities as lines of Markdown; none where there are none."""
    found, published = (
        [row for row in results[name] if row["test_identities"] == test] for name in ("rows", "published")
    )
    if not found:
        return []
    ways = len({tuple(row.get("drawn", ())) for row in results["rows"]}) > 1
    rows = [
        (
            TITLES[row["model"]],
            row["protocol"],
            *(cell(row["figures"][name]) for name in FIGURES),
            f"{row['epochs']}{', from CUHK03' if all(row['from']) else ''}{_way(row) if ways else ''}",
            len(row["partitions"]),
            row["draws"],
            max(row["probes"]),
        )
        for row in found
    ]
    for row in published:
        cells = [published_cell(row, rank) for rank in RANKS]
        rows.append((f"{row['method']}, published", row["protocol"] or "?", *cells, *[""] * 5))
    several = any(len(row["partitions"]) > 1 for row in found)
    return [
        f"CUHK01, {IDENTITIES - test} training and {test} test identities, in per cent"
        f"{'; mean ± standard deviation over partitions' if several else ''}.",
        "",
        *markdown(("model", "protocol", *FIGURES, "epochs", "partitions", "draws", "probes"), rows),
        "",
    ]


def _way(row):
    return f", groups drawn in way {row['drawn'][0]}" if row.get("drawn", [None])[0] else ", groups drawn as before"


def _added_lines(added):
    return ["", f"Of {added['file']}:", "", *training_lines(added["trainings"]), "", version_line(added["versions"])]


def arguments(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of CUHK01; --report does without")
    parser.add_argument("--cuhk03", help="CUHK03 to begin with: cuhk-03.mat or a folder of extracted pictures")
    parser.add_argument("--models", nargs="+", default=list(TITLES), choices=TITLES, help="default: all")
    parser.add_argument(
        "--partitions", nargs="+", type=int, default=[1, 2, 3], choices=PARTITIONS, metavar="N", help="default: 1 2 3"
    )
    parser.add_argument(
        "--test-identities",
        nargs="+",
        type=int,
        default=list(DRAWS),
        choices=DRAWS,
        metavar="N",
        help="default: 486 100",
    )
    parser.add_argument("--pretrain-epochs", type=int, default=24, help="epochs over CUHK03 (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=70, help="epochs over CUHK01 (default %(default)s)")
    parser.add_argument("--positives", choices=("any", "cross-camera"), help="in all trainings; default: the recipe's")
    parser.add_argument(
        "--add",
        nargs="+",
        type=pathlib.Path,
        default=[],
        metavar="FILE",
        help="results.json of other machines, whose partitions are put together with those here",
    )
    told = ", ".join(f"{draws} of {test} test identities" for test, draws in DRAWS.items())
    add_measuring_options(parser, None, told)
    add_folder_options(parser, "runs/reproduce-cuhk01")
    options = parser.parse_args(words)
    if options.data is None and not options.report:
        parser.error("--data: say where CUHK01 lies")
    return options


def main(words=None):
    """Runs what is left to do, and writes the results."""
    options = arguments(words)
    log = run_or_report(options, steps_of(options))
    results = results_of(options, log)
    write_results(options.to, results, lines_of(results, log))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
