"""Result files: what was measured of which model, on whom, and how."""

import csv
import dataclasses
import io
import os
import pathlib
import platform
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import parse_json, write_json, write_text
from tfnxc.metrics.cmc import CMC, REPORTED_RANKS, Spread
from tfnxc.number_checks import whole_number
from tfnxc.runs.settings import RunSettings
from tfnxc.version import __version__

_LISTED_RANKS = 1000  # of the curve, in the JSON file; the CSV file has all
_OLD_NAMES = {"passes_done": "epochs_done", "looks": "views"}  # in result files of version 0.1
_COUNTS = ("repeats", "seed", "probes", "unmatched", "gallery")
_ABOUT = ("state", "model_digest", "epochs_done", "settings", "baseline", "dataset", "split", "split_digest", "views")
HEAD = "head"
"""The scorer of a result whose file names none: the pair head."""
_CURVES = {"unit", "ranks", "mAP", "mINP", "mean"}  # in a result file, with names and counts beside


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What was measured under one protocol on one split. It can be drawn by `tfnxc.visualization.plot_cmc`.

    Args:
        name: The name of its files, without an extension.
        label: What was measured, such as `"normxcorr, initial"`.
        protocol: Name of the protocol.
        ties: How ties were counted: `"pessimistic"`, `"optimistic"` or `"expected"`.
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
        scorer: What of the model scored the pairs: `"head"`, the default, the pair head alone; or another one of
            `tfnxc.evaluation.SCORERS`.
        shortlist: What is known of two stages: `asked` (pictures, or the share of a gallery), the mean `length` in
            pictures, `inside` (the share of true matches in it), `mAP_found` (with those outside counted as not
            found), how many `pairs` the head scored, and `pairs_exhaustive`; where their speed is known, the
            `milliseconds` of the head a probe; where all pairs were measured too, `to_exhaustive`, the difference to
            them in `rank 1` and `mAP`, each a `mean` and the `standard_error` over probes. Shares in per cent. Defaults
            to `None`: there was one stage.
        open_set: What is known of probes whose identity is not in the gallery, as `CMC.open_set_record` gives it.
            Defaults to `None`: the protocol has none.
        probe_interval: Where not all probes were measured, the 95 % interval of the figures by a bootstrap over their
            identities, in per cent: `[low, high]` of `ranks`, `mAP` and `mINP`; `low` and `high` of the first ranks of
            the curve; how many `identities`, `samples`, and the `seed`. Defaults to `None`: all were measured.
        data: Path of the data set. Defaults to `None`: that of the run.
        pairs_per_second: Speed of scoring; where all scores were there before, that of when they were made, or that of
            the largest scoring of the model. Defaults to `None`: unknown, or no pair was scored one by one.
        versions: Versions that it was measured with, by name. Defaults to none.
        extra: Other entries of its file, by name. Defaults to none.
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
    scorer: str = HEAD
    shortlist: Mapping[str, Any] | None = None
    open_set: Mapping[str, Any] | None = None
    probe_interval: Mapping[str, Any] | None = None
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
    ) -> Self:
        """The result of a `CMC` measured with the installed versions.

        Args:
            cmc: The `CMC`.
            label: What was measured.
            prefix: The beginning of its file names. Defaults to `None`: the state of the model and a scorer other
                than the head, with `"both-orders"` and `"flips"` if pairs were shown so; or baseline, data set and
                split.
            most_probes: The most probes of a draw. Defaults to `None`: all.
            at_home: Whether it is of the run's own split, which file names leave out. Defaults to `True`.
            **about: Further fields by name, at least `dataset` and `split`; unknown ones go to `extra`.

        Example:
            >>> curve = tfnxc.metrics.cmc([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], [0, 0], [1, 1])
            >>> result = Result.of(curve, "normxcorr", dataset="viper", split="viper-1", state="trained")
            >>> result.rank(1), result.file_name()
            (0.5, 'trained-cross-camera-10draws-allprobes-seed0-pessimistic.json')
        """
        measured = {name: getattr(cmc, name) for name in ("protocol", "ties", *_COUNTS)}
        measured["open_set"] = cmc.open_set_record()
        fields = _fields({**measured, "label": label, **about, "versions": versions()})
        if prefix is None:
            home = at_home and "state" in fields
            scorer = fields.get("state") or fields.get("baseline") or label
            scorer += "" if fields.get("scorer", HEAD) == HEAD else f"-{fields['scorer']}"
            where = [] if home else [fields["dataset"], fields["split"]]
            prefix = "-".join([scorer, *where, *_ways(fields.get("views", ()), ("both-orders", "flips"))])
        draws = f"{cmc.repeats}draws-{'all' if most_probes is None else most_probes}probes-seed{cmc.seed}-{cmc.ties}"
        name = f"{prefix}-{cmc.protocol}-{draws}"
        return cls(name=name, mean=cmc.mean, deviation=cmc.deviation, figures=dict(cmc.figures), **fields)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """The result in a JSON file and its CSV file; raises `InputError` where one is missing or damaged."""
        path = pathlib.Path(path)
        try:
            record = parse_json(path.read_text(encoding="utf-8"))
            with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
                rows = [(float(row["mean_per_cent"]), float(row["deviation_per_cent"])) for row in csv.DictReader(file)]
            mean, deviation = np.array(rows).T / 100  # a ValueError where there is no row
            return cls.from_dict(record, mean, deviation, path.stem)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, OverflowError, csv.Error):
            raise InputError(
                f"{path}: not a whole result (its table, .csv, belongs to it). Remove it, and measure it again with "
                "tfnxc evaluate."
            ) from None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], mean: np.ndarray, deviation: np.ndarray, name: str = "") -> Self:
        """The result of a dict as from `to_dict`.

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
        figures = {key: _spread(spread, int(record["repeats"])) for key, spread in spreads.items()}
        fields = _fields({key: value for key, value in record.items() if key not in _CURVES})
        return cls(name=name, mean=mean, deviation=deviation, figures=figures, **fields)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON, in per cent: at most 1,000 ranks of the mean curve, and what is known of the result."""
        figures = {name: spread.to_dict(100) for name, spread in self.figures.items()}
        about = {name: getattr(self, name) for name in _ABOUT if getattr(self, name) not in (None, ())}
        about |= {"split_digest": self.split_digest} | ({"data": self.data} if self.state or self.data else {})
        about |= {"settings": self.settings.to_dict()} if self.settings is not None else {}
        about |= {"views": [[exchanged, list(mirrored)] for exchanged, mirrored in self.views]} if self.views else {}
        about |= {} if self.scorer == HEAD else {"scorer": self.scorer}
        about |= {} if self.shortlist is None else {"shortlist": dict(self.shortlist)}
        about |= {} if self.open_set is None else {"open_set": dict(self.open_set)}
        about |= {} if self.probe_interval is None else {"probe_interval": dict(self.probe_interval)}
        return {
            **{name: getattr(self, name) for name in ("label", "protocol", "ties", *_COUNTS)},
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
        """The name of its JSON file; its curve has the same name with `.csv`."""
        return f"{self.name}.json"

    def save(self, folder: str | os.PathLike) -> pathlib.Path:
        """Writes the JSON file and the whole curve as a CSV file into a folder; returns the path of the JSON file."""
        path = pathlib.Path(folder) / self.file_name()
        write_json(path, self.to_dict())
        write_curve(path.with_suffix(".csv"), self.protocol, self.mean, self.deviation)
        return path

    def rank(self, k: int) -> float:
        """The share of probes found within a rank, 1 or above; beyond the gallery the last one of the curve."""
        return float(self.mean[min(whole_number("k", k, least=1), len(self.mean)) - 1])

    @property
    def title(self) -> str:
        """The label, with `"both orders"` and `"mirrored too"` if pairs were shown so."""
        return ", ".join([self.label, *_ways(self.views, ("both orders", "mirrored too"))])


def versions() -> dict[str, str]:
    """The versions of this package, of what it computes with, and the kind of machine.

    Returns:
        Version by name: `"tfnxc"`, `"tensorflow"`, `"keras"`, `"numpy"`, `"python"`; and `"machine"`.

    Example:
        >>> versions()["numpy"] == np.__version__
        True
    """
    import keras
    import tensorflow as tf

    return {
        "tfnxc": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def write_curve(path: str | os.PathLike, protocol: str, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Writes a CMC curve of shares as a CSV file in per cent."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("protocol", "rank", "mean_per_cent", "deviation_per_cent"))
    for rank, shares in enumerate(zip(mean, deviation, strict=True), start=1):
        writer.writerow((protocol, rank, *(100 * share for share in shares)))
    write_text(path, table.getvalue())


def _ways(views, words):
    """Those of two words that hold: pairs were also shown in the other order, mirrored."""
    shown = any(exchanged for exchanged, _ in views), any(any(mirrored) for _, mirrored in views)
    return [word for word, given in zip(words, shown, strict=True) if given]


def _fields(values):
    """Values as fields of a `Result`, each of its kind; what is no field is in `extra`."""
    known = {name: _KINDS[name](value) for name, value in values.items() if name in _KINDS and value is not None}
    return {**known, "extra": {name: value for name, value in values.items() if name not in _KINDS}}


def _shortlist(value):
    spreads = {name: {key: value[name][key] for key in ("mean", "deviation", "interval95")} for name in _SPREADS}
    counts = {name: int(value[name]) for name in ("pairs", "pairs_exhaustive")}
    known = {"asked": value["asked"], "length": float(value["length"]), **spreads, **counts}
    known |= {"milliseconds": float(value["milliseconds"])} if "milliseconds" in value else {}
    if "to_exhaustive" in value:
        paired = value["to_exhaustive"]
        known["to_exhaustive"] = {
            name: {key: float(paired[name][key]) for key in _PAIRED} for name in ("rank 1", "mAP")
        }
    return known


def _open_set(value):
    rates = [
        {
            "false_alarms": float(each["false_alarms"]),
            "threshold": _known_spread(each["threshold"]),
            "ranks": {str(int(k)): _known_spread(spread) for k, spread in each["ranks"].items()},
        }
        for each in value["rates"]
    ]
    return {"strangers": int(value["strangers"]), "rates": rates, "absent": [list(each) for each in value["absent"]]}


def _probe_interval(value):
    known = {name: int(value[name]) for name in ("identities", "samples", "seed")}
    known |= {"ranks": {str(k): _ends(value["ranks"][str(k)]) for k in REPORTED_RANKS}}
    known |= {name: _ends(value[name]) for name in ("mAP", "mINP")}
    return known | {name: [float(each) for each in value[name]] for name in ("low", "high")}


def _ends(value):
    low, high = map(float, value)
    return [low, high]


def _known_spread(value):
    return None if value is None else {key: value[key] for key in ("mean", "deviation", "interval95")}


_SPREADS = ("inside", "mAP_found")  # of a shortlist
_PAIRED = ("mean", "standard_error")  # of its difference to all pairs
_TEXTS = ("label", "protocol", "ties", "state", "model_digest", "baseline", "dataset", "split", "split_digest", "data")
_KINDS: dict[str, Any] = {
    **dict.fromkeys((*_TEXTS, "scorer"), str),
    "shortlist": _shortlist,
    "open_set": _open_set,
    "probe_interval": _probe_interval,
    **dict.fromkeys((*_COUNTS, "epochs_done"), int),
    "pairs_per_second": float,
    "settings": lambda value: value if isinstance(value, RunSettings) else RunSettings.from_dict(value),
    "views": lambda value: tuple((bool(exchanged), (bool(a), bool(b))) for exchanged, (a, b) in value),
    "versions": lambda value: {str(name): str(version) for name, version in value.items()},
}


def _spread(spread, count):
    interval = None if spread["interval95"] is None else float(spread["interval95"]) / 100
    return Spread(float(spread["mean"]) / 100, float(spread["deviation"]) / 100, interval, count)
