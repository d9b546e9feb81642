"""How a model scores the pictures of a test part: by its head, by its embedding, or by both."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import tempfile
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfnxc import models
from tfnxc.console import plain, progress_bar, progress_bars
from tfnxc.distribution import worker_of
from tfnxc.errors import InputError
from tfnxc.evaluation.costs import Cost
from tfnxc.evaluation.scorer import VECTORS, Asked, Filled, Scorer
from tfnxc.evaluation.speed import Speed
from tfnxc.evaluation.tested import Tested
from tfnxc.hashes import weights_digest
from tfnxc.runs.result import HEAD
from tfnxc.scoring import ModelScores, Pairs, Pictures, views
from tfnxc.scoring.hubs import KReciprocal, hubness
from tfnxc.scoring.model_scores import pictures_of
from tfnxc.scoring.two_stages import TwoStages
from tfnxc.scoring.vectors import cosines, image_vectors

if TYPE_CHECKING:
    from tfnxc.embedding import Embedding

_BLOCK = 1 << 21  # combined scores at a time


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
    pictures: Callable[[tuple[int, int]], Pictures],
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
    shots = pictures(models.image_size(network))
    shown = views(both_orders, flips)
    about = {**model.about, "model_digest": digest, **tested.about(), "views": shown, "data": data}
    ways = [way for way, given in (("both-orders", both_orders), ("flips", flips)) if given]
    where = [] if tested.at_home else [tested.dataset, tested.split.name]
    speed = Speed(network, strategy is None)
    head = _Head(model, network, digest, shots, shown, batch_size, strategy, speed)
    vectors = _Vectors(embedding, network, shots, flips, references, speed)
    for way in asked.ways:
        kind, shortlist = way
        if kind == HEAD:
            prefix = "-".join([model.name, *where, *ways])
            yield Scorer(model.label, prefix, tested, about, head.fill, head.cost, model.folder)
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
            cost = vectors.cost
            yield Scorer(label, prefix, tested, known, fill, cost, model.folder, kind, at_once=True, trials=trials)
            continue
        known["combination"] = dataclasses.asdict(vectors.combination)
        prefix = "-".join([model.name, *names, *where, *ways])
        combined = _Combined(head, vectors, tested.part.cameras if kind == "both-camera" else None)
        stages = None if shortlist is None else functools.partial(combined.two_stages, shortlist)
        fill = functools.partial(combined.fill, label)
        shown_as = {"shown": vectors.combination.probabilities, "two_stages": stages, "shortlist": shortlist}
        yield Scorer(label, prefix, tested, known, fill, combined.cost, model.folder, kind, **shown_as)
    shots.release()
    head.release()


class _Head:
    """The scores of the pair head, shared by the scorers that read them."""

    def __init__(self, model, network, digest, pictures, shown, batch_size, strategy, speed):
        # Workers have to score the same pairs, so that none may find scores of its own.
        keep = model.folder is not None and worker_of(strategy)[1] == 1
        self._folder, self._pictures, self._speed = model.folder / "scores" if keep else None, pictures, speed
        self._made_of = network, digest, pictures, shown, batch_size, strategy

    @functools.cached_property
    def scores(self) -> ModelScores:
        """The scores in their files, made when the first scorer asks for them."""
        folder = tempfile.mkdtemp(prefix="tfnxc-") if self._folder is None else self._folder
        scores, self._made_of = ModelScores(folder, *self._made_of), None
        if self._folder is None:
            weakref.finalize(scores, shutil.rmtree, folder, ignore_errors=True)
        return scores

    def fill(self, needed, console) -> Filled:
        """Scores the pairs that are new."""
        lacking = self.scores.lacking(needed)
        pairs = sum(len(each) for several in lacking.values() for each in several)
        if not pairs:
            return Filled(self.scores.read, 0, self.scores.rate(needed))
        bars = ("Towers, once an image", self.scores.towers(lacking)), ("Head, once a pair", pairs)
        # Read before the bars: what reads shows one of its own.
        self._pictures.images(pictures_of(lacking))
        with progress_bars(*bars, console=console) as (tower, head):
            rate = self.scores.fill_lacking(lacking, tower, head)
        if rate is not None:
            self.scores.keep_rate(needed, rate)
        return Filled(self.scores.read, pairs, rate)

    def cost(self, needed, most=None) -> Cost:
        """What it costs to score the pairs that are new; `most` is how many at most, where a shortlist is drawn."""
        known = not self._pictures.stamped
        lacking = self.scores.lacking(needed, read=known)
        pairs = sum(len(each) for several in lacking.values() for each in several)
        pictures, towers = len(pictures_of(lacking)), self.scores.towers(lacking)
        held = self._speed.bytes(pictures, towers) + 5 * needed.marked.size
        if most is not None:
            pairs = min(pairs, most)
        seconds, measured = self._speed.seconds(towers, pairs, self.scores.pace)
        seconds += self._pictures.seconds_to_read(pictures) if pairs and known and measured else 0
        return Cost(pairs, towers if pairs else 0, seconds, held, not measured or most is not None)

    def release(self):
        """Lets go of model and pictures."""
        if "scores" in self.__dict__:
            self.scores.release()
        self._made_of = None


class _Vectors:
    """The vectors of the pictures, computed when a scorer asks for them."""

    def __init__(self, embedding, network, pictures, flips, references, speed):
        self._embedding, self._speed, self._references = embedding, speed, references
        self._network, self._pictures, self._flips = network, pictures, flips
        self._of_references = None
        self._there = np.zeros(len(pictures), bool)

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

    @functools.cached_property
    def found(self) -> np.ndarray:
        """The vectors of all pictures: float32, NaN where none is computed."""
        return np.full((len(self._pictures), self._embedding.dimensions), np.nan, np.float32)

    def of(self, needed: Pairs, console) -> np.ndarray:
        """`found` with the vectors of the pictures of pairs."""
        used = np.union1d(needed.rows, needed.columns)
        new = used[~self._there[used]]
        if len(new):
            self.found[new] = self._computed(self._pictures.images(new), console)
            self._there[new] = True
        if self._references is not None and self._of_references is None:
            self._of_references = self._computed(self._references(self._pictures.size), console)
        return self.found

    def _computed(self, images, console):
        tower = models.split(self._network).tower
        with progress_bar("Embedding, once an image", len(images) * (1 + self._flips), console) as advance:
            return image_vectors(self._embedding, tower, images, self._flips, advance)

    def cost(self, needed, most=None) -> Cost:
        """What it costs to compute the vectors that are new; training pictures are not counted."""
        used = np.union1d(needed.rows, needed.columns)
        pictures = int(np.count_nonzero(~self._there[used]))
        seconds, measured = self._speed.seconds(pictures * (1 + self._flips), 0, None)
        held = self._speed.bytes(pictures, 0) + self.found.nbytes + 5 * needed.marked.size
        return Cost(0, pictures * (1 + self._flips), seconds, held, not measured)

    def fill(self, needed, console) -> Filled:
        """What reads cosines; no pair is scored one by one."""
        return Filled(functools.partial(cosines, self.of(needed, console)))

    def _fill_csls(self, needed, console):
        """What reads cosines less the hubness of both vectors."""
        vectors = self.of(needed, console)
        half = np.full(len(vectors), np.nan, np.float32)
        half[self._there] = hubness(vectors[self._there], self._of_references) / 2

        def read(rows, columns):
            return cosines(vectors, rows, columns) - half[np.asarray(rows)][:, None] - half[np.asarray(columns)]

        return Filled(read)

    def _fill_k_reciprocal(self, needed, console):
        """What scores rows and columns as all probes and all of the gallery."""
        everyone = np.arange(len(self._pictures))
        return Filled(KReciprocal(self.of(needed, console), everyone, everyone).scores)

    def _k_reciprocal_trials(self, plan):
        return KReciprocal(self.found, plan.rows, plan.columns)


class _Combined:
    """Head and embedding together; with the cameras of the pictures, also whether one camera took both."""

    def __init__(self, head, vectors, cameras):
        self._head, self._vectors, self._cameras = head, vectors, cameras

    def fill(self, label, needed, console) -> Filled:
        """Scores the pairs of the head that are new; gives what reads combined scores."""
        self._vectors.of(needed, console)
        if console is not None:
            console.print(plain(f"{label}: {self._vectors.combination.describe()}"), soft_wrap=True)
        return self._head.fill(needed, console)._replace(read=self._read)

    def cost(self, needed, most=None) -> Cost:
        """What it costs to compute vectors and to score pairs that are new."""
        vectors, head = self._vectors.cost(needed), self._head.cost(needed, most)
        together = vectors.pictures + head.pictures, vectors.seconds + head.seconds, max(vectors.bytes, head.bytes)
        return Cost(head.pairs, *together, vectors.at_most or head.at_most)

    def two_stages(self, shortlist, plan, needed, console) -> TwoStages:
        """The shortlists of a plan by the embedding, ordered by both; `needed` are pairs whose pictures it compares."""
        first = functools.partial(cosines, self._vectors.of(needed, console))
        return TwoStages(shortlist, plan.rows, plan.columns, first, self._pairs)

    def _pairs(self, rows, columns):
        """Scores of pairs, one a position in each."""
        vectors = self._vectors.found
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
        vectors = self._vectors.found
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
