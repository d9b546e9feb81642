"""Scoring and measuring, with the results written as JSON, CSV and PNG."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import pathlib
import time
from collections.abc import Callable

import numpy as np

from tfnxc import visualization
from tfnxc.console import console, progress_bars
from tfnxc.errors import InputError
from tfnxc.evaluation import CMC, EvaluationPlan, SavedScores, colour_histogram_scores
from tfnxc.files import replacing, write_json, write_text
from tfnxc.runs.run import versions
from tfnxc.scoring.model_scores import ModelScores


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured: a scorer of one set of test people.

    Args:
        label: What tables and plots call the scorer.
        people: `ImageSet` of the test people.
        about: What goes into every result file: data set, split, digests, settings.
        results: Folder of the result files, or `None` where none are written.
        prefix: How their names begin.
        score: `needed -> (read, pairs, seconds)`: scores what the boolean matrix marks; `read(rows, columns)` gives the
            scores; `pairs` were scored in `seconds`. `None` once it has been measured.
    """

    label: str
    people: object
    about: dict
    results: pathlib.Path | None
    prefix: str
    score: Callable | None


@dataclasses.dataclass(frozen=True)
class Measured:
    """A result with what it is of and how fast it was scored; `pairs_per_second` is `None` where nothing was scored."""

    subject: Subject
    result: CMC
    pairs_per_second: float | None


def of_run(
    run, people, images, state, shown, batch_size=None, strategy=None, scores=None, writes=True, about=None, prefix=None
):
    """The model of a run as a `Subject`.

    Args:
        run: The `Run`.
        people: `ImageSet` of the test people.
        images: Its pictures, `people.images()`.
        state: `"trained"`, `"best"` or `"initial"`.
        shown: The ways to show a pair, from `tfnxc.evaluation.views`.
        batch_size: Pairs at a time. Defaults to `None`: found by itself.
        strategy: A `tf.distribute.Strategy`. Defaults to `None`.
        scores: Folder for the scores. Defaults to `None`: that of the run.
        writes: Whether results go into the run folder. Defaults to `True`.
        about: More for the result files. Defaults to `None`.
        prefix: How their names begin. Defaults to `None`: the state.
    """
    warn_if_unfinished(run)
    # The variables of several devices of one process are mirrored; those of several processes are each one's own.
    with contextlib.nullcontext() if strategy is None or scores is not None else strategy.scope():
        model, digest = run.load_model(state)
    about = {
        "state": state,
        "model_digest": digest,
        "epochs_done": run.epochs_of(state),
        "settings": run.settings,
        "dataset": run.settings["dataset"],
        "split": run.record["split"]["name"],
        "split_digest": run.record["split_digest"],
        "looks": [list(look) for look in shown],
        **(about or {}),
    }
    scores = ModelScores(
        run.folder / "scores" if scores is None else scores, model, digest, images, shown, batch_size, strategy
    )

    def score(needed):
        pairs = scores.missing(needed)
        begin = time.perf_counter()
        if pairs:
            bars = ("Towers, once an image", len(images)), ("Head, once a pair", pairs)
            with progress_bars(*bars) as (tower, head):
                scores.fill(needed, tower, head)
        return scores.read, pairs, time.perf_counter() - begin

    label = f"{run.settings['model']}{'' if state == 'trained' else ', ' + state}"
    return Subject(label, people, about, run.folder / "results" if writes else None, prefix or state, score)


def of_colour_histogram(people, images, about, results):
    """The baseline that needs no training, as a `Subject`; `about` and `results` as there."""

    def score(needed):
        begin = time.perf_counter()
        scores = colour_histogram_scores(images, images)
        return lambda rows, columns: scores[np.ix_(rows, columns)], scores.size, time.perf_counter() - begin

    about = {"baseline": "colour-histogram", **about}
    return Subject(
        "colour histogram", people, about, results, f"colour-histogram-{about['dataset']}-{about['split']}", score
    )


