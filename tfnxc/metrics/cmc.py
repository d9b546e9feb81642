"""The cumulative matching characteristic (CMC) of a score matrix with mAP and mINP, and their spread."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self
from typing import Protocol as Interface

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.errors import InputError
from tfnxc.metrics.matches import Matches
from tfnxc.metrics.open_set import DETECTION_RANKS, FALSE_ALARM_RATES, OpenSet, highest_scores
from tfnxc.metrics.protocols import Protocol, draw
from tfnxc.metrics.ranking import TrialScores, check_scores, rank_matches
from tfnxc.number_checks import whole_number

REPORTED_RANKS = (1, 5, 10, 20, 50)
"""The ranks that results name one by one."""

_LISTED_RANKS = 1000  # of a curve, in a result file


# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom (any table of them); beyond 30, its expansion
# in powers of 1 / degrees of freedom around the normal quantile, right to 0.001.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_Z = 1.959964


@dataclasses.dataclass(frozen=True)
class Spread:
    """A figure over several measurements.

    Args:
        mean: Their mean.
        deviation: Their standard deviation, with n - 1 in the denominator; 0 for one measurement.
        interval: Half the width of the 95 % confidence interval of the mean by Student's t, as if the measurements
            were independent; `None` for one measurement.
        count: How many there are.

    Example:
        >>> Spread.of([1.0, 2.0, 3.0])
        Spread(mean=2.0, deviation=1.0, interval=2.48433820832296, count=3)
    """

    mean: float
    deviation: float
    interval: float | None
    count: int

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """The spread of a sequence of measurements; raises `ValueError` where there is none."""
        values = np.asarray(values, np.float64)
        count = len(values)
        if count == 0:
            raise ValueError("a spread is of at least one measurement; received none")
        if count == 1:
            return cls(float(values[0]), 0.0, None, 1)
        deviation = float(values.std(ddof=1))
        return cls(float(values.mean()), deviation, student_t(count - 1) * deviation / math.sqrt(count), count)

    def to_dict(self, scale: float = 1.0) -> dict[str, float | None]:
        """Mean, deviation and interval times `scale`, for JSON."""
        interval = None if self.interval is None else scale * self.interval
        return {"mean": scale * self.mean, "deviation": scale * self.deviation, "interval95": interval}


def student_t(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t with `freedom` degrees of freedom, 1 or more, to 0.001."""
    if freedom < 1:
        raise ValueError(f"freedom must be 1 or more; received {freedom!r}")
    if freedom <= len(_T):
        return _T[freedom - 1]
    return _Z + (_Z**3 + _Z) / (4 * freedom) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)


