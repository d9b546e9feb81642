"""Scoring and measuring a run, with its results written into the run folder."""

from __future__ import annotations

import csv
import io
import time

import numpy as np

from tfnxc import visualization
from tfnxc.cli._console import console, progress_bar
from tfnxc.evaluation import Evaluation
from tfnxc.evaluation.scoring import PairScorer, ScoreFile
from tfnxc.files import replacing, write_json, write_text
from tfnxc.training.run import versions


def measure(run, people, images, data, protocols, state, batch_size, options):
    """CMC of a run's model on test people under some protocols.

    Args:
        run: The `Run`.
        people: `ImageSet` of the test identities.
        images: Its pictures, `people.images()`.
        data: The folder they were read from, or `None`.
        protocols: Names of protocols.
        state: `"trained"` or `"initial"`.
        batch_size: Pairs at a time.
        options: `repeats`, `probes`, `seed` and `ties` of `Evaluation`.

    Returns:
        One `CMC` a protocol. Each is also written into `results/` of the run as JSON, CSV and PNG.
    """
    warn_if_unfinished(run)
    plans = [Evaluation(protocol, people.identities, people.cameras, **options) for protocol in protocols]
    needed = np.logical_or.reduce([plan.needed() for plan in plans])
    model, digest = run.load_model(state)
    scores = ScoreFile(run.folder / "scores", digest, images)
    pairs = scores.missing(needed)
    begin = time.perf_counter()
    if len(pairs):
        with progress_bar("Towers, once an image", len(images)) as advance:
            scorer = PairScorer(model, images, batch_size, advance)
        with progress_bar("Head, once a pair", len(pairs)) as advance:
            scores.fill(scorer, pairs, advance)
        seconds = time.perf_counter() - begin
        console.print(f"{len(pairs)} pairs in {seconds:.0f} s: {len(pairs) / seconds:.0f} pairs a second")
    record = {
        "state": state,
        "model_digest": digest,
        "passes_done": run.passes_done if state == "trained" else 0,
        "settings": run.settings,
        "split": run.record["split"]["name"],
        "split_digest": run.record["split_digest"],
        "data": data,
        "versions": versions(),
    }
    results = [plan.measure(scores.read()) for plan in plans]
    for result in results:
        probes = "all" if options["probes"] is None else options["probes"]
        draws = f"{options['repeats']}draws-{probes}probes-seed{options['seed']}-{options['ties']}"
        _write(run, f"{state}-{result.protocol}-{draws}", result, record)
    console.print(f"Results: {run.folder / 'results'}")
    return results


def warn_if_unfinished(run):
    """Says so where the training was stopped before its last pass."""
    if run.passes_done < run.settings["passes"]:
        console.print(
            f"Note: the training of {run.folder} stopped after {run.passes_done} of {run.settings['passes']} passes; "
            "the command that began it goes on with it."
        )


def _write(run, name, result, record):
    path = run.folder / "results" / f"{name}.json"
    write_json(path, {**result.to_dict(), **record})
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("protocol", "rank", "mean_per_cent", "deviation_per_cent"))
    for rank, (mean, deviation) in enumerate(zip(result.mean, result.deviation, strict=True), start=1):
        writer.writerow((result.protocol, rank, 100 * mean, 100 * deviation))
    write_text(path.with_suffix(".csv"), table.getvalue())
    figure = visualization.plot_cmc({run.settings["model"]: result}, f"{run.settings['dataset']}, {record['split']}")
    with replacing(path.with_suffix(".png")) as new:
        figure.savefig(new, dpi=150)
