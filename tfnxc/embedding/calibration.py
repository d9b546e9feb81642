"""Calibrated probabilities and thresholds of a model and its embedding, and the file that keeps them beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.embedding.combination import log_odds_of
from tfnxc.embedding.embedding import Embedding, embedding_path
from tfnxc.embedding.logistic import fit_logistic, logistic
from tfnxc.errors import InputError
from tfnxc.files import write_json
from tfnxc.hashes import short_digest, weights_digest
from tfnxc.metrics import Reliability, ScoredPairs, Threshold, smallest_rate

CALIBRATED = ("head", "embedding", "both")
"""Scorers whose scores are calibrated: those of a search."""

FALSE_MATCHES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Numbers of false matches per 1,000 gallery pictures that have a threshold where no others are asked for."""

FILE = "calibration.json"

_FORMAT = "tfnxc calibration"
_VERSION = 1
_FOLDS = 5


@dataclasses.dataclass(frozen=True)
class ScorerCalibration:
    """What is known of the scores of one scorer.

    Args:
        slope: The log-odds of a match are `slope * x + intercept`, where matches are as likely as not beforehand; `x`
            is the score, and of the head the log-odds of its probability.
        intercept: See `slope`.
        thresholds: A `Threshold` for each number of false matches, ascending by it.
        before: The `Reliability` of the probabilities that the scorer gives itself; `None` of the embedding, which
            gives none.
        after: That of the calibrated ones, each by a fit on other people.
    """

    slope: float
    intercept: float
    thresholds: tuple[Threshold, ...]
    before: Reliability | None
    after: Reliability

    @classmethod
    def fit(
        cls,
        scorer: str,
        pairs: ScoredPairs,
        probabilities: np.ndarray | None,
        false_matches: Iterable[float] | None = None,
        seed: int = 0,
    ) -> Self:
        """Fits calibration and thresholds of a scorer to the scores of pairs.

        Args:
            scorer: One of `CALIBRATED`.
            pairs: The `ScoredPairs`, of four people or more.
            probabilities: What the scorer itself says of each pair, or `None`.
            false_matches: As in `Threshold.find`. Defaults to `None`: those of `FALSE_MATCHES` that the pairs support.
            seed: Draws folds and bootstrap. Defaults to `0`.

        Raises:
            InputError: If a number of false matches has no threshold.
        """
        values, matches = calibrated_value(scorer, pairs.scores), pairs.matches
        predicted, tested = _by_others(values, pairs, seed)
        before = None if probabilities is None else Reliability.of(np.asarray(probabilities)[tested], matches[tested])
        after = Reliability.of(predicted[tested], matches[tested])
        found = _thresholds(pairs, false_matches, seed)
        return cls(*fit_logistic(values, matches), found, before, after)

    def threshold(self, false_matches: float) -> Threshold | None:
        """The `Threshold` for a number of false matches per 1,000; `None` where there is none."""
        return next((each for each in self.thresholds if each.false_matches == false_matches), None)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Of a dict as from `dataclasses.asdict`; raises `ValueError`, `KeyError` or `TypeError` where it is none."""
        before = record["before"]
        found = cls(
            float(record["slope"]),
            float(record["intercept"]),
            tuple(map(Threshold.from_dict, record["thresholds"])),
            None if before is None else Reliability.from_dict(before),
            Reliability.from_dict(record["after"]),
        )
        asked, scores = ([getattr(each, name) for each in found.thresholds] for name in ("false_matches", "score"))
        if not np.isfinite([found.slope, found.intercept]).all() or asked != sorted(set(asked)):
            raise ValueError("a calibration has finite numbers, and one threshold for each number of false matches")
        if scores != sorted(scores, reverse=True):
            raise ValueError("more false matches have a lower threshold")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "slope": self.slope,
            "intercept": self.intercept,
            "thresholds": [dataclasses.asdict(each) for each in self.thresholds],
            "before": None if self.before is None else self.before.to_dict(),
            "after": self.after.to_dict(),
        }


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Calibrated probabilities and thresholds of a model with its embedding, and of whom they are.

    Args:
        of: What tells model, embedding and their combination from others, as `calibrated_digest` gives it.
        people: `(data set, identities)` of whom the scores were.
        pictures: How many pictures that were.
        probes: How many of them were probes of strangers' pairs.
        matches: Pairs of one person, by different cameras where there are several.
        strangers: Pairs of two people.
        combined: How many of the people had chosen the embedding and its combination with the head before: on them both
            do better than on others.
        scorers: A `ScorerCalibration` by the name of each of `CALIBRATED`.
        names: Who the people are, by number, as in `EmbeddingCard`. Defaults to `None`: their numbers say it.
    """

    of: str
    people: tuple[tuple[str, tuple[int, ...]], ...]
    pictures: int
    probes: int
    matches: int
    strangers: int
    combined: int
    scorers: Mapping[str, ScorerCalibration]
    names: Mapping[int, str] | None = None

    @property
    def smallest(self) -> float:
        """The smallest number of false matches per 1,000 pictures that the strangers' pairs support."""
        return smallest_rate(self.strangers)

    def threshold(self, scorer: str, false_matches: float) -> Threshold:
        """The `Threshold` of a scorer for a number of false matches per 1,000 gallery pictures.

        Raises:
            InputError: If there is none; the message says which there are.
        """
        if scorer not in self.scorers:
            raise InputError(f"scorer must be one of {', '.join(self.scorers)}; got {scorer!r}.")
        found = self.scorers[scorer].threshold(false_matches)
        if found is None:
            known = ", ".join(f"{each.false_matches:g}" for each in self.scorers[scorer].thresholds)
            raise InputError(
                f"no threshold for {false_matches:g} false matches per 1,000 pictures by the scorer {scorer}; there is "
                f"one for {known or 'no number'}. The {self.strangers} pairs of strangers support {self.smallest:g} or "
                "more; tfnxc calibrate RUN --false-matches N makes another."
            )
        return found

    def probabilities(self, scorer: str, scores: ArrayLike) -> np.ndarray:
        """The calibrated probability that both pictures show one person, where that is as likely as not beforehand.

        Args:
            scorer: One of `CALIBRATED`.
            scores: Its scores, as `tfnxc.search.Match` has them.

        Returns:
            float32 array of the shape of the scores.
        """
        fitted = self.scorers[scorer]
        return logistic(fitted.slope * calibrated_value(scorer, scores) + fitted.intercept).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON; the names only where there are some."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        record["people"] = [[dataset, list(identities)] for dataset, identities in self.people]
        record["scorers"] = {name: each.to_dict() for name, each in self.scorers.items()}
        names = record.pop("names")
        return record if names is None else {**record, "names": {str(number): name for number, name in names.items()}}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Of a dict as from `to_dict`; raises a `ValueError` or what a dict of another form raises where it is none."""
        scorers = {name: ScorerCalibration.from_dict(record["scorers"][name]) for name in CALIBRATED}
        counts = {name: int(record[name]) for name in ("pictures", "probes", "matches", "strangers", "combined")}
        people = tuple((str(dataset), tuple(int(each) for each in listed)) for dataset, listed in record["people"])
        names = record.get("names")
        known = None if names is None else {int(number): str(name) for number, name in names.items()}
        return cls(of=str(record["of"]), people=people, scorers=scorers, names=known, **counts)

    def save(self, folder: str | os.PathLike, state: str = "trained") -> pathlib.Path:
        """Writes `calibration.json` beside the embedding of a state, whole or not at all; gives its path."""
        path, content = calibration_path(folder, state), self.to_dict()
        write_json(path, {"format": _FORMAT, "version": _VERSION, "sha256": _digest(content), "content": content})
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike, embedding: Embedding, state: str = "trained") -> Self:
        """The calibration in a folder, of the embedding there.

        Raises:
            InputError: If there is none, it is damaged or of another version, or of another embedding.
        """
        path, command = calibration_path(folder, state), calibrate_command(state)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{path}: no thresholds here. {command} makes them.") from None
        except (OSError, ValueError, RecursionError):
            data = None
        if isinstance(data, dict) and data.get("format") == _FORMAT and data.get("version") != _VERSION:
            raise InputError(f"{path}: of another version of tfnxc. {command} makes it anew.")
        try:
            if data["format"] != _FORMAT or data["sha256"] != _digest(data["content"]):
                raise ValueError
            found = cls.from_dict(data["content"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            raise InputError(f"{path}: damaged. {command} makes it anew.") from None
        if found.of != calibrated_digest(embedding):
            raise InputError(f"{path}: of another model or embedding than those beside it. {command} makes it anew.")
        return found


def calibration_path(folder: str | os.PathLike, state: str = "trained") -> pathlib.Path:
    """File of the calibration of a model in a state."""
    return embedding_path(folder, state).with_name(FILE if state == "trained" else f"calibration-{state}.json")


def calibrate_command(state: str = "trained") -> str:
    """The command that calibrates a run's model in a state."""
    return f"tfnxc calibrate RUN{'' if state == 'trained' else f' --state {state}'}"