def of_saved(saved, people, results, prefix):
    """Scores from a file, as a `Subject`."""
    unknown = {"dataset": "saved scores", "split": prefix, "split_digest": None}
    about = unknown | {key: value for key, value in saved.about.items() if key != "format"}

    def score(needed):
        return lambda rows, columns: saved.scores[np.ix_(rows, columns)], 0, 0.0

    return Subject(about.get("label", "saved scores"), people, about, results, prefix, score)


def measure(subject, protocols, options, save_scores=None, all_pairs=False):
    """CMC of a subject under some protocols.

    Args:
        subject: The `Subject`.
        protocols: Names of protocols.
        options: `repeats`, `probes`, `seed` and `ties` of `EvaluationPlan`.
        save_scores: File (`.npz`) that the scores are written to. Defaults to `None`.
        all_pairs: Whether every pair is scored, also those that these protocols do not read. Defaults to `False`.

    Returns:
        One `Measured` a protocol. Each is also written as JSON, CSV and PNG where the subject has a folder for them.
    """
    plans = [EvaluationPlan.of(protocol, subject.people, **options) for protocol in protocols]
    needed = plans[0].needed()
    for plan in plans[1:]:
        needed |= plan.needed()
    if all_pairs:
        needed |= ~np.eye(len(needed), dtype=bool)
    read, pairs, seconds = subject.score(needed)
    rate = pairs / seconds if pairs else None
    if rate is not None:
        console.print(f"{subject.label}: {pairs} pairs in {seconds:.1f} s, {rate:.0f} pairs a second")
    # What is kept until the report holds no pictures and no model.
    of = dataclasses.replace(subject, score=None)
    measured = [Measured(of, _result(subject, plan, read), rate) for plan in plans]
    for each in measured:
        _warn_of_unmatched(each.result)
        if subject.results is not None:
            _write(each, options)
    if save_scores is not None:
        everyone = np.arange(len(subject.people))
        people = subject.people
        names = [pathlib.PurePath(path).name for path in people.paths]
        about = {"label": subject.label, **subject.about, "versions": versions()}
        SavedScores(read(everyone, everyone), people.identities, people.cameras, people.probes, names, about).save(
            save_scores
        )
        console.print(f"Scores: {save_scores}")
    return measured


def _result(subject, plan, read):
    try:
        return plan.measure_part(read(plan.rows, plan.columns))
    except InputError as error:
        raise InputError(
            f"{subject.label} has no scores of some pairs that {plan.protocol} reads. Measure the run itself with "
            f"--protocol {plan.protocol} --save-scores FOLDER, or save all with --all-pairs. ({error})"
        ) from None


def warn_if_unfinished(run):
    """Says so where the training was stopped before its last pass."""
    if run.epochs_done < run.settings["epochs"] and not run.stopped_early:
        console.print(
            f"Note: the training of {run.folder} stopped after {run.epochs_done} of {run.settings['epochs']} epochs; "
            "the command that began it goes on with it."
        )


def _warn_of_unmatched(result):
    if result.unmatched:
        console.print(
            f"Note: {result.unmatched} pictures have no match in their gallery under {result.protocol}; they are no "
            "probes and count for nothing."
        )


def write_curves(path, label, curves, title):
    """Writes a `CMC` as CSV and as a plot beside the JSON file `path`."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("protocol", "rank", "mean_per_cent", "deviation_per_cent"))
    for rank, (mean, deviation) in enumerate(zip(curves.mean, curves.deviation, strict=True), start=1):
        writer.writerow((curves.protocol, rank, 100 * mean, 100 * deviation))
    write_text(path.with_suffix(".csv"), table.getvalue())
    with replacing(path.with_suffix(".png")) as new:
        visualization.plot_cmc({label: curves}, title).savefig(new, dpi=150)


def _write(measured, options):
    subject, result = measured.subject, measured.result
    probes = "all" if options["probes"] is None else options["probes"]
    draws = f"{result.repeats}draws-{probes}probes-seed{result.seed}-{result.ties}"
    path = subject.results / f"{subject.prefix}-{result.protocol}-{draws}.json"
    rate = {"pairs_per_second": measured.pairs_per_second}
    write_json(path, {"label": subject.label, **result.to_dict(), **subject.about, **rate, "versions": versions()})
    write_curves(path, subject.label, result, f"{subject.about['dataset']}, {subject.about['split']}")
