"""What scores the pictures of one test part."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from tfnxc.console import plain
from tfnxc.datasets import ImageSet
from tfnxc.errors import InputError
from tfnxc.evaluation.costs import Cost
from tfnxc.evaluation.summaries import Read
from tfnxc.evaluation.tested import Tested
from tfnxc.metrics import EvaluationPlan, get_protocol
from tfnxc.metrics.ranking import TrialScores
from tfnxc.runs.result import HEAD
from tfnxc.scoring.pairs import Pairs
from tfnxc.scoring.two_stages import Shortlist, TwoStages

VECTORS = ("embedding", "embedding-csls", "embedding-k-reciprocal")
"""Scorers that compare vectors: by their cosine, or with a remedy against hubs (`tfnxc.scoring.hubs`)."""

SCORERS = (HEAD, *VECTORS, "both", "both-camera")
"""What of a model may score pairs: its head, its embedding, their combination, or that with a common camera."""

COMBINED = ("both", "both-camera")
"""Those of them that combine head and embedding, and may leave pairs out by a shortlist."""


class Filled(NamedTuple):
    """What filling gave: what reads scores, how many pairs were scored for it, and how fast.

    The rate is in pairs a second: that of now, or of when the scores were made; `None` where nobody knows.
    """

    read: Read
    pairs: int = 0
    rate: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Scorer:
    """A scorer of the pictures of one test part. It scores once, and then lets go of the model and the pictures.

    `prefix` begins the names of its result files; `about` has fields of a `Result`; `fill` scores the pairs that are
    needed; `cost` says what that would cost, with so many of them on shortlists at most; `folder` is that of its run;
    `kind` is one of `SCORERS`. `at_once` says that it has the scores of all pairs of the pictures that are needed.
    `two_stages` gives those of a plan where a `shortlist` is drawn, and `trials` those that depend on the gallery;
    `shown` makes of scores what pictures show below a rank.
    """

    label: str
    prefix: str
    tested: Tested
    about: Mapping[str, Any]
    fill: Callable[[Pairs, Console | None], Filled]
    cost: Callable[[Pairs, int | None], Cost]
    folder: pathlib.Path | None = None
    kind: str = HEAD
    at_once: bool = False
    two_stages: Callable[[EvaluationPlan, Pairs, Console | None], TwoStages] | None = None
    shown: Callable[[np.ndarray], np.ndarray] = np.asarray
    trials: Callable[[EvaluationPlan], TrialScores] | None = None
    shortlist: Shortlist | None = None

    @property
    def name(self) -> str:
        """A name that tells it from other scorers."""
        return self.prefix if self.folder is None else f"{self.folder.resolve().name}-{self.prefix}"

    @property
    def people(self) -> ImageSet:
        """The `ImageSet` of the test part."""
        return self.tested.part

    def score(self, needed: Pairs, console: Console | None) -> tuple[Read, float | None]:
        """Scores pairs; gives what reads scores, and pairs a second: those of now, or of when they were scored."""
        begin = time.perf_counter()
        read, pairs, rate = self.fill(needed, console)
        seconds = time.perf_counter() - begin
        if pairs and console is not None:
            console.print(
                plain(f"{self.label}: {pairs} pairs in {seconds:.1f} s, {pairs / seconds:.0f} pairs a second")
            )
        return read, pairs / seconds if pairs and rate is None else rate


@dataclasses.dataclass(frozen=True)
class Asked:
    """Which scorers of a model are asked for: names of `SCORERS`, and each `Shortlist` of the combined ones.

    A shortlist of `None` stands for all pairs.
    """

    kinds: tuple[str, ...] = (HEAD,)
    shortlists: tuple[Shortlist | None, ...] = (None,)

    @classmethod
    def of(cls, scorer, shortlist) -> Asked:
        """The arguments of `evaluate`, checked: raises `ValueError` where one is not known or has no effect."""
        kinds = (scorer,) if isinstance(scorer, str) else tuple(dict.fromkeys(scorer))
        for kind in kinds:
            if kind not in SCORERS:
                raise ValueError(f"scorer must be of {', '.join(map(repr, SCORERS))}; got {kind!r}.")
        if not kinds:
            raise ValueError(f"scorer must be at least one of {', '.join(map(repr, SCORERS))}; got none.")
        if shortlist is None:
            return cls(kinds)
        if not set(kinds) & set(COMBINED):
            raise ValueError("shortlist: no effect on the head or the embedding alone; ask for the scorer both.")
        asked = shortlist if isinstance(shortlist, list | tuple) else [shortlist]
        if not asked:
            raise ValueError("shortlist must be at least one length, or None; got none.")
        # All pairs first: what follows is compared with them, and finds its pairs scored.
        found = dict.fromkeys(None if each is None else Shortlist(each) for each in asked)
        return cls(kinds, tuple(sorted(found, key=lambda each: each is not None)))

    @property
    def ways(self) -> list[tuple[str, Shortlist | None]]:
        """Each scorer that is asked for, with its shortlist."""
        return [(kind, each) for kind in self.kinds for each in (self.shortlists if kind in COMBINED else (None,))]

    @property
    def needs_embedding(self) -> bool:
        """Whether one of them is not the head alone."""
        return set(self.kinds) != {HEAD}

    @property
    def needs_head(self) -> bool:
        """Whether one of them does not compare vectors alone."""
        return not set(self.kinds) <= set(VECTORS)


def protocols_of(kind: str, asked: tuple[str, ...], usual: tuple[str, ...]) -> tuple[str, ...]:
    """The protocols of a scorer: those asked for, or else the usual ones; of a common camera `paper` alone.

    Raises `InputError` where others were asked for: only `paper` has galleries of all cameras that a probe's own
    identity is drawn from.
    """
    if kind != "both-camera":
        return asked or usual
    if asked and "paper" not in asked:
        raise InputError(
            f"the scorer both-camera knows which pictures one camera took; that is for the protocol paper, and "
            f"{', '.join(asked)} was asked for. Add --protocol paper, or take --scorer both (in Python protocols=, "
            "scorer=)."
        )
    return ("paper",)


def check_open_set(asked: Asked, protocols: tuple[str, ...]) -> None:
    """Raises `InputError` where scores that depend on the gallery are asked for under an open-set protocol."""
    named = [name for name in protocols if get_protocol(name).absent]
    kinds = [f"the scorer {kind}" for kind in asked.kinds if kind == "embedding-k-reciprocal"]
    kinds += ["a shortlist" for each in asked.shortlists if each is not None]
    if named and kinds:
        raise InputError(
            f"the protocol {named[0]} compares the scores of all probes with one threshold, and those of {kinds[0]} "
            "depend on the gallery: leave it out, or measure it under another protocol."
        )
