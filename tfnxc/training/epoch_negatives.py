"""The hard negatives of each epoch of a training."""

from __future__ import annotations

import zipfile

import numpy as np

from tfnxc.datasets.pipelines.pair_indices import hard_negatives
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.scoring import PairScorer
from tfnxc.training.hard_identities import hard_identities_by_colour

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
        if self._hard and self._recipe.pairs == "separate":
            self._latest = self._of_model(number, step)
        elif self._hard and self._latest is None:  # by colour they are the same in all epochs
            pairs = self._pairs
            self._latest = hard_identities_by_colour(
                pairs.images, pairs.identities, pairs.grouped, self._recipe.pool, pairs.domains
            )
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
        """Those that the run holds of an epoch, or `None`: a training goes on with those that the epoch began with."""
        path = self._run.folder / NEGATIVES_FILE
        try:
            with np.load(path) as kept:
                return kept["mined"] if kept["number"] == number else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            raise InputError(
                f"{path}: damaged. Delete it and {self._run.model_path('checkpoint').name} to go on after the last "
                "finished epoch."
            ) from None
