"""The choice of a projection's regularization and dimensions, on people held back from its fit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tfnxc.embedding.methods import Method, method_named
from tfnxc.embedding.projection import ProjectionEstimator
from tfnxc.errors import InputError
from tfnxc.metrics import cmc

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
    """A fitted projection, its regularization, and what the choice rests on: of each setting its mAP."""

    projection: ProjectionEstimator
    regularization: float
    tried: tuple[dict[str, float], ...]


def fit_projection(
    features: np.ndarray,
    identities: np.ndarray,
    cameras: np.ndarray | None = None,
    mirrored: np.ndarray | None = None,
    held_back: HeldBack | None = None,
    method: str = "discriminant",
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Chosen:
    """Fits a projection whose regularization and dimensions rank people best who were held back from the fit.

    The identities are divided into four folds; each is ranked by what is fitted on the other three, all pictures of
    other cameras as gallery (where one camera took all, all other pictures). Of the dimensions that come within
    `MARGIN` of the highest mean average precision the most are taken, and with them the best regularization. That
    setting is fitted on everyone. People who did not train the tower either are the better judges: where eight or more
    are held back, they are ranked in the place of the folds. With less than eight identities the method's usual setting
    is taken.

    Args:
        features: float `(pictures, numbers)`, as from `pooled`.
        identities: Integers `(pictures,)`.
        cameras: Integers `(pictures,)`. Defaults to `None`: not known.
        mirrored: The features of the mirror images, which are pictures of the same people to fit on. Defaults to
            `None`: none.
        held_back: Features of other people. Defaults to `None`: nobody.
        method: One of `tfnxc.embedding.METHODS`. Defaults to `"discriminant"`.
        seed: Draws the folds. Defaults to `0`.
        progress: Called with 1 after each of the `FOLDS` and after the last fit. Defaults to `None`.

    Raises:
        InputError: As `fit` of the method; if less than two identities have two pictures.
        ValueError: If there is no such method.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> identities = np.repeat(np.arange(20), 4)
        >>> features = rng.normal(size=(20, 6))[identities] + 0.1 * rng.normal(size=(80, 6))
        >>> chosen = fit_projection(features, identities)
        >>> chosen.projection.components_.shape, len(chosen.tried)
        ((6, 6), 4)
    """
    way, progress = method_named(method), progress or (lambda count: None)
    views = [features] if mirrored is None else [features, mirrored]
    identities = np.asarray(identities)
    people, counts = np.unique(identities, return_counts=True)
    people = people[counts > 1]
    if len(people) < 2:  # said here, because mirror images would count as second pictures
        raise InputError(f"{len(people)} of {len(counts)} identities have two pictures: an embedding needs two such.")
    setting = way.usual
    tried: tuple[dict[str, float], ...] = ()
    if held_back is not None and len(np.unique(held_back.identities)) < LEAST_IDENTITIES:
        held_back = None
    if len(people) >= LEAST_IDENTITIES or held_back is not None:
        order = np.random.default_rng([seed, len(people)]).permutation(people)
        found: dict[tuple[float, int], list[float]] = {}
        folds = np.array_split(order, FOLDS) if held_back is None else [held_back]
        for fold in folds:
            for key, figure in _tried(way, views, identities, cameras, fold):
                found.setdefault(key, []).append(figure)
            progress(FOLDS // len(folds))
        means = {key: float(np.mean(figures)) for key, figures in found.items() if len(figures) == len(folds)}
        if not means:
            raise InputError(f"{len(people)} identities are too few for {method}. Take the method discriminant.")
        least = max(means.values()) - MARGIN
        dimensions = max(key[1] for key, figure in means.items() if figure >= least)
        setting = max((key for key in means if key[1] == dimensions), key=means.__getitem__)
        tried = tuple({"regularization": key[0], "dimensions": key[1], "mAP": figure} for key, figure in means.items())
    else:
        progress(FOLDS)
    fitted = fit_setting(way, views, identities, cameras, np.ones(len(identities), bool), *setting)
    progress(1)
    return Chosen(fitted, setting[0], tried)


def fit_setting(
    way: Method,
    views: Sequence[np.ndarray],
    identities: np.ndarray,
    cameras: np.ndarray | None,
    chosen: np.ndarray,
    regularization: float,
    dimensions: int,
) -> ProjectionEstimator:
    """Fits a method with a setting to some pictures, which a boolean array chooses, in all of their views."""
    features, count = np.concatenate([each[chosen] for each in views]), len(views)
    by = None if cameras is None else np.tile(cameras[chosen], count)
    return way.make(regularization, dimensions).fit(features, np.tile(identities[chosen], count), by)


def _tried(way, views, identities, cameras, fold):
    """`((regularization, dimensions), mAP)` of a fold or of others, for each setting that makes a difference."""
    if isinstance(fold, HeldBack):
        held, (features, who, by) = np.zeros(len(identities), bool), fold
        ranked = np.isin(who, np.unique(who)[:_MOST_RANKED])
    else:
        held, features, who, by = np.isin(identities, fold), views[0], identities, cameras
        ranked = np.isin(who, fold[:_MOST_RANKED])
    by = np.arange(ranked.sum()) if by is None else by[ranked]
    for regularization in way.regularizations:
        numbers = None
        for smaller, dimensions in itertools.pairwise((0, *way.dimensions)):
            if numbers is None or not way.nested:
                most = max(way.dimensions) if way.nested else dimensions
                try:
                    fitted = fit_setting(way, views, identities, cameras, ~held, regularization, most)
                except InputError:  # too few pictures for this setting
                    break
                numbers = fitted.transform(features[ranked])
            if numbers.shape[1] > smaller:  # few people have few components
                figure = _average_precision(numbers[:, :dimensions], who[ranked], by)
                yield (regularization, dimensions), figure


def _average_precision(vectors, identities, cameras):
    """Mean average precision by cosine; every picture is a probe, what its own camera has of it is left out."""
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    for by in (cameras, np.arange(len(cameras))):
        try:
            return cmc(vectors @ vectors.T, identities, identities, by, by, "market").figures["mAP"].mean
        except InputError:  # nobody was seen by two cameras: then only the picture itself is left out
            continue
    raise InputError("nobody of a fold has two pictures.")
