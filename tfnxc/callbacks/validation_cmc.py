"""Ranking of validation identities during a training, as figures that other callbacks can watch."""

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.metrics import EvaluationPlan, cmc, draw_trials, get_protocol, needed_pairs
from tfnxc.scoring import PairScorer, views

RANKS = (1, 5, 10, 20)
FIGURES = (*(f"val_rank_{k}" for k in RANKS), "val_mAP")
"""The names of the figures that go into the logs."""

_SCORED_AT_ONCE = 128  # pairs; fixed, because the batch size can change how scores round


class ValidationCMC(keras.callbacks.Callback):
    """Ranks validation identities at the end of epochs and puts rank 1, 5, 10, 20 and mAP into the logs.

    The figures are `val_rank_1`, `val_rank_5`, `val_rank_10`, `val_rank_20` and `val_mAP`: shares in [0, 1], averaged
    over the draws of the gallery; ties are counted against the model, as in `tfnxc.metrics.cmc`. Every evaluation
    ranks the same probes in the same galleries, so that figures compare. Between evaluations the last figures stay in
    the logs. Before the first there are none, so with `every` above 1 Keras callbacks that watch a figure warn. A
    model whose scores are NaN gets NaN for every figure.

    Callbacks see the figures only if they come later in the list: `EarlyStopping("val_rank_1", mode="max")`,
    `ReduceLROnPlateau`, `ModelCheckpoint`, `tfnxc.callbacks.LiveTable`. To resume an interrupted training, set
    `history` of the new callback to that of the first before `fit`.

    Args:
        images: uint8 array of shape `(images, height, width, 3)` of the validation identities; it may be memory-mapped.
            It is copied, once, only if part of it is ranked.
        identities: Integers, one an image. Junk and distractors are allowed (`tfnxc.identities`).
        cameras: Integers, one an image.
        model: The pair model of `tfnxc.models`. Defaults to `None`: the model that `fit` trains. Give it if that one
            only wraps the pair model.
        every: Epochs between evaluations, 1 or more; the last epoch is always evaluated. Defaults to `1`.
        both_orders: Whether each pair is scored in both orders and the mean is taken. Defaults to `False`.
        repeats: How many galleries are drawn. Defaults to `10`.
        seed: Seed of the draws, 0 or above. Defaults to `0`.
        protocol: Name of a protocol in `tfnxc.metrics.PROTOCOLS`. Defaults to `"cross-camera"`.
        probes: The most probe images, drawn by `seed` and the same in all repeats: those of the first draw of
            `tfnxc.metrics.cmc`. Under `"paper"`, each draw has its own. Defaults to `None`: all.

    Attributes:
        history: `(epoch, figures)` of each evaluation, epochs counted from 0.
        pairs: int32 array of shape `(pairs, 2)`: what one evaluation scores (twice with `both_orders`), as indices of
            the images that are ranked.

    Raises:
        InputError: If there are fewer than two identities, or the protocol needs other cameras and no identity was seen
            by two; if all galleries hold a single image; when the training begins, if the model is no pair model for
            such images.
        ValueError: If images, identities and cameras are not as described or differ in number, or another argument is
            out of range.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=4)
        >>> images = people.images()
        >>> ranking = ValidationCMC(images, people.identities, people.cameras, repeats=2, probes=4)
        >>> stop = keras.callbacks.EarlyStopping("val_rank_1", mode="max", patience=3)
        >>> model = tfnxc.models.normxcorr(filters=(2, 3), units=4)
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> pair = [images[:1] / 255, images[1:2] / 255]
        >>> fitted = model.fit(pair, np.array([1]), verbose=0, callbacks=[ranking, stop])
        >>> epoch, figures = ranking.history[0]
        >>> epoch, list(figures)
        (0, ['val_rank_1', 'val_rank_5', 'val_rank_10', 'val_rank_20', 'val_mAP'])

    References:
        SPEC section 5.
    """

    def __init__(
        self,
        images: np.ndarray,
        identities: ArrayLike,
        cameras: ArrayLike,
        model: keras.Model | None = None,
        every: int = 1,
        both_orders: bool = False,
        repeats: int = 10,
        seed: int = 0,
        protocol: str = "cross-camera",
        probes: int | None = None,
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be 1 or more epochs; got {every}.")
        identities, cameras = np.asarray(identities), np.asarray(cameras)
        _check(images, identities, cameras)
        _check_people(identities, cameras, get_protocol(protocol))
        self.history: list[tuple[int, dict[str, float]]] = []
        self._scorer: PairScorer | None = None
        self._pair_model, self._every, self._views = model, every, views(both_orders=both_orders)
        self._options = {"protocol": protocol, "repeats": repeats, "seed": seed, "probes": probes}
        self._choose(images, identities, cameras)
        # A trial, so that what cannot be ranked fails now and not after the first epoch.
        if self._measure(np.zeros(len(self.pairs), np.float32)).gallery < 2:
            raise InputError(
                f"every gallery under {protocol} would hold a single image, so that every figure would be 1: give "
                "more identities seen by the cameras of the gallery."
            )

    def _choose(self, images, identities, cameras):
        """Decides, once for all evaluations, which pairs are scored and which images they are of."""
        protocol = get_protocol(self._options["protocol"])
        plan = EvaluationPlan(protocol.name, identities, cameras)
        rows, columns = plan.rows, plan.columns
        if self._options["probes"] is not None and not protocol.same_images:
            # The same few probes for all draws, which then share most of their pairs.
            labels = identities[rows], identities[columns], cameras[rows], cameras[columns]
            (drawn,) = draw_trials(*labels, **{**self._options, "repeats": 1})
            rows = rows[np.sort(np.concatenate([trial.probes for trial in drawn]))]
        self._labels = identities[rows], identities[columns], cameras[rows], cameras[columns]
        trials = draw_trials(*self._labels, **self._options)
        self._needed = np.nonzero(needed_pairs(trials, (len(rows), len(columns))))
        shown = np.stack([rows[self._needed[0]], columns[self._needed[1]]], axis=1)
        ranked, pairs = np.unique(shown, return_inverse=True)
        self.pairs = pairs.reshape(shown.shape).astype(np.int32)
        self._images = images if len(ranked) == len(images) else images[ranked]

    def on_train_begin(self, logs: Any = None) -> None:
        """Checks the model, so that a wrong one fails now and not after the first epoch."""
        self._scorer = None
        try:
            tower, _ = models.split(self._ranked_model())
        except ValueError as error:
            raise InputError(f"{error} Give ValidationCMC the pair model that is trained, as model=.") from None
        if tower.input_shape[1:] != self._images.shape[1:]:
            raise InputError(
                f"the model takes images of shape {tower.input_shape[1:]}; those given to ValidationCMC are of shape "
                f"{self._images.shape[1:]}. Read them in the model's size."
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Puts the figures into the logs, measured anew where an evaluation is due."""
        if (epoch + 1) % self._every == 0 or epoch + 1 == self.params["epochs"]:
            self.history.append((epoch, self.measure()))
        if self.history:
            logs.update(self.history[-1][1])

    def _ranked_model(self):
        return self.model if self._pair_model is None else self._pair_model

    def measure(self) -> dict[str, float]:
        """The figures of the model as it is."""
        if self._scorer is None:
            self._scorer = PairScorer(self._ranked_model(), self._images, _SCORED_AT_ONCE)
        else:
            self._scorer.renew()  # one scorer, because each traces the head anew
        # The sum over the orders ranks as their mean does.
        scores = np.zeros(len(self.pairs), np.float32)
        for view in self._views:
            scores += self._scorer.score(self.pairs[:, ::-1] if view.exchanged else self.pairs)
        if np.isnan(scores).any():
            return dict.fromkeys(FIGURES, float("nan"))
        result = self._measure(scores)
        return dict(zip(FIGURES, (*map(result.rank, RANKS), result.mean_average_precision), strict=True))

    def _measure(self, scores):
        matrix = np.full((len(self._labels[0]), len(self._labels[1])), np.nan, np.float32)
        matrix[self._needed] = scores
        return cmc(matrix, *self._labels, **self._options)


def _check(images, identities, cameras):
    shape, dtype = np.shape(images), getattr(images, "dtype", None)
    if len(shape) != 4 or dtype != np.uint8:
        raise ValueError(f"images must be uint8 of shape (images, height, width, 3); got {dtype} of shape {shape}.")
    for name, labels in (("identities", identities), ("cameras", cameras)):
        if labels.shape != shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"{shape[0]} images need as many {name}, as integers; got {labels.dtype} of shape {labels.shape}."
            )


def _check_people(identities, cameras, protocol):
    people = np.unique(identities[identities >= 0])
    if len(people) < 2:
        raise InputError(f"validation needs two identities or more to tell apart; got {len(people)}.")
    if protocol.gallery_from == "any":
        return
    seen = np.unique(np.stack([identities, cameras], axis=1)[identities >= 0], axis=0)[:, 0]
    if len(np.unique(seen)) == len(seen):
        raise InputError(
            f"validation under {protocol.name} needs an identity that two cameras saw; each of the {len(people)} given "
            'was seen by one. Give pictures of both cameras, or take protocol="paper".'
        )
