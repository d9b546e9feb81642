"""What results of some of the probes say of the rest: intervals over their identities."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfnxc.metrics import CMC, REPORTED_RANKS, EvaluationPlan
from tfnxc.metrics.probe_interval import bootstrap_over_identities
from tfnxc.metrics.resampling import RESAMPLES
from tfnxc.runs import Result

_RANKS = 100  # of the curve that have an interval


def probe_interval(plan: EvaluationPlan, curves: CMC) -> dict[str, Any] | None:
    """The 95 % interval of figures of some probes, in per cent, for a `Result`; `None` where all were measured.

    Args:
        plan: What was measured.
        curves: Its `CMC`, with the ranks of its matches.

    Returns:
        `identities`, how many the probes show; `samples` and `seed` of the bootstrap; `[low, high]` of `ranks`, `mAP`
        and `mINP`; and `low` and `high` of the first 100 ranks of the curve.
    """
    if plan.probes is None:
        return None
    trials = plan.trials()
    every = dataclasses.replace(plan, probes=None, repeats=len(trials)).trials()
    if all(_probes(each) == _probes(every[min(at, len(every) - 1)]) for at, each in enumerate(trials)):
        return None
    identities = [np.concatenate([plan.identities[plan.rows[each.probes]] for each in repeat]) for repeat in trials]
    last = min(curves.gallery, max(_RANKS, *REPORTED_RANKS))
    ranks, values = np.arange(1, last + 1), []
    for matches in curves.matches:
        found = matches.first[:, None] <= ranks
        others = matches.average_precision, matches.inverse_negative_penalty
        values.append(np.column_stack([found, *others]))
    low, high = (100 * each for each in bootstrap_over_identities(identities, values, plan.seed))
    ends = np.stack([low, high], axis=1).tolist()
    return {
        "identities": len(np.unique(np.concatenate(identities))),
        "samples": RESAMPLES,
        "seed": plan.seed,
        "ranks": {str(k): ends[min(k, last) - 1] for k in REPORTED_RANKS},
        "mAP": ends[-2],
        "mINP": ends[-1],
        "low": low[:-2].tolist(),
        "high": high[:-2].tolist(),
    }


def _probes(repeat):
    return sum(len(trial.probes) for trial in repeat)


def interval_line(label: str, results: Iterable[Result]) -> str | None:
    """What stands beside a table of a result of some of the probes; `None` where all were measured, or several splits.

    Several splits have an interval of their own.
    """
    known: list[Mapping[str, Any]] = [each.probe_interval for each in results if each.probe_interval is not None]
    if len(known) != 1:
        return None
    ((low, high), (least, most)), people = (known[0]["ranks"]["1"], known[0]["mAP"]), known[0]["identities"]
    return (
        f"{label}: not all probes; 95 % interval over the {people} identities of these: rank 1 {low:.2f} to "
        f"{high:.2f}, mAP {least:.2f} to {most:.2f}."
    )