@dataclasses.dataclass(frozen=True, eq=False)
class CMC:
    """CMC curves, one a repeat, with the protocol they were measured under.

    Args:
        protocol: Name of the protocol.
        ties: How ties were counted: `"pessimistic"`, `"optimistic"` or `"expected"`.
        repeats: How many galleries were drawn.
        seed: What the draws were seeded with.
        probes: Number of probes in a repeat.
        gallery: Number of images in the gallery; where galleries differ in size, in the largest.
        curves: Float64 array of shape `(repeats, gallery)`, shares in [0, 1]: entry `[r, k - 1]` is the share of
            the probes of repeat r whose identity is among their k best. Its last column is 1.
        average_precisions: Float64 array of shape `(repeats,)`, in [0, 1]: the mean over the probes of a repeat of the
            average precision, which is the mean over a probe's matches of the precision at the rank of the match.
        inverse_negative_penalties: Float64 array of shape `(repeats,)`, in [0, 1]: the mean over the probes of a repeat
            of the number of matches over the rank of the last of them (mINP).
        unmatched: How many more probes there would be, had they a match in the gallery; they count for nothing.
        matches: `Matches` of each repeat: the ranks of the true matches, a row a probe. Defaults to none: not kept.
        open_set: The `OpenSet` of each repeat, where the protocol takes identities out of the gallery; all other
            figures are of the probes whose identity is in it. Defaults to none.

    Example:
        >>> result = cmc([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], [0, 0], [1, 1])
        >>> result.rank(1), result.rank(2)
        (0.5, 1.0)

    References:
        SPEC section 5. mINP: Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", 2021.
    """

    protocol: str
    ties: str
    repeats: int
    seed: int
    probes: int
    gallery: int
    curves: np.ndarray
    average_precisions: np.ndarray
    inverse_negative_penalties: np.ndarray
    unmatched: int = 0
    matches: tuple[Matches, ...] = dataclasses.field(default=(), repr=False)
    open_set: tuple[OpenSet, ...] = dataclasses.field(default=(), repr=False)

    @property
    def mean(self) -> np.ndarray:
        """The curve averaged over the repeats: `gallery` shares."""
        return self.curves.mean(axis=0)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation over the repeats at each rank (n - 1 in the denominator); zeros for a single repeat."""
        return self.curves.std(axis=0, ddof=1) if len(self.curves) > 1 else np.zeros(self.curves.shape[1])

    @property
    def mean_average_precision(self) -> float:
        """Mean average precision (mAP), averaged over the repeats: a share in [0, 1]."""
        return float(self.average_precisions.mean())

    @property
    def mean_inverse_negative_penalty(self) -> float:
        """Mean inverse negative penalty (mINP), averaged over the repeats: a share in [0, 1]."""
        return float(self.inverse_negative_penalties.mean())

    def rank(self, k: int) -> float:
        """Share of the probes whose identity is among the `k` best, averaged over the repeats; beyond the gallery the
        last value of the curve. Raises `ValueError` if `k` is not a whole number, 1 or above.
        """
        return float(self.at(k).mean())

    def at(self, k: int) -> np.ndarray:
        """`rank(k)` of each repeat."""
        return self.curves[:, min(whole_number("k", k, least=1), self.curves.shape[1]) - 1]

    @property
    def figures(self) -> dict[str, Spread]:
        """The reported figures by name, over the repeats: `"rank 1"` and so on, `"mAP"`, `"mINP"`; shares in [0, 1]."""
        values = {f"rank {k}": self.at(k) for k in REPORTED_RANKS}
        values |= {"mAP": self.average_precisions, "mINP": self.inverse_negative_penalties}
        return {name: Spread.of(each) for name, each in values.items()}

    def open_set_record(self) -> dict[str, Any] | None:
        """What `open_set` says, in plain types for JSON, in per cent; `None` where the protocol is none of that kind.

        `strangers` is the most strangers' probes of a repeat, `absent` the identities that each repeat took out. A
        spread is `None` where the strangers' probes of a repeat are too few for its false alarm rate.
        """
        if not self.open_set:
            return None
        rates = []
        for alarms in FALSE_ALARM_RATES:
            ranks = {str(k): _spread([each.rate(alarms, k) for each in self.open_set], 100) for k in DETECTION_RANKS}
            threshold = _spread([each.threshold(alarms) for each in self.open_set])
            rates.append({"false_alarms": 100 * alarms, "threshold": threshold, "ranks": ranks})
        return {
            "strangers": max(len(each.highest) for each in self.open_set),
            "rates": rates,
            "absent": [list(each.absent) for each in self.open_set],
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single curves, in plain types for JSON, in per cent; at most 1,000 ranks of the mean."""
        spreads = {name: spread.to_dict(100) for name, spread in self.figures.items()}
        return {
            "protocol": self.protocol,
            "ties": self.ties,
            **{name: int(getattr(self, name)) for name in ("repeats", "seed", "probes", "unmatched", "gallery")},
            "unit": "per cent",
            "ranks": {str(k): spreads[f"rank {k}"] for k in REPORTED_RANKS},
            "mAP": spreads["mAP"],
            "mINP": spreads["mINP"],
            "mean": (100 * self.mean[:_LISTED_RANKS]).tolist(),
        }


