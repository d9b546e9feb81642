"""The hard negatives of each epoch of a training, by the model or by colour."""

import zipfile

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.datasets.pipelines.pair_indices import hard_negatives
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.scoring import PairScorer, colour_histogram_features

NEGATIVES_FILE = "negatives.npz"
"""The hard negatives of the epoch under way, in the run folder."""

_SCORED_AT_ONCE = 128
"""Pairs that are scored together: a measured number would round otherwise each time, and so might choose others."""


class EpochNegatives:
    """The hard negatives, or with groups the hard identities, of each epoch; `None` where the recipe has none.

    They are read from `run`, and kept in `written`, which is that of this worker.
    """

    def __init__(self, run, written, model, pairs, recipe, strategy=None):
        self._run, self._written, self._model, self._pairs = run, written, model, pairs
        self._recipe, self._strategy = recipe, strategy
        self._hard, self._latest = recipe.negatives == "hard", None

    def kept(self, number):
        """Whether the run holds those of an epoch."""
        return self._hard and self._load(number) is not None

    def of_epoch(self, number, step):
        """Those of an epoch that begins, or goes on, at a step."""
        pairs = self._pairs
        if self._hard and self._recipe.pairs == "separate":
            self._latest = self._of_model(number, step)
        elif self._hard and self._latest is None:  # by colour they are the same in all epochs
            known = pairs.images, pairs.identities, pairs.grouped
            self._latest = hard_identities_by_colour(*known, self._recipe.pool, pairs.domains)
        return self._latest

    def batch_at(self, number, step):
        """The batch of a step of the epoch under way."""
        return next(iter(self._pairs.one_epoch(number, step, self._latest)))

    def _of_model(self, number, step):
        """Those that an epoch began with, or at its start those of the model as it is."""
        kept = self._load(number)
        if kept is not None:
            return kept
        if step:
            raise InputError(
                f"{self._run.folder} lacks the hard negatives of its epoch {number + 1}. Delete "
                f"{self._run.model_path('checkpoint').name} to go on after the last finished epoch."
            )
        pairs, recipe = self._pairs, self._recipe
        scorer = PairScorer(self._model, pairs.images, batch_size=_SCORED_AT_ONCE, strategy=self._strategy)
        options = number, pairs.seed, recipe.pool, recipe.hard_share
        found = hard_negatives(pairs.identities, pairs.probes_of_negatives, scorer.score, *options)
        with replacing(self._written.folder / NEGATIVES_FILE) as new, open(new, "wb") as file:
            np.savez(file, number=number, mined=found)
        return found

    def _load(self, number):
        """Loads the stored hard negatives of an epoch; `None` where there are none."""
        path = self._run.folder / NEGATIVES_FILE
        try:
            with np.load(path) as kept:
                return kept["mined"] if kept["number"] == number else None
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
            raise InputError(
                f"{path}: damaged. Delete it and {self._run.model_path('checkpoint').name} to go on after the last "
                "finished epoch."
            ) from None


def hard_identities_by_colour(
    images: np.ndarray, identities: ArrayLike, grouped: ArrayLike, count: int, domains: ArrayLike | None = None
) -> np.ndarray:
    """For each identity of `grouped` the `count` of its domain whose clothes have the nearest colours, nearest first.

    The colours of an identity are the mean over its images of the histograms that the colour baseline compares. The
    other arguments are those of a `GroupPipeline`, whose `one_epoch` takes the result: int32, `(grouped, count)`, -1
    where there are not so many.
    """
    identities = np.asarray(identities)
    domains = np.zeros(len(identities), int) if domains is None else np.asarray(domains)
    features = colour_histogram_features(images)
    masks = [identities == identity for identity in np.asarray(grouped)]
    colours = np.stack([features[mask].mean(axis=0) for mask in masks])
    domain = np.array([domains[mask][0] for mask in masks])
    nearest = np.full((len(masks), count), -1, np.int32)
    for index, own in enumerate(colours):
        common = np.minimum(colours, own).sum(axis=1)
        common[domain != domain[index]] = -1
        common[index] = -1
        order = np.argsort(-common, kind="stable")[:count]
        nearest[index, : len(order)] = np.where(common[order] >= 0, order, -1)
    return nearest
