"""What a measurement in two stages says beside its figures: how much is inside the shortlist, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from tfnxc.console import plain
from tfnxc.metrics import CMC, EvaluationPlan, Spread
from tfnxc.runs import Result
from tfnxc.scoring.pairs import Pairs
from tfnxc.scoring.two_stages import Shortlist, TwoStages


def shortlisted(label: str, plan: EvaluationPlan, stages: TwoStages, console: Console | None) -> Pairs:
    """The pairs on the shortlists of a plan; says how many those are."""
    marked = stages.needed(plan.trials())
    row, column = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    pairs = Pairs(plan.rows[row], plan.columns[column], marked[np.ix_(row, column)])
    if console is not None:
        count, all_of_them = len(pairs), len(Pairs.of_trials(plan.trials(), plan.rows, plan.columns))
        told = f"{label}: {count} of the {all_of_them} pairs that {plan.protocol} reads are on a shortlist."
        console.print(plain(told))
    return pairs


def shortlist_record(
    shortlist: Shortlist,
    curves: CMC,
    pairs: int,
    pairs_exhaustive: int,
    rate: float | None = None,
    exhaustive: CMC | None = None,
) -> dict[str, Any]:
    """What a `Result` says of a shortlist, in per cent.

    Args:
        shortlist: The `Shortlist`.
        curves: The `CMC` of two stages, with the ranks of its matches.
        pairs: How many pairs the head scored for it.
        pairs_exhaustive: How many it would have scored without.
        rate: How many of them a second. Defaults to `None`: nobody knows.
        exhaustive: The `CMC` of the same draws by all pairs, to be compared with probe by probe. Defaults to `None`.
    """
    lengths = [shortlist.lengths(matches.gallery) for matches in curves.matches]
    inside = [each.within(length)[0].mean() for each, length in zip(curves.matches, lengths, strict=True)]
    precise = [matches.of_precision for matches in curves.matches]
    found = [each.within(shortlist.lengths(each.gallery))[1].mean() for each in precise]
    mean_length = float(np.mean([length.mean() for length in lengths]))
    record: dict[str, Any] = {
        "asked": shortlist.asked,
        "length": mean_length,
        "inside": Spread.of(inside).to_dict(100),
        "mAP_found": Spread.of(found).to_dict(100),
        "pairs": pairs,
        "pairs_exhaustive": pairs_exhaustive,
    }
    if rate is not None:
        record["milliseconds"] = 1000 * mean_length / rate
    if exhaustive is not None:
        record["to_exhaustive"] = _paired(curves, exhaustive)
    return record


def _paired(curves, exhaustive):
    """How much two stages differ from all pairs: the mean over the same probes, and the standard error of one draw."""
    found = {"rank 1": [], "mAP": []}
    for staged, every in zip(curves.matches, exhaustive.matches, strict=True):
        found["rank 1"].append(staged.found(1) - every.found(1))
        found["mAP"].append(staged.average_precision - every.average_precision)
    record = {}
    for name, draws in found.items():
        errors = [each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else 0.0 for each in draws]
        mean = 100 * float(np.mean([each.mean() for each in draws]))
        record[name] = {"mean": mean, "standard_error": 100 * float(np.mean(errors))}
    return record


def shortlist_line(label: str, results: Iterable[Result]) -> str:
    """What stands beside a table of results of one scorer in two stages, on one split or several."""
    records: list[Mapping[str, Any]] = [each.shortlist for each in results if each.shortlist is not None]

    def mean(name):
        values = [record[name]["mean"] if name in ("inside", "mAP_found") else record[name] for record in records]
        return float(np.mean(values))

    text = (
        f"{label}: {mean('inside'):.2f} % of the true matches of a probe are inside its shortlist of "
        f"{mean('length'):.0f} pictures; if those outside count as not found, mAP is {mean('mAP_found'):.2f}. The head "
        f"scored {mean('pairs'):,.0f} pairs instead of {mean('pairs_exhaustive'):,.0f}"
    )
    if all("milliseconds" in record for record in records):
        text += f", {np.mean([record['milliseconds'] for record in records]):.0f} ms a probe"
    text += "."
    if all("to_exhaustive" in record for record in records):
        told = []
        for name in ("rank 1", "mAP"):
            each = [record["to_exhaustive"][name] for record in records]
            more = np.mean([one["mean"] for one in each])
            error = np.sqrt(np.sum([one["standard_error"] ** 2 for one in each])) / len(each)
            told.append(f"{name} {more:+.2f} (standard error {error:.2f})")
        text += f" To all pairs, probe by probe: {', '.join(told)}."
    return text
