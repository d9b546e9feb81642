"""How fast pairs were scored, and with which versions."""

from __future__ import annotations

from tfnxc.report.markup import code, joined, table
from tfnxc.report.section import Section, missing


def timing(run, results):
    """The section on speed and versions of a `Run` and its `Result`s."""
    return Section("timing", "Timing and versions", joined([_speed(results), _versions(run, results)]))


def _speed(results):
    timed = [
        (each.label, each.dataset, each.protocol, each.probes, f"{each.pairs_per_second:.0f}")
        for each in results
        if each.pairs_per_second is not None
    ]
    if not timed:
        return missing("No speed is noted yet. ", code("tfnxc evaluate RUN"), " notes it where it scores pairs anew.")
    heads = ("Method", "Data set", "Protocol", "Probes", "Pairs a second")
    return table("speed", "Speed of scoring, towers included", heads, [(None, timed)])


def _versions(run, results):
    trained = run.record.get("versions", {})
    names = dict.fromkeys([*trained, *(name for each in results for name in each.versions)])
    rows = [
        (name, trained.get(name, "–"), ", ".join(sorted({each.versions.get(name, "–") for each in results})) or "–")
        for name in names
    ]
    return table("versions", "Versions", ("Part", "Trained with", "Measured with"), [(None, rows)], True)