def calibrated_digest(embedding: Embedding) -> str:
    """The digest of a model with its embedding and their combination, whose scores no other has."""
    card = embedding.card
    known = [card.model_digest, weights_digest(embedding.model), dataclasses.asdict(card.combination)]
    return short_digest(json.dumps(known, sort_keys=True).encode())


def calibrated_value(scorer: str, scores: ArrayLike) -> np.ndarray:
    """What the logistic regression of a scorer takes: its scores, of the head their log-odds; float64."""
    return np.asarray(log_odds_of(scores) if scorer == "head" else scores, np.float64)


def _digest(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _thresholds(pairs, asked, seed):
    if asked is not None:
        return tuple(Threshold.find(pairs, each, seed) for each in sorted(set(asked)))
    found = []
    for each in FALSE_MATCHES:
        try:
            found.append(Threshold.find(pairs, each, seed))
        except InputError:  # nobody asked for it
            continue
    return tuple(found)


def _by_others(values, pairs, seed):
    """The probability of each pair inside a fold of people, by a fit on pairs of all others; and which these are."""
    people = np.unique(np.concatenate([pairs.probes, pairs.gallery]))
    folds = min(_FOLDS, len(people) // 2)
    order = np.random.default_rng([seed, 3]).permutation(len(people))
    fold = np.empty(len(people), int)
    fold[order] = np.arange(len(people)) % folds
    one, other = (fold[np.searchsorted(people, each)] for each in (pairs.probes, pairs.gallery))
    predicted = np.full(len(values), np.nan)
    for each in range(folds):
        inside, outside = (one == each) & (other == each), (one != each) & (other != each)
        slope, intercept = fit_logistic(values[outside], pairs.matches[outside])
        predicted[inside] = logistic(slope * values[inside] + intercept)
    return predicted, one == other
