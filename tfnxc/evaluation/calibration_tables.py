"""A calibration as tables for a console."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from tfnxc.embedding import FALSE_MATCHES, Calibration
from tfnxc.metrics import Reliability
from tfnxc.tables import Column, Table, note


def calibration_tables(calibration: Calibration) -> Iterator[Table | Text]:
    """Who was scored, what the probabilities are worth, how reliable they are, and the thresholds: tables and notes."""
    sets = ", ".join(f"{len(people)} of {dataset}" for dataset, people in calibration.people)
    yield note(
        f"People: {sets}; {calibration.pictures} pictures; {calibration.matches} pairs of one person, "
        f"{calibration.strangers} of strangers (of {calibration.probes} probes)"
    )
    if calibration.combined:
        yield note(
            f"{calibration.combined} of these people also chose the embedding and its combination with the head: on "
            "others both may be a little worse."
        )
    yield _worth(calibration)
    yield _bins(calibration)
    yield _thresholds(calibration)
    yield note(
        "in brackets 95 % intervals by a bootstrap over the people; found: the share of true matches at or above the "
        "threshold"
    )
    left = [each for each in FALSE_MATCHES if each < calibration.smallest]
    if left:
        yield note(
            f"{calibration.smallest:g} is the smallest number that {calibration.strangers} pairs of strangers support: "
            f"there is no threshold for {', '.join(f'{each:g}' for each in left)}."
        )


def _worth(calibration):
    titles = "scorer", "calibration", "Brier score", "log loss"
    table = _table("Probabilities at even odds, on people whom the fit left out", *titles)
    for name, each in calibration.scorers.items():
        for when, found in (("before", each.before), ("after", each.after)):
            numbers = ("-", "-") if found is None else (f"{found.brier:.4f}", f"{found.log_loss:.4f}")
            table.add_row(name, when, *numbers)
    return table


def _bins(calibration):
    """The reliability table: the bins after calibration, of each scorer."""
    names = list(calibration.scorers)
    table = _table("After calibration: predicted, and the share of matches (pairs)", "probability", *names)
    after = {name: _by_low(each.after) for name, each in calibration.scorers.items()}
    for low in sorted({low for bins in after.values() for low in bins}):
        cells = [_bin(bins.get(low)) for bins in after.values()]
        high = next(bins[low].high for bins in after.values() if low in bins)
        table.add_row(f"{low:.1f} to {high:.1f}", *cells)
    return table


def _by_low(reliability: Reliability):
    return {each.low: each for each in reliability.bins}


def _bin(found):
    if found is None:
        return "-"
    return f"{found.predicted:.2f}, {found.observed:.2f} ({found.matches + found.strangers})"


def _thresholds(calibration):
    titles = "scorer", "false matches per 1,000", "threshold", "measured", "found, per cent"
    table = _table("Thresholds", *titles)
    for name, each in calibration.scorers.items():
        for found in each.thresholds:
            low, high = found.interval
            least, most = (100 * share for share in found.found_interval)
            measured = f"{found.measured:.3g} ({low:.3g} to {high:.3g})"
            shares = f"{100 * found.found:.1f} ({least:.1f} to {most:.1f})"
            table.add_row(name, f"{found.false_matches:g}", f"{found.score:.4f}", measured, shares)
    return table


def _table(title, heading, *columns):
    return Table(title, [Column(name, text=name == "calibration") for name in columns], heading)
