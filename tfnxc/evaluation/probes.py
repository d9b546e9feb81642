"""Which probes are pictured: the kinds of the supplement's Figures 2 to 6."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.errors import InputError

BY_RANKS = {
    "all-right": "every model has the true match at rank 1",
    "only-fused": "only the Fused model has the true match at rank 1",
    "false-match": "NormXcorr has somebody else at rank 1",
    "all-fail": "no model has the true match among the pictures shown",
}
"""Kinds of probes that the ranks of their true matches tell."""

BY_CONDITIONS = {
    "occlusion": "something hides a part of the body, in the probe or in its match",
    "light": "probe and match differ most in brightness",
    "viewpoint": "probe and match are turned the furthest from each other",
}
"""Kinds of probes that the pictures themselves tell, where the data set knows it."""

PROBE_KINDS = ("random", *BY_RANKS, *BY_CONDITIONS)
"""All kinds of probes."""


@dataclasses.dataclass(frozen=True)
class ProbeChoice:
    """Which probes are pictured.

    Args:
        kind: One of `PROBE_KINDS`. Defaults to `"random"`.
        probes: Positions or names of pictures in the test part instead. Defaults to none.
        count: The most probes. Defaults to 4.
        among: The most that are scored to find those of a kind that ranks tell. Defaults to 50.
        seed: Of the draws: the gallery, and which probes. Defaults to 0.

    Raises:
        ValueError: If the kind is not known.

    Example:
        >>> ProbeChoice("all-fail", among=200).about
        ': no model has the true match among the pictures shown'
    """

    kind: str = "random"
    probes: Sequence[int | str] = ()
    count: int = 4
    among: int = 50
    seed: int = 0

    def __post_init__(self):
        if self.kind not in PROBE_KINDS:
            raise ValueError(f"kind must be one of {', '.join(PROBE_KINDS)}; got {self.kind!r}.")

    @property
    def about(self) -> str:
        """What a title says of the kind; nothing where probes are named or drawn at random."""
        return "" if self.probes or self.kind == "random" else f": {(BY_RANKS | BY_CONDITIONS)[self.kind]}"


def choose_by_ranks(
    kind: str, ranks: ArrayLike, models: Sequence[str | None], count: int, seed: int = 0, shown: int = 20
) -> np.ndarray:
    """Chooses at most `count` probes by where some models rank their true matches.

    Args:
        kind: `"random"`, or a name in `BY_RANKS`.
        ranks: Integer array of shape `(models, probes)`: the rank of the best true match.
        models: Name of the architecture of each row, such as `"fused"`; `None` for what is no model.
        count: The most probes.
        seed: Which of them, where there are more. Defaults to `0`.
        shown: How many of a gallery are shown, for `"all-fail"`. Defaults to `20`.

    Returns:
        Columns of `ranks`, ascending.

    Raises:
        InputError: If no probe is of this kind, or the model that it is about is not there.

    Example:
        >>> choose_by_ranks("only-fused", np.array([[2, 1, 7], [1, 1, 1]]), ["normxcorr", "fused"], count=1, seed=3)
        array([0])
    """
    ranks = np.asarray(ranks)
    right = np.equal(ranks, 1)
    if kind == "random":
        there = np.ones(ranks.shape[1], bool)
    elif kind == "all-right":
        there = right.all(axis=0)
    elif kind == "only-fused":
        fused = _of("fused", models, kind)
        there = right[fused].all(axis=0) & ~right[~fused].any(axis=0)
    elif kind == "false-match":
        there = ~right[_of("normxcorr", models, kind)].any(axis=0)
    elif kind == "all-fail":
        there = np.greater(ranks, shown).all(axis=0)
    else:
        raise ValueError(f"kind must be 'random' or one of {', '.join(BY_RANKS)}; got {kind!r}.")
    found = np.flatnonzero(there)
    if not len(found):
        raise InputError(
            f"none of the {ranks.shape[1]} probes is of the kind {kind} ({BY_RANKS[kind]}). Choose from more with "
            "--among, or another kind."
        )
    # Sorting random(), not permutation(): its stream is the same under every version of NumPy.
    order = np.argsort(np.random.default_rng(seed).random(len(found)), kind="stable")
    return np.sort(found[order[:count]])


def choose_by_difficulty(kind: str, difficulty: ArrayLike, count: int, seed: int = 0) -> np.ndarray:
    """Positions of the probes that are the hardest in the respect of a kind, the hardest first.

    A difficulty of 0 or below is of a probe that is not of the kind. The seed chooses among equally hard ones. Raises
    `InputError` where no probe is of the kind.

    Example:
        >>> choose_by_difficulty("light", [0.1, 0.5, 0.3], count=2)
        array([1, 2])
    """
    values = np.asarray(difficulty, float)
    shuffled = np.argsort(np.random.default_rng(seed).random(len(values)), kind="stable")
    hardest = shuffled[np.argsort(-values[shuffled], kind="stable")][:count]
    hardest = hardest[values[hardest] > 0]
    if not len(hardest):
        raise InputError(f"none of the {len(values)} probes is of the kind {kind} ({BY_CONDITIONS[kind]}).")
    return hardest


def _of(model, models, kind):
    """Mask of the rows of an architecture."""
    found = np.array([each == model for each in models])
    if not found.any():
        raise InputError(f"the kind {kind} is about the model {model}: name a run of it.")
    return found