def cmc(
    scores: ArrayLike | TrialScores,
    probe_ids: ArrayLike,
    gallery_ids: ArrayLike,
    probe_cameras: ArrayLike | None = None,
    gallery_cameras: ArrayLike | None = None,
    protocol: str | Protocol = "cross-camera",
    ties: Literal["pessimistic", "optimistic", "expected"] = "pessimistic",
    repeats: int | None = None,
    seed: int = 0,
    probes: int | None = None,
) -> CMC:
    """Measures the CMC of a score matrix: rank-k is the share of probes whose identity is among the k best.

    Only the pairs that the protocol draws are read (see `needed_pairs`), block by block; all others may be NaN, and the
    matrix may be memory-mapped. The probes of all cameras are pooled in a repeat. Where galleries differ in size, the
    curve is as long as the largest of them, and a probe whose gallery is smaller counts as found at every rank from its
    gallery's size on: the curve of a small gallery is extended with 1.

    Args:
        scores: Matrix of shape `(probes, gallery)`; a higher score means more alike. Infinite scores are fine, and a
            masked one is as NaN. Of a matrix of distances give the negative. Scores that depend on the gallery are a
            function `(trial, block) -> scores` of a `Trial` and a slice of its probes: an array of one row a probe and
            one column a picture of the trial's gallery; but not under a protocol with absent identities, whose scores
            have to compare from probe to probe.
        probe_ids: Identities of the rows: whole numbers or names. Below 0 they are nobody's (`tfnxc.identities`).
        gallery_ids: Identities of the columns.
        probe_cameras: Cameras of the rows: whole numbers or names. `None` (default), with `gallery_cameras`: all rows
            are of one camera and all columns of another.
        gallery_cameras: Cameras of the columns. Defaults to `None`.
        protocol: A `Protocol` or its name. Defaults to `"cross-camera"`.
        ties: `"pessimistic"` (default): whoever scores the same as the true match is ranked before it, so a constant
            scorer wins nothing. `"optimistic"`: after it, as some published code has it. `"expected"`: in a random
            order, of which every figure is the exact expectation.
        repeats: How many galleries are drawn. Defaults to `None`: the protocol's own number, 10, or 1 where nothing is
            drawn.
        seed: A whole number, 0 or above. Defaults to 0.
        probes: The most probes of a repeat, drawn at random where there are more. Defaults to `None`: all.

    Raises:
        ValueError: If the scores are no matrix of real numbers with one row a probe and one column a gallery image;
            if a score that is read is NaN; if `ties` is not known; and where `draw_trials` raises it.

    Example:
        >>> cmc([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], [0, 0], [1, 1]).mean
        array([0.5, 1. ])

    References:
        SPEC section 5.
    """
    protocol, scores, labels = check_scores(
        scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras, protocol, ties
    )
    if protocol.absent and callable(scores):
        raise InputError(
            f"the protocol {protocol.name} compares the scores of all probes with one threshold, and those that depend "
            "on the gallery (a shortlist, k-reciprocal re-ranking) are not made for that: measure them under another"
        )
    trials = draw(labels, protocol, repeats, seed, probes)
    found = [rank_matches(scores, labels, repeat, ties) for repeat in trials]
    gallery = int(max(matches.gallery.max() for matches in found))
    return CMC(
        protocol.name,
        ties,
        len(trials),
        int(seed),
        len(found[0].gallery),
        gallery,
        np.array([matches.curve(gallery) for matches in found]),
        np.array([matches.average_precision.mean() for matches in found]),
        np.array([matches.inverse_negative_penalty.mean() for matches in found]),
        sum(trial.unmatched for trial in trials[0]),
        tuple(found),
        tuple(
            OpenSet.of(matches, highest_scores(scores, labels, repeat), _absent(probe_ids, repeat))
            for matches, repeat in zip(found, trials, strict=True)
            if protocol.absent
        ),
    )


def _absent(probe_ids, trials):
    """The identities of the strangers' probes of a repeat, as they were given."""
    rows = np.concatenate([trial.strangers for trial in trials])
    return sorted(set(np.asarray(probe_ids)[rows].tolist()))


def _spread(values, scale=1.0):
    """The `Spread` of some figures, for JSON; `None` where one is missing."""
    return None if None in values else Spread.of(values).to_dict(scale)


def mean_average_precision(
    scores: ArrayLike,
    probe_ids: ArrayLike,
    gallery_ids: ArrayLike,
    probe_cameras: ArrayLike | None = None,
    gallery_cameras: ArrayLike | None = None,
    **options: Any,
) -> float:
    """Mean average precision (mAP) of a score matrix: a share in [0, 1].

    It is that of `CMC`. (Market-1501's first evaluation code integrates by trapezoids, which gives a little less.)
    Arguments and errors are those of `cmc`; `protocol` defaults to `"market"`.

    Example:
        >>> mean_average_precision([[0.9, 0.8, 0.7]], [1], [1, 2, 1])
        0.8333333333333333
    """
    options = {"protocol": "market", **options}
    return cmc(scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras, **options).mean_average_precision


