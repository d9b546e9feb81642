"""What a measurement in two stages says beside its figures: how much is inside the shortlist, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from tfnxc.metrics import CMC, EvaluationPlan, Spread
from tfnxc.runs import Result
from tfnxc.scoring.two_stages import Shortlist, TwoStages


def shortlisted(label: str, plan: EvaluationPlan, stages: TwoStages, console: Console | None) -> np.ndarray:
    """Boolean matrix (rows, columns) of the pairs on the shortlists of a plan; says how many those are."""
    pairs = stages.needed(plan.trials())
    if console is not None:
        count, all_of_them = np.count_nonzero(pairs), np.count_nonzero(plan.needed_part())
        console.print(f"{label}: {count} of the {all_of_them} pairs that {plan.protocol} reads are on a shortlist.")
    return pairs


def shortlist_record(shortlist: Shortlist, plan: EvaluationPlan, curves: CMC, pairs: int) -> dict[str, Any]:
    """What a `Result` says of a shortlist, in per cent.

    Args:
        shortlist: The `Shortlist`.
        plan: What was measured.
        curves: The `CMC` of two stages, with the ranks of its matches.
        pairs: How many pairs the head scored for it.
    """
    lengths = [shortlist.lengths(matches.gallery) for matches in curves.matches]
    within = [each.within(length) for each, length in zip(curves.matches, lengths, strict=True)]
    return {
        "asked": shortlist.asked,
        "length": float(np.mean([length.mean() for length in lengths])),
        "inside": Spread.of([inside.mean() for inside, _ in within]).to_dict(100),
        "mAP_found": Spread.of([precision.mean() for _, precision in within]).to_dict(100),
        "pairs": pairs,
        "pairs_exhaustive": int(np.count_nonzero(plan.needed_part())),
    }


def shortlist_line(label: str, results: Iterable[Result]) -> str:
    """What stands beside a table of results of one scorer in two stages, on one split or several."""
    records: list[Mapping[str, Any]] = [each.shortlist for each in results if each.shortlist is not None]

    def mean(name):
        values = [record[name]["mean"] if name in ("inside", "mAP_found") else record[name] for record in records]
        return float(np.mean(values))

    return (
        f"{label}: {mean('inside'):.2f} % of the true matches of a probe are inside its shortlist of "
        f"{mean('length'):.0f} pictures; if those outside count as not found, mAP is {mean('mAP_found'):.2f}. The head "
        f"scored {mean('pairs'):,.0f} pairs instead of {mean('pairs_exhaustive'):,.0f}."
    )
