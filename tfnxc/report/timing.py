"""How fast pairs were scored, and with which versions."""

from collections.abc import Sequence

from tfnxc.report.markup import code, joined, table
from tfnxc.report.section import Section, missing
from tfnxc.runs import Result, Run


def timing(run: Run, results: Sequence[Result]) -> Section:
    """The section on speed and versions."""
    return Section("timing", "Timing and versions", joined([_speed(results), _versions(run, results)]))


def _speed(results):
    timed = [
        (each.title, each.dataset, each.protocol, each.probes, f"{each.pairs_per_second:.0f}")
        for each in results
        if each.pairs_per_second is not None
    ]
    if not timed:
        return missing("No speed is noted yet. ", code("tfnxc evaluate RUN"), " notes it where it scores pairs anew.")
    heads = ("Method", "Data set", "Protocol", "Probes", "Pairs a second")
    return table("speed", "Speed of scoring, towers included", heads, [(None, timed)])


def _versions(run, results):
    names = dict.fromkeys([*run.versions, *(name for each in results for name in each.versions)])
    rows = [
        (
            name,
            run.versions.get(name, "–"),
            ", ".join(sorted({each.versions.get(name, "–") for each in results})) or "–",
        )
        for name in names
    ]
    return table("versions", "Versions", ("Part", "Trained with", "Measured with"), [(None, rows)], True)
