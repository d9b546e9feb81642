"""The sum of what the pair head and the embedding say of a pair, with weights fitted on people held back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.embedding.logistic import fit_logistic, logistic
from tfnxc.errors import InputError

_LEAST = 2.0**-24  # what float32 can tell from a probability of 1
_STEPS = 100  # Newton steps at most; about ten are taken


def log_odds_of(probabilities: ArrayLike) -> np.ndarray:
    """The logarithm of p / (1 - p) in float32; probabilities nearer to 0 or 1 than 2**-24 count as that near.

    Example:
        >>> [round(float(each), 2) for each in log_odds_of([0.5, 1.0])]
        [0.0, 16.64]
    """
    clipped = np.clip(np.asarray(probabilities, np.float64), _LEAST, 1 - _LEAST)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Combination:
    """Weights of the pair head's log-odds, of the embedding's cosine, and of a common camera; and a calibration.

    The weights come from a conditional logit: given a probe, its match and pictures of others, the likelihood that the
    match is the one with the highest score. Of a ranking only their ratios matter. The last one is for galleries that
    hold pictures of the probe's own camera, where two pictures are alike because one camera took them.

    Args:
        log_odds: Weight of the logarithm of p / (1 - p), p the probability of the pair head, averaged over both orders.
        cosine: Weight of the cosine of the two embeddings.
        same_camera: What a pair of one camera receives; used where it is asked for. Defaults to `0.0`.
        slope: Of the calibration: the log-odds of a pair are `slope * score + intercept`. Defaults to `1.0`.
        intercept: Of the calibration. Defaults to `0.0`.
        identities: How many people who did not train it was fitted on. Defaults to `0`: it is a prior, fitted on
            people held back from other trainings.
        probes: How many of their pictures were probes. Defaults to `0`.

    Example:
        >>> combination = Combination(log_odds=1.0, cosine=10.0)
        >>> combination.scores([[0.5, -2.0]], [[0.4, 0.1]]).tolist()
        [[4.5, -1.0]]
        >>> combination.probabilities([[0.0]]).tolist()
        [[0.5]]

    References:
        McFadden, "Conditional Logit Analysis of Qualitative Choice Behavior", 1974; Platt, "Probabilistic Outputs for
        Support Vector Machines", 1999.
    """

    log_odds: float
    cosine: float
    same_camera: float = 0.0
    slope: float = 1.0
    intercept: float = 0.0
    identities: int = 0
    probes: int = 0

    def scores(self, log_odds: ArrayLike, cosines: ArrayLike, same_camera: ArrayLike | None = None) -> np.ndarray:
        """Scores of pairs, higher means more alike: float32 of the shape of the arguments.

        Args:
            log_odds: Of the pair head: `log_odds_of` its probabilities; of both orders, their mean.
            cosines: Of the two embeddings.
            same_camera: Whether one camera took both pictures. Defaults to `None`: that is not looked at.
        """
        score = self.log_odds * np.asarray(log_odds, np.float64) + self.cosine * np.asarray(cosines, np.float64)
        if same_camera is not None:
            score = score + self.same_camera * np.asarray(same_camera, np.float64)
        return score.astype(np.float32)

    def probabilities(self, scores: ArrayLike) -> np.ndarray:
        """Probability that both pictures show one person, where that is as likely as not beforehand; float32."""
        return logistic(self.slope * np.asarray(scores, np.float64) + self.intercept).astype(np.float32)

    def describe(self) -> str:
        """The weights and where they come from, in one line.

        Example:
            >>> PRIOR.describe()
            '1.08 x log-odds of the head + 7.9 x cosine (a prior: nobody was held back)'
        """
        held_back = f"fitted on {self.identities} people held back"
        how = held_back if self.identities else "a prior: nobody was held back"
        return f"{self.log_odds:.2f} x log-odds of the head + {self.cosine:.1f} x cosine ({how})"

    @classmethod
    def fit(
        cls,
        log_odds: np.ndarray,
        cosines: np.ndarray,
        matches: np.ndarray,
        same_camera: np.ndarray | None = None,
        prior: Combination | None = None,
    ) -> Self:
        """Fits the weights and the calibration on people who trained neither model nor projection.

        Args:
            log_odds: float `(probes, gallery)`, as in `scores`; NaN where a pair is not looked at.
            cosines: The same of the embedding; NaN there or not.
            matches: Booleans of that shape: whether both pictures show one person.
            same_camera: Booleans of that shape. Weights of the first two come from pairs of two cameras, if there are;
                then that of a common camera from all. Defaults to `None`: cameras are not known.
            prior: The weights are drawn towards those of a `Combination`, as by a normal distribution whose standard
                deviation is half the weight: some probes outweigh it. Defaults to `None`: `PRIOR`.

        Raises:
            InputError: If no probe has both a match and a picture of somebody else.
        """
        prior = PRIOR if prior is None else prior
        log_odds, cosines = (np.asarray(each, np.float64) for each in (log_odds, cosines))
        matches = np.asarray(matches, bool)
        same_camera = None if same_camera is None else np.asarray(same_camera, bool)
        shapes = {each.shape for each in (log_odds, cosines, matches, same_camera) if each is not None}
        if len(shapes) > 1 or matches.ndim != 2:
            raise ValueError(f"all must be of one shape, (probes, gallery); got {sorted(shapes)}.")
        known = np.isfinite(log_odds) & np.isfinite(cosines)
        across = known if same_camera is None else known & ~same_camera
        if not _usable(across, matches).any():
            across = known
        features = np.stack([np.nan_to_num(log_odds), np.nan_to_num(cosines)], axis=-1).astype(np.float64)
        weights = _conditional_logit(features, matches, across, np.array([prior.log_odds, prior.cosine]))
        scores = features @ weights
        camera = 0.0
        if same_camera is not None and _usable(known, matches).any() and (known & same_camera).any():
            own = same_camera[..., None].astype(np.float64)
            camera = float(_conditional_logit(own, matches, known, np.zeros(1), offset=scores)[0])
        slope, intercept = fit_logistic(scores[across], matches[across])
        count = int(_usable(across, matches).sum())
        return cls(float(weights[0]), float(weights[1]), camera, slope, intercept, probes=count)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The combination of a dict as from `dataclasses.asdict`; raises `ValueError` where it is another."""
        names = {field.name for field in dataclasses.fields(cls)}
        if set(record) != names or not all(
            isinstance(value, (int, float)) and np.isfinite(value) for value in record.values()
        ):
            raise ValueError(f"a combination has the numbers {', '.join(sorted(names))}; got {record!r}.")
        return cls(**record)


