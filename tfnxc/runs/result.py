"""Result files: what was measured of which model, on whom, and how."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import write_json, write_text
from tfnxc.metrics.cmc import CMC, REPORTED_RANKS
from tfnxc.metrics.spread import Spread
from tfnxc.runs.settings import RunSettings
from tfnxc.runs.versions import versions

_LISTED_RANKS = 1000  # of the curve, in the JSON file; the CSV file has all
_OLD_NAMES = {"passes_done": "epochs_done", "looks": "views"}  # in result files of version 0.1
_COUNTS = ("repeats", "seed", "probes", "unmatched", "gallery")
_ABOUT = ("state", "model_digest", "epochs_done", "settings", "baseline", "dataset", "split", "split_digest", "views")
_MEASURED = {"label", "protocol", "ties", *_COUNTS, "unit", "ranks", "mAP", "mINP", "mean"}


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What was measured under one protocol on one split. It can be drawn by `tfnxc.visualization.plot_cmc`.

    Args:
        name: The name of its files, without an extension.
        label: What was measured, such as `"normxcorr, initial"`.
        protocol: Name of the protocol.
        ties: How ties were counted: `"pessimistic"` or `"optimistic"`.
        repeats: How many galleries were drawn.
        seed: Seed of the draws.
        probes: Probes of a draw.
        unmatched: How many pictures are no probes because they have no match in their gallery.
        gallery: Images in the gallery; where galleries differ in size, in the largest.
        mean: float64, the CMC curve averaged over the draws: shares in [0, 1] from rank 1 on.
        deviation: float64, its standard deviation over the draws.
        figures: The `Spread` of the reported figures by name: `"rank 1"` and so on, `"mAP"`, `"mINP"`; shares.
        dataset: Name of the data set.
        split: Name of the split.
        split_digest: Its digest. Defaults to `None`: unknown.
        state: State of the run's model. Defaults to `None`: it is not of a run.
        model_digest: Digest of the model file. Defaults to `None`.
        epochs_done: Epochs that the model was trained for. Defaults to `None`.
        views: How each pair was shown: the `tfnxc.scoring.View`s. Defaults to none: it was not shown to a model.
        settings: The `RunSettings` of its training. Defaults to `None`.
        baseline: Name of the baseline. Defaults to `None`: it is none.
        data: Where the data set lay. Defaults to `None`: where the run has it.
        pairs_per_second: How fast it was scored. Defaults to `None`: all scores were there before.
        versions: What it was measured with, version by name. Defaults to none.
        extra: What else its file says, by name. Defaults to nothing.
    """

    name: str
    label: str
    protocol: str
    ties: str
    repeats: int
    seed: int
    probes: int
    unmatched: int
    gallery: int
    mean: np.ndarray
    deviation: np.ndarray
    figures: dict[str, Spread]
    dataset: str
    split: str
    split_digest: str | None = None
    state: str | None = None
    model_digest: str | None = None
    epochs_done: int | None = None
    views: tuple[tuple[bool, tuple[bool, bool]], ...] = ()
    settings: RunSettings | None = None
    baseline: str | None = None
    data: str | None = None
    pairs_per_second: float | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        cmc: CMC,
        label: str,
        prefix: str | None = None,
        most_probes: int | None = None,
        at_home: bool = True,
        **about: Any,
    ) -> Result:
        """The result of a `CMC` that was measured now.

        Args:
            cmc: The `CMC`.
            label: What was measured.
            prefix: How the names of its files begin. Defaults to `None`: the state of the model, and `"both-orders"`
                and `"flips"` where pairs are shown so; or baseline, data set and split.
            most_probes: The most probes that a draw was allowed. Defaults to `None`: all.
            at_home: Whether it is of the split that the run was trained on: names of files do not tell that one.
                Defaults to `True`.
            **about: Further fields by name, at least `dataset` and `split`; unknown ones go to `extra`.

        Example:
            >>> curve = tfnxc.metrics.cmc([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], [0, 0], [1, 1])
            >>> result = Result.of(curve, "normxcorr", dataset="viper", split="viper-1", state="trained")
            >>> result.rank(1), result.file_name()
            (0.5, 'trained-cross-camera-10draws-allprobes-seed0-pessimistic.json')
        """
        about = _about(about)
        if prefix is None:
            home = at_home and "state" in about
            scorer = about.get("state") or about.get("baseline") or label
            where = [] if home else [about["dataset"], about["split"]]
            prefix = "-".join([scorer, *where, *_ways(about.get("views", ()), ("both-orders", "flips"))])
        draws = f"{cmc.repeats}draws-{'all' if most_probes is None else most_probes}probes-seed{cmc.seed}-{cmc.ties}"
        return cls(
            name=f"{prefix}-{cmc.protocol}-{draws}",
            label=label,
            protocol=cmc.protocol,
            ties=cmc.ties,
            **_counts(vars(cmc)),
            mean=cmc.mean,
            deviation=cmc.deviation,
            figures=dict(cmc.figures),
            **{**about, "versions": versions()},
        )

    @classmethod
    def load(cls, path: str | os.PathLike) -> Result:
        """The result in a JSON file and its CSV file; raises `InputError` where one is missing or damaged."""
        path = pathlib.Path(path)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
                rows = [(float(row["mean_per_cent"]), float(row["deviation_per_cent"])) for row in csv.DictReader(file)]
            mean, deviation = np.array(rows).T / 100  # a ValueError where there is no row
            return cls.from_dict(record, mean, deviation, path.stem)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
            raise InputError(
                f"{path}: not a whole result (its table, .csv, belongs to it). Remove it, and measure it again with "
                "tfnxc evaluate."
            ) from None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], mean: np.ndarray, deviation: np.ndarray, name: str = "") -> Result:
        """The result of a dict such as `to_dict` gives.

        Args:
            record: The dict; its `mean` is not read, because it may be cut.
            mean: The whole mean curve, shares in [0, 1].
            deviation: Its standard deviation.
            name: The name of its files. Defaults to `""`.

        Raises:
            ValueError: If a value is not of its kind; `KeyError`, `TypeError` and `AttributeError` likewise.
        """
        record = {_OLD_NAMES.get(key, key): value for key, value in record.items()}
        spreads = {f"rank {k}": record["ranks"][str(k)] for k in REPORTED_RANKS}
        spreads |= {key: record[key] for key in ("mAP", "mINP")}
        if not {"pairs_per_second", "versions"} <= record.keys():
            raise ValueError("a result names its versions and its pairs a second")
        return cls(
            name=name,
            label=str(record["label"]),
            protocol=str(record["protocol"]),
            ties=str(record["ties"]),
            **_counts(record),
            mean=mean,
            deviation=deviation,
            figures={key: _spread(spread, int(record["repeats"])) for key, spread in spreads.items()},
            **_about({key: value for key, value in record.items() if key not in _MEASURED}),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON, in per cent: at most 1,000 ranks of the mean curve, and what is known of the result."""
        figures = {name: spread.to_dict(100) for name, spread in self.figures.items()}
        about = {name: getattr(self, name) for name in _ABOUT if getattr(self, name) not in (None, ())}
        about |= {"split_digest": self.split_digest} | ({"data": self.data} if self.state or self.data else {})
        about |= {"settings": self.settings.to_dict()} if self.settings is not None else {}
        about |= {"views": [[exchanged, list(mirrored)] for exchanged, mirrored in self.views]} if self.views else {}
        return {
            "label": self.label,
            "protocol": self.protocol,
            "ties": self.ties,
            **{name: getattr(self, name) for name in _COUNTS},
            "unit": "per cent",
            "ranks": {str(k): figures[f"rank {k}"] for k in REPORTED_RANKS},
            "mAP": figures["mAP"],
            "mINP": figures["mINP"],
            "mean": (100 * self.mean[:_LISTED_RANKS]).tolist(),
            **about,
            **self.extra,
            "pairs_per_second": self.pairs_per_second,
            "versions": dict(self.versions),
        }

    def file_name(self) -> str:
        """The name of its JSON file; that of its curve ends in `.csv` instead."""
        return f"{self.name}.json"

    def save(self, folder: str | os.PathLike) -> pathlib.Path:
        """Writes the JSON file, whose path is returned, and the whole curve as a CSV file into a folder."""
        path = pathlib.Path(folder) / self.file_name()
        write_json(path, self.to_dict())
        write_curve(path.with_suffix(".csv"), self.protocol, self.mean, self.deviation)
        return path

    def rank(self, k: int) -> float:
        """The share of probes found within a rank, 1 or above; beyond the gallery the last one of the curve."""
        return float(self.mean[min(k, len(self.mean)) - 1])

    @property
    def title(self) -> str:
        """The label, with how the pairs were shown where that is not once and as they are."""
        ways = _ways(self.views, ("both orders", "mirrored too"))
        return ", ".join([self.label, *ways])


def write_curve(path: str | os.PathLike, protocol: str, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Writes a CMC curve of shares as a CSV file in per cent."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("protocol", "rank", "mean_per_cent", "deviation_per_cent"))
    for rank, shares in enumerate(zip(mean, deviation, strict=True), start=1):
        writer.writerow((protocol, rank, *(100 * share for share in shares)))
    write_text(path, table.getvalue())


def _ways(views, words):
    """The words for how pairs are also shown: in the other order, mirrored."""
    shown = any(exchanged for exchanged, _ in views), any(any(mirrored) for _, mirrored in views)
    return [word for word, given in zip(words, shown, strict=True) if given]


def _about(values):
    """Where a result comes from, as fields; what is none of them is in `extra`."""
    known = {name: value for name, value in values.items() if name in _KINDS and value is not None}
    found = {name: _KINDS[name](value) for name, value in known.items()}
    extra = {name: value for name, value in values.items() if name not in _KINDS}
    return {**found, "dataset": str(values["dataset"]), "split": str(values["split"]), "extra": extra}


def _counts(values):
    return {name: int(values[name]) for name in _COUNTS}


def _settings(value):
    return value if isinstance(value, RunSettings) else RunSettings.from_dict(value)


def _views(values):
    return tuple((bool(exchanged), (bool(first), bool(second))) for exchanged, (first, second) in values)


def _versions(values):
    return {str(name): str(version) for name, version in values.items()}


_TEXTS = ("state", "model_digest", "baseline", "dataset", "split", "split_digest", "data")
_KINDS: dict[str, Any] = dict.fromkeys(_TEXTS, str)
_KINDS |= {"epochs_done": int, "pairs_per_second": float}
_KINDS |= {"settings": _settings, "views": _views, "versions": _versions}


def _spread(spread, count):
    interval = None if spread["interval95"] is None else float(spread["interval95"]) / 100
    return Spread(float(spread["mean"]) / 100, float(spread["deviation"]) / 100, interval, count)