def mean_inverse_negative_penalty(
    scores: ArrayLike,
    probe_ids: ArrayLike,
    gallery_ids: ArrayLike,
    probe_cameras: ArrayLike | None = None,
    gallery_cameras: ArrayLike | None = None,
    **options: Any,
) -> float:
    """Mean inverse negative penalty (mINP) of a score matrix: a share in [0, 1].

    It is that of `CMC`, and says what it costs to find the hardest match. For the rest as `mean_average_precision`.

    Example:
        >>> mean_inverse_negative_penalty([[0.9, 0.8, 0.7]], [1], [1, 2, 1])
        0.6666666666666666
    """
    options = {"protocol": "market", **options}
    return cmc(scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras, **options).mean_inverse_negative_penalty


class CurveLike(Interface):
    """A CMC curve with the protocol it was measured under: a `CMC`, or a result that was read from a file."""

    @property
    def protocol(self) -> str: ...  # noqa: D102
    @property
    def mean(self) -> np.ndarray: ...  # noqa: D102
    @property
    def deviation(self) -> np.ndarray: ...  # noqa: D102
    def rank(self, k: int) -> float: ...  # noqa: D102


@dataclasses.dataclass(frozen=True)
class Summary:
    """Figures with their spread: over splits where there are several, otherwise over the draws of the one.

    The interval of draws says how much the draw of the gallery matters, not how far another split might be off: all
    draws are of the same people and the same model.

    Args:
        over: What the spread is over: `"splits"` or `"draws"`.
        figures: `Spread` by name: `"rank 1"` and so on, `"mAP"`, `"mINP"`; shares in [0, 1].
        results: The result of each split: a `CMC`, or a `tfnxc.evaluation.Result`.

    Example:
        >>> halves = [tfnxc.evaluation.cmc(np.eye(2), [1, 2], ids, repeats=1) for ids in ([1, 2], [2, 1])]
        >>> Summary.of(halves).rank(1)
        Spread(mean=0.5, deviation=0.7071067811865476, interval=6.353, count=2)
    """

    over: str
    figures: Mapping[str, Spread]
    results: tuple[Any, ...]

    @classmethod
    def of(cls, results: Iterable[Any]) -> Self:
        """The summary of results; raises `ValueError` unless all are of one protocol and one way to count ties."""
        results = tuple(results)
        protocols = {(result.protocol, result.ties) for result in results}
        if len(protocols) != 1:
            raise ValueError(f"a summary is of results of one protocol; got {sorted(protocols) or 'none'}.")
        return cls("draws" if len(results) == 1 else "splits", _joined(results).figures, results)

    def rank(self, k: int) -> Spread:
        """The `Spread` of a reported rank: 1, 5, 10, 20 or 50."""
        return self.figures[f"rank {k}"]

    def curves(self) -> CurveLike:
        """The mean curve of each split as a `CMC` whose repeats are the splits; of one split, its result."""
        return _joined(self.results)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON, in per cent: the figures and what the spread is over."""
        figures = {name: spread.to_dict(100) for name, spread in self.figures.items()}
        return {
            "protocol": self.results[0].protocol,
            "ties": self.results[0].ties,
            "unit": "per cent",
            "spread_over": self.over,
            "count": self.figures["rank 1"].count,
            "ranks": {str(k): figures[f"rank {k}"] for k in REPORTED_RANKS},
            "mAP": figures["mAP"],
            "mINP": figures["mINP"],
        }


def _joined(results):
    """A `CMC` whose repeats are the mean curves of several results; of one, itself."""
    first = results[0]
    if len(results) == 1:
        return first
    longest = max(result.gallery for result in results)
    # Beyond a smaller gallery every probe is found.
    curves = [np.pad(each.mean, (0, longest - len(each.mean)), constant_values=1) for each in results]
    return CMC(
        first.protocol,
        first.ties,
        repeats=len(curves),
        seed=first.seed,
        probes=max(result.probes for result in results),
        gallery=longest,
        curves=np.array(curves),
        average_precisions=np.array([result.figures["mAP"].mean for result in results]),
        inverse_negative_penalties=np.array([result.figures["mINP"].mean for result in results]),
        unmatched=sum(result.unmatched for result in results),
    )
