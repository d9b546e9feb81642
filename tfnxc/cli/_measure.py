"""Scoring and measuring a run, with its results written into the run folder."""

from __future__ import annotations

import csv
import io
import time

from tfnxc import visualization
from tfnxc.cli._console import console, progress_bar
from tfnxc.evaluation import Evaluation
from tfnxc.evaluation.scoring import ScoreFile
from tfnxc.files import replacing, write_json, write_text
from tfnxc.training.run import versions


def measure(run, people, protocols, state, batch_size, options):
    """CMC of a run's model on test people under some protocols.

    Args:
        run: The `Run`.
        people: `ImageSet` of the test identities.
        protocols: Names of protocols.
        state: `"trained"` or `"initial"`.
        batch_size: Pairs at a time.
        options: `repeats`, `probes` and `seed` of `Evaluation`.

    Returns:
        One `CMC` a protocol. Each is also written to `results/STATE-PROTOCOL.json`, `.csv` and `.png` of the run.
    """
    model, digest = run.load_model(state)
    with progress_bar("Reading pictures", len(people)) as advance:
        images = people.images(progress=advance)
    scores = ScoreFile(run.folder / "scores", digest, images)
    results = []
    for protocol in protocols:
        plan = Evaluation(protocol, people.identities, people.cameras, **options)
        pairs = scores.missing(plan.needed())
        begin = time.perf_counter()
        if len(pairs):
            with progress_bar(f"Scoring, {protocol}", len(pairs)) as advance:
                scores.fill(model, pairs, batch_size, advance)
        seconds = time.perf_counter() - begin
        if len(pairs):
            console.print(f"{len(pairs)} pairs in {seconds:.0f} s: {len(pairs) / seconds:.0f} pairs a second")
        result = plan.measure(scores.read())
        _write(run, f"{state}-{protocol}", result, {"scored_now": {"pairs": len(pairs), "seconds": seconds}})
        results.append(result)
    console.print(f"Results: {run.folder / 'results'}")
    return results


def _write(run, name, result, extra):
    path = run.folder / "results" / f"{name}.json"
    record = {
        "settings": run.settings,
        "split": run.record["split"]["name"],
        "split_digest": run.record["split_digest"],
    }
    write_json(path, {**result.to_dict(), **record, "versions": versions(), **extra})
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(
        [("rank", "mean_per_cent"), *enumerate(result.to_dict()["mean"], start=1)]
    )
    write_text(path.with_suffix(".csv"), table.getvalue())
    figure = visualization.plot_cmc({run.settings["model"]: result}, f"{run.settings['dataset']}, {record['split']}")
    with replacing(path.with_suffix(".png")) as new:
        figure.savefig(new, dpi=150)