PRIOR = Combination(log_odds=1.08, cosine=7.9, same_camera=-2.07, slope=0.80, intercept=-1.38)
"""The combination where nobody was held back: fitted to the model that comes with the package, on 100 drawn people who
did not train it, so that it knows nobody of a published split. docs/embedding.md says more."""

_DOUBT = 0.5  # standard deviation of a weight before anything is known, as a share of its prior
_CAMERA_DOUBT = 2.0  # the same of a common camera, whose prior is 0


def _usable(looked_at, matches):
    """Which probes have a match and somebody else among the pairs looked at."""
    return (looked_at & matches).any(axis=1) & (looked_at & ~matches).any(axis=1)


def _conditional_logit(features, matches, looked_at, prior, offset=None):
    """Weights of features `(probes, gallery, weights)` by Newton's method; none of the first fit is below 0.

    A probe counts once, however many matches it has: each is set against the pictures of others, and these
    likelihoods are averaged.
    """
    rows = np.flatnonzero(_usable(looked_at, matches))
    if not len(rows):
        raise InputError("no probe of the people held back has a match and a picture of somebody else.")
    cases = []  # of each match of each probe: its features, those of the others, its weight
    for row in rows:
        mates = np.flatnonzero(looked_at[row] & matches[row])
        others = np.flatnonzero(looked_at[row] & ~matches[row])
        for mate in mates:
            columns = np.r_[mate, others]
            extra = np.zeros(len(columns)) if offset is None else offset[row, columns]
            cases.append((features[row, columns], extra, 1 / len(mates)))
    precision = np.diag(1 / np.where(prior == 0, _CAMERA_DOUBT, _DOUBT * prior) ** 2)
    least = 0.0 if offset is None else -np.inf
    weights = prior.copy()
    for _ in range(_STEPS):
        slope, information = _slope_and_information(cases, weights)
        slope -= precision @ (weights - prior)
        free = (weights > least) | (slope > 0)
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve((information + precision)[np.ix_(free, free)], slope[free])
        moved = _moved(step, cases, weights, prior, precision, least)
        if np.allclose(moved, weights, rtol=1e-8, atol=1e-10):
            break
        weights = moved
    return weights


def _likelihood(cases, weights, prior, precision):
    total = -0.5 * (weights - prior) @ precision @ (weights - prior)
    for values, extra, share in cases:
        scores = values @ weights + extra
        total += share * (scores[0] - scores.max() - np.log(np.exp(scores - scores.max()).sum()))
    return total


def _moved(step, cases, weights, prior, precision, least):
    """Weights after the largest of 1, 1/2, 1/4 and so on of a Newton step that does not lower the likelihood."""
    before, size = _likelihood(cases, weights, prior, precision), 1.0
    while size > 1e-9:
        moved = np.maximum(weights + size * step, least)
        if _likelihood(cases, moved, prior, precision) >= before:
            return moved
        size /= 2
    return weights


def _slope_and_information(cases, weights):
    slope, information = np.zeros(len(weights)), np.zeros((len(weights),) * 2)
    for values, extra, share in cases:
        scores = values @ weights + extra
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        mean = shares @ values
        apart = values - mean
        slope += share * (values[0] - mean)
        information += share * (apart * shares[:, None]).T @ apart
    return slope, information
