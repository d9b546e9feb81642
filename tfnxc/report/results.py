"""The results of a run, as `tfnxc evaluate` left them in its folder."""

from __future__ import annotations

import csv
import dataclasses
import json

import numpy as np

from tfnxc.errors import InputError
from tfnxc.metrics.cmc import REPORTED_RANKS
from tfnxc.scoring.test_time_augmentation import views

FIGURES = (*(f"rank {k}" for k in REPORTED_RANKS), "mAP", "mINP")
"""Names of the figures of a result."""

_WAYS = {
    json.dumps(views(both_orders, flips)): words
    for both_orders, flips, words in (
        (True, False, "both orders"),
        (False, True, "mirrored too"),
        (True, True, "both orders, mirrored too"),
    )
}
"""How a pair is shown, in words, where it is not once and as it is."""


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """What `tfnxc.visualization.plot_cmc` reads of a `tfnxc.evaluation.CMC`: shares in [0, 1] from rank 1 on."""

    protocol: str
    mean: np.ndarray
    deviation: np.ndarray

    def rank(self, k):
        """The share at a rank."""
        return float(self.mean[min(k, len(self.mean)) - 1])


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """One result file.

    Args:
        label: What was measured, e.g. `"normxcorr, initial"`.
        state: State of the run's model; `None` where something else was measured.
        dataset: Name of the data set.
        split: Name of the split.
        split_digest: Its digest.
        protocol: Name of the protocol.
        ties: How ties were counted.
        repeats: How many galleries were drawn.
        probes: Probes of a draw.
        gallery: Images in the gallery.
        figures: Mean, deviation and half the 95 % interval (or `None`) in per cent, by the names of `FIGURES`.
        curve: The `Curve`.
        pairs_per_second: How fast it was scored; `None` where all scores were there before.
        versions: What it was measured with, version by name.
    """

    label: str
    state: str | None
    dataset: str
    split: str
    split_digest: str
    protocol: str
    ties: str
    repeats: int
    probes: int
    gallery: int
    figures: dict[str, tuple[float, float, float | None]]
    curve: Curve
    pairs_per_second: float | None
    versions: dict[str, str]


def read_results(run):
    """The results of a run: those of the trained model first, and of equal ones those with the most probes and draws.

    Args:
        run: The `Run`.

    Returns:
        A list of `Result`; empty where nothing was measured.

    Raises:
        InputError: If a file is damaged, or the table of its curve is not beside it.
    """
    found = [_read(path) for path in sorted((run.folder / "results").glob("*.json"))]
    order = {"trained": 0, "best": 1, "initial": 3}
    return sorted(found, key=lambda each: (order.get(each.state, 2), -each.probes, -each.repeats, each.label))


def _read(path):
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        spreads = {f"rank {rank}": spread for rank, spread in record["ranks"].items()}
        spreads |= {name: record[name] for name in ("mAP", "mINP")}
        way = _WAYS.get(json.dumps(record.get("looks")))
        rate = record["pairs_per_second"]
        return Result(
            label=", ".join([str(record["label"]), *([way] if way else [])]),
            state=record.get("state"),
            **{name: str(record[name]) for name in ("dataset", "split", "split_digest", "protocol", "ties")},
            **{name: int(record[name]) for name in ("repeats", "probes", "gallery")},
            figures={name: _spread(spreads[name]) for name in FIGURES},
            curve=_curve(path.with_suffix(".csv"), str(record["protocol"])),
            pairs_per_second=None if rate is None else float(rate),
            versions={str(name): str(version) for name, version in record["versions"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
        raise InputError(
            f"{path}: not a whole result (its table, .csv, belongs to it). Remove it, and measure it again with "
            "tfnxc evaluate."
        ) from None


def _spread(spread):
    interval = spread["interval95"]
    return float(spread["mean"]), float(spread["deviation"]), None if interval is None else float(interval)


def _curve(path, protocol):
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(float(row["mean_per_cent"]), float(row["deviation_per_cent"])) for row in csv.DictReader(file)]
    if not rows:
        raise ValueError
    mean, deviation = np.array(rows).T / 100
    return Curve(protocol, mean, deviation)
