"""Which probes are worth a picture: the categories of the supplement's Figures 2 to 6."""

from __future__ import annotations

import numpy as np

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

KINDS = ("random", *BY_RANKS, *BY_CONDITIONS)
"""What `tfnxc plot ranking --kind` takes."""


def choose_by_ranks(kind, ranks, models, count, seed=0, shown=20):
    """Chooses probes by where some models rank their true matches.

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
        array([2])
    """
    ranks = np.asarray(ranks)
    right = ranks == 1
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
        there = (ranks > shown).all(axis=0)
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


def choose_by_difficulty(kind, difficulty, count, seed=0):
    """Chooses the probes that are the hardest in one respect.

    Args:
        kind: A name in `BY_CONDITIONS`, for the error.
        difficulty: A number for each probe, 0 or below for one that is not of the kind.
        count: The most probes.
        seed: Which of equally hard ones. Defaults to `0`.

    Returns:
        Positions in `difficulty`, the hardest first.

    Raises:
        InputError: If no probe is of this kind.

    Example:
        >>> choose_by_difficulty("light", [0.1, 0.5, 0.3], count=2)
        array([1, 2])
    """
    difficulty = np.asarray(difficulty, float)
    shuffled = np.argsort(np.random.default_rng(seed).random(len(difficulty)), kind="stable")
    hardest = shuffled[np.argsort(-difficulty[shuffled], kind="stable")][:count]
    hardest = hardest[difficulty[hardest] > 0]
    if not len(hardest):
        raise InputError(f"none of the {len(difficulty)} probes is of the kind {kind} ({BY_CONDITIONS[kind]}).")
    return hardest


def _of(model, models, kind):
    """Mask of the rows of an architecture."""
    found = np.array([each == model for each in models])
    if not found.any():
        raise InputError(f"the kind {kind} is about the model {model}: name a run of it.")
    return found
