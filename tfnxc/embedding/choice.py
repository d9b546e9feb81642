"""The choice of a discriminant's shrinkage and dimensions, on people held back from its fit."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfnxc.embedding.discriminant import Discriminant
from tfnxc.errors import InputError
from tfnxc.metrics import cmc

SHRINKAGES = (0.05, 0.1, 0.2, 0.4)
DIMENSIONS = (64, 128)
FOLDS = 4
MARGIN = 0.02
"""Mean average precision within which numbers of dimensions count as equal: then the larger one is taken."""

LEAST_IDENTITIES = 8
"""With fewer identities that have two pictures nothing is chosen: folds would hold two people."""

_MOST_RANKED = 200  # identities of a fold that are ranked


class HeldBack(NamedTuple):
    """Features of people held back, their identities, and their cameras where they are known."""

    features: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray | None = None


class Chosen(NamedTuple):
    """A fitted discriminant, and what the choice rests on: of each setting its mAP on people held back."""

    discriminant: Discriminant
    tried: tuple[dict[str, float], ...]


def fit_discriminant(
    features: np.ndarray,
    identities: np.ndarray,
    cameras: np.ndarray | None = None,
    mirrored: np.ndarray | None = None,
    held_back: HeldBack | None = None,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Chosen:
    """Fits a `Discriminant` whose shrinkage and dimensions rank people best who were held back from the fit.

    The identities are divided into four folds; each is ranked by what is fitted on the other three, all pictures of
    other cameras as gallery (where one camera took all, all other pictures). Of the dimensions that come within
    `MARGIN` of the highest mean average precision the most are taken, and with them the best shrinkage. That setting is
    fitted on everyone. People who did not train the tower either are the better judges: where eight or more are held
    back, they are ranked in the place of the folds. With less than eight identities the defaults of `Discriminant` are
    taken.

    Args:
        features: float `(pictures, numbers)`, as from `pooled`.
        identities: Integers `(pictures,)`.
        cameras: Integers `(pictures,)`. Defaults to `None`: not known.
        mirrored: The features of the mirror images, which are pictures of the same people to fit on. Defaults to
            `None`: none.
        held_back: Features of other people. Defaults to `None`: nobody.
        seed: Draws the folds. Defaults to `0`.
        progress: Called with 1 after each of the `FOLDS` and after the last fit. Defaults to `None`.

    Raises:
        InputError: As `Discriminant.fit`; if less than two identities have two pictures.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> identities = np.repeat(np.arange(20), 4)
        >>> features = rng.normal(size=(20, 6))[identities] + 0.1 * rng.normal(size=(80, 6))
        >>> chosen = fit_discriminant(features, identities)
        >>> chosen.discriminant.components_.shape, len(chosen.tried)
        ((6, 6), 4)
    """
    progress = progress or (lambda count: None)
    views = [features] if mirrored is None else [features, mirrored]
    identities = np.asarray(identities)
    people, counts = np.unique(identities, return_counts=True)
    people = people[counts > 1]
    if len(people) < 2:  # said here, because mirror images would count as second pictures
        raise InputError(f"{len(people)} of {len(counts)} identities have two pictures: an embedding needs two such.")
    setting = (Discriminant().shrinkage, max(DIMENSIONS))
    tried: tuple[dict[str, float], ...] = ()
    if held_back is not None and len(np.unique(held_back.identities)) < LEAST_IDENTITIES:
        held_back = None
    if len(people) >= LEAST_IDENTITIES or held_back is not None:
        order = np.random.default_rng([seed, len(people)]).permutation(people)
        found: dict[tuple[float, int], list[float]] = {}
        folds = np.array_split(order, FOLDS) if held_back is None else [held_back]
        for fold in folds:
            for key, figure in _tried(views, identities, cameras, fold):
                found.setdefault(key, []).append(figure)
            progress(FOLDS // len(folds))
        means = {key: float(np.mean(figures)) for key, figures in found.items() if len(figures) == len(folds)}
        least = max(means.values()) - MARGIN
        dimensions = max(key[1] for key, figure in means.items() if figure >= least)
        setting = max((key for key in means if key[1] == dimensions), key=means.__getitem__)
        tried = tuple({"shrinkage": key[0], "dimensions": key[1], "mAP": figure} for key, figure in means.items())
    else:
        progress(FOLDS)
    fitted = _fitted(views, identities, np.ones(len(identities), bool), *setting)
    progress(1)
    return Chosen(fitted, tried)


def _fitted(views, identities, chosen, shrinkage, dimensions):
    features = np.concatenate([each[chosen] for each in views])
    return Discriminant(dimensions, shrinkage).fit(features, np.tile(identities[chosen], len(views)))


def _tried(views, identities, cameras, fold):
    """`((shrinkage, dimensions), mAP)` of a fold or of others, for each setting that makes a difference."""
    if isinstance(fold, HeldBack):
        held, (features, who, by) = np.zeros(len(identities), bool), fold
        ranked = np.isin(who, np.unique(who)[:_MOST_RANKED])
    else:
        held, features, who, by = np.isin(identities, fold), views[0], identities, cameras
        ranked = np.isin(who, fold[:_MOST_RANKED])
    by = np.arange(ranked.sum()) if by is None else by[ranked]
    for shrinkage in SHRINKAGES:
        fitted = _fitted(views, identities, ~held, shrinkage, max(DIMENSIONS))
        numbers = fitted.transform(features[ranked])
        for smaller, dimensions in itertools.pairwise((0, *DIMENSIONS)):
            if numbers.shape[1] > smaller:  # few people have few components
                figure = _average_precision(numbers[:, :dimensions], who[ranked], by)
                yield (shrinkage, dimensions), figure


def _average_precision(vectors, identities, cameras):
    """Mean average precision by cosine; every picture is a probe, what its own camera has of it is left out."""
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    for by in (cameras, np.arange(len(cameras))):
        try:
            return cmc(vectors @ vectors.T, identities, identities, by, by, "market").figures["mAP"].mean
        except InputError:  # nobody was seen by two cameras: then only the picture itself is left out
            continue
    raise InputError("nobody of a fold has two pictures.")
