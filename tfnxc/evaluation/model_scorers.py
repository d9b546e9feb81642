"""How a model scores the pictures of a test part: by its head, by its embedding, or by both."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import tempfile
import time
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfnxc import models, ops
from tfnxc.console import plain, progress_bar, progress_bars
from tfnxc.distribution import worker_of
from tfnxc.errors import InputError
from tfnxc.evaluation.scorer import VECTORS, Asked, Scorer
from tfnxc.evaluation.tested import Tested
from tfnxc.hashes import weights_digest
from tfnxc.runs.result import HEAD
from tfnxc.scoring import ModelScores, views
from tfnxc.scoring.hubs import KReciprocal, hubness
from tfnxc.scoring.two_stages import TwoStages
from tfnxc.scoring.vectors import cosines, image_vectors

if TYPE_CHECKING:
    from tfnxc.embedding import Embedding

_BLOCK = 1 << 21  # combined scores at a time
# What two cores do in a second, slow and fast, to say beforehand about how long a scoring takes.
_PICTURES = (150, 450)
_PAIRS = {"native": (1000, 3000), "python": (150, 450)}


class Model(NamedTuple):
    """A model; `load` gives it with a digest of its file or its weights. Other fields are as in `Scorer`.

    `embedding` gives its `Embedding`, or raises `InputError` where there is none; it is `None` where nobody knows one.
    `of_file` says that the digest is that of its file, which an embedding knows.
    """

    name: str
    label: str
    load: Callable[[], tuple[keras.Model, str]]
    about: Mapping[str, Any] = types.MappingProxyType({})
    folder: pathlib.Path | None = None
    embedding: Callable[[], Embedding] | None = None
    of_file: bool = False


def model_scorers(
    model: Model,
    tested: Tested,
    pictures: Callable[[tuple[int, int]], np.ndarray],
    asked: Asked,
    embedding: Embedding | None,
    both_orders: bool = False,
    flips: bool = False,
    batch_size: int | None = None,
    strategy: tf.distribute.Strategy | None = None,
    data: str | None = None,
    references: Callable[[tuple[int, int]], np.ndarray] | None = None,
    own: bool = True,
) -> Iterator[Scorer]:
    """The scorers of a model that are asked for, on the pictures of one test part.

    The towers run once an image for the embedding, and once for the head where pairs are new. Scores of the head are
    shared, so that no pair is scored twice. Of a height and width `pictures` gives those of the test part, `references`
    those of people whom the embedding was fitted on.
    An embedding that is not the model's `own` is marked by its digest, so that figures of the two are not mixed up.
    """
    several = worker_of(strategy)[1] > 1
    # The variables of several devices of one process are mirrored; those of several processes are each one's own.
    with contextlib.nullcontext() if strategy is None or several else strategy.scope():
        network, digest = model.load()
    if embedding is not None and model.of_file and embedding.card.model_digest != digest:
        raise InputError(
            f"{model.name}: the embedding is of the model {embedding.card.model_digest}, and this is {digest}. Fit it "
            "to this one: tfnxc embed fit RUN."
        )
    images = pictures(models.image_size(network))
    shown = views(both_orders, flips)
    about = {**model.about, "model_digest": digest, **tested.about(), "views": shown, "data": data}
    ways = [way for way, given in (("both-orders", both_orders), ("flips", flips)) if given]
    where = [] if tested.at_home else [tested.dataset, tested.split.name]
    head = _Head(model, network, digest, images, shown, batch_size, strategy)
    vectors = _Vectors(model.label, embedding, network, images, flips, references)
    last = [way for way in asked.ways if way[0] not in VECTORS][-1:]
    for way in asked.ways:
        kind, shortlist = way
        if kind == HEAD:
            fill = functools.partial(head.fill, model.label, release=[way] == last)
            prefix = "-".join([model.name, *where, *ways])
            yield Scorer(model.label, prefix, tested, about, fill, model.folder)
            continue
        other = [] if own else [f"vectors {vectors.about['digest']}"]
        names = [kind, *(each.replace(" ", "-") for each in other), *([] if shortlist is None else [shortlist.mark])]
        label = ", ".join([model.label, kind, *other, *([] if shortlist is None else [shortlist.words])])
        known = {**about, "scorer": kind, "embedding": vectors.about}
        if kind in VECTORS:
            # An order of the two pictures means nothing to a cosine.
            known["views"] = views(flips=flips)
            prefix = "-".join([model.name, *names, *where, *(way for way in ways if way != "both-orders")])
            fill, trials = vectors.ways[kind]
            yield Scorer(label, prefix, tested, known, fill, model.folder, kind, at_once=True, trials=trials)
            continue
        known["combination"] = dataclasses.asdict(vectors.combination)
        prefix = "-".join([model.name, *names, *where, *ways])
        combined = _Combined(head, vectors, tested.part.cameras if kind == "both-camera" else None)
        stages = None if shortlist is None else functools.partial(combined.two_stages, shortlist)
        fill = functools.partial(combined.fill, label, release=[way] == last)
        shown_as = vectors.combination.probabilities
        yield Scorer(label, prefix, tested, known, fill, model.folder, kind, False, stages, shown_as)


class _Head:
    """The scores of the pair head, shared by the scorers that read them."""

    def __init__(self, model, network, digest, images, shown, batch_size, strategy):
        # Workers have to score the same pairs, so that none may find scores of its own.
        keep = model.folder is not None and worker_of(strategy)[1] == 1
        self._folder, self._pictures = model.folder / "scores" if keep else None, len(images)
        self._made_of = network, digest, images, shown, batch_size, strategy

    @functools.cached_property
    def scores(self) -> ModelScores:
        """The scores in their files, made when the first scorer asks for them."""
        folder = tempfile.mkdtemp(prefix="tfnxc-") if self._folder is None else self._folder
        scores, self._made_of = ModelScores(folder, *self._made_of), None
        if self._folder is None:
            weakref.finalize(scores, shutil.rmtree, folder, ignore_errors=True)
        return scores

    def fill(self, label, needed, console, release, told=False):
        """Scores the pairs that are new; `told` says that their cost is told beforehand."""
        if pairs := self.scores.missing(needed):
            if told and console is not None:
                speed = _PAIRS.get(ops.describe_implementation()["implementation"], _PAIRS["python"])
                told = f"{label}: the head has {pairs} pairs to score, {_time(pairs, speed)} on two cores."
                console.print(plain(told))
            bars = ("Towers, once an image", self._pictures), ("Head, once a pair", pairs)
            with progress_bars(*bars, console=console) as (tower, head):
                self.scores.fill(needed, tower, head)
        if release:
            self.scores.release()
        return self.scores.read, pairs


class _Vectors:
    """The vectors of the pictures, computed when the first scorer asks for them."""

    def __init__(self, label, embedding, network, images, flips, references):
        self._label, self._embedding = label, embedding
        self._made_of = network, images, flips, references
        self._found = self._of_references = None

    @property
    def ways(self):
        """What fills and, where it depends on the gallery, what scores trials, by kind of `VECTORS`."""
        ways = (self.fill, None), (self._fill_csls, None), (self._fill_k_reciprocal, self._k_reciprocal_trials)
        return dict(zip(VECTORS, ways, strict=True))

    @property
    def combination(self):
        """The `Combination` with the pair head."""
        return self._embedding.combination

    @functools.cached_property
    def about(self):
        """What a result says of the embedding."""
        card = self._embedding.card
        return {
            "digest": weights_digest(self._embedding.model),
            "method": card.method,
            "dimensions": self._embedding.dimensions,
            "identities": sum(len(identities) for _, identities in card.fitted_on),
        }

    def all(self, console) -> np.ndarray:
        """The vectors of all pictures."""
        if self._found is None:
            network, images, flips, references = self._made_of
            count = len(images)
            if references is not None:
                images = np.concatenate([images, references(images.shape[1:3])])
            towers, begin = len(images) * (1 + flips), time.perf_counter()
            if console is not None:
                told = _time(towers, _PICTURES)
                console.print(
                    plain(f"{self._label}, embedding: the towers have {towers} pictures, {told} on two cores.")
                )
            with progress_bar("Embedding, once an image", towers, console) as advance:
                found = image_vectors(self._embedding, models.split(network).tower, images, flips, advance)
            self._made_of = None
            self._found, self._of_references = found[:count], found[count:]
            if console is not None:
                seconds = time.perf_counter() - begin
                console.print(plain(f"{self._label}, embedding: {towers} pictures in {seconds:.1f} s"))
        return self._found

    def fill(self, needed, console):
        """What reads cosines; no pair is scored one by one."""
        return functools.partial(cosines, self.all(console)), 0

    def _fill_csls(self, needed, console):
        """What reads cosines less the hubness of both vectors."""
        vectors = self.all(console)
        half = hubness(vectors, self._of_references) / 2

        def read(rows, columns):
            return cosines(vectors, rows, columns) - half[np.asarray(rows)][:, None] - half[np.asarray(columns)]

        return read, 0

    def _fill_k_reciprocal(self, needed, console):
        """What scores rows and columns as all probes and all of the gallery."""
        vectors = self.all(console)
        everyone = np.arange(len(vectors))
        return KReciprocal(vectors, everyone, everyone).scores, 0

    def _k_reciprocal_trials(self, plan):
        return KReciprocal(self.all(None), plan.rows, plan.columns)


class _Combined:
    """Head and embedding together; with the cameras of the pictures, also whether one camera took both."""

    def __init__(self, head, vectors, cameras):
        self._head, self._vectors, self._cameras = head, vectors, cameras

    def fill(self, label, needed, console, release):
        """Scores the pairs of the head that are new; gives what reads combined scores."""
        self._vectors.all(console)
        if console is not None:
            console.print(plain(f"{label}: {self._vectors.combination.describe()}"), soft_wrap=True)
        _, pairs = self._head.fill(label, needed, console, release, told=True)
        return self._read, pairs

    def two_stages(self, shortlist, plan, console) -> TwoStages:
        """The shortlists of a plan by the embedding, ordered by both."""
        first = functools.partial(cosines, self._vectors.all(console))
        return TwoStages(shortlist, plan.rows, plan.columns, first, self._pairs)

    def _pairs(self, rows, columns):
        """Scores of pairs, one a position in each."""
        vectors = self._vectors.all(None)
        found = np.empty(len(rows), np.float32)
        step = _BLOCK // vectors.shape[1] + 1  # so many pairs have vectors of 8 MB a side
        for start in range(0, len(rows), step):
            one, other = rows[start : start + step], columns[start : start + step]
            alike = np.einsum("pd,pd->p", vectors[one], vectors[other])
            found[start : start + step] = self._combine(self._head.scores.log_odds(one, other), alike, one, other)
        return found

    def _read(self, rows, columns):
        """Scores of all pairs of rows and columns; NaN where the head has not scored one."""
        rows, columns = np.asarray(rows), np.asarray(columns)
        vectors = self._vectors.all(None)
        found = np.empty((len(rows), len(columns)), np.float32)
        step = max(1, _BLOCK // max(1, len(columns)))
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            odds = self._head.scores.log_odds(block[:, None], columns)
            found[start : start + step] = self._combine(odds, cosines(vectors, block, columns), block[:, None], columns)
        return found

    def _combine(self, log_odds, alike, rows, columns):
        same = None if self._cameras is None else self._cameras[rows] == self._cameras[columns]
        return self._vectors.combination.scores(log_odds, alike, same)


def embedding_of(model: Model, given: Embedding | None) -> tuple[Embedding, bool]:
    """The embedding that is given for a model, or its own; and whether it is the model's own.

    Raises `InputError` where there is none.
    """
    if given is None:
        if model.embedding is None:
            raise InputError(
                f"{model.name} has no embedding. Give one with embedding= in Python; of a run, which knows whom it was "
                "trained on, tfnxc embed fit RUN fits it."
            )
        return model.embedding(), True
    with contextlib.suppress(InputError):
        return given, model.embedding is not None and _same(given, model.embedding())
    return given, False  # it has none that can be read


def _same(one, other):
    return weights_digest(one.model) == weights_digest(other.model)


def _time(count, speed):
    """How long so many take at a speed between two, in words."""
    slow, fast = (count / each for each in speed)
    if slow < 60:
        return f"at most {max(1, round(slow))} s"
    return f"about {round(fast / 60)} to {round(slow / 60)} minutes" if fast >= 60 else f"at most {slow / 60:.0f} min"
