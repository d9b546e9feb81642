"""What can be evaluated (runs, models, a baseline, saved scores), and how it scores pairs of pictures."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
import time
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from tfnxc import models
from tfnxc.console import progress_bar, progress_bars
from tfnxc.datasets import ImageSet
from tfnxc.distribution import worker_of
from tfnxc.errors import InputError
from tfnxc.evaluation.saved_scores import SavedScores
from tfnxc.evaluation.summaries import Read
from tfnxc.evaluation.tested import AnySplit, Everyone, Tested, splits_of, splits_of_run
from tfnxc.hashes import short_digest
from tfnxc.models.pretrained import pretrained_card
from tfnxc.runs import Run, load_model
from tfnxc.scoring import ModelScores, colour_histogram_scores, views

Subject: TypeAlias = Run | keras.Model | SavedScores | str | os.PathLike
"""What `tfnxc.evaluation.evaluate` takes."""

BASELINE = "colour-histogram"
"""The subject that needs no training."""


class Model(NamedTuple):
    """A model; `load` gives it with a digest of its file or its weights. Other fields are as in `Scorer`."""

    name: str
    label: str
    load: Callable[[], tuple[keras.Model, str]]
    about: Mapping[str, Any] = types.MappingProxyType({})
    folder: pathlib.Path | None = None


class Saved(NamedTuple):
    """`SavedScores` with the name that their result files begin with."""

    name: str
    scores: SavedScores


def opened(subject: Subject) -> Run | Model | Saved | str:
    """Resolves the subject of `evaluate`, with its errors."""
    if isinstance(subject, Run):
        return subject
    if isinstance(subject, SavedScores):
        return Saved("saved-scores", subject)
    if isinstance(subject, keras.Model):
        return Model(subject.name, subject.name, lambda: (subject, _digest(subject)))
    if not isinstance(subject, str | os.PathLike):
        raise ValueError(
            "subject must be a run, its folder, a Keras model, a .keras or .npz file, 'pretrained' or "
            f"{BASELINE!r}; got {type(subject).__name__}."
        )
    if subject == BASELINE:
        return BASELINE
    if subject == "pretrained":
        digest = pretrained_card()["digest"]
        return Model("pretrained", "normxcorr, pretrained", lambda: (models.pretrained(), digest))
    path = pathlib.Path(subject)
    if path.suffix == ".npz":
        return Saved(path.stem, SavedScores.load(path))
    if path.suffix == ".keras" and (path.parent / "run.json").exists():
        raise InputError(
            f"{path}: the model of a run, which knows on whom it was trained. Evaluate the run {path.parent}; state= "
            "says which of its models."
        )
    if path.suffix == ".keras":
        return Model(path.stem, path.stem, lambda: load_model(path))
    return Run.open(path)


def model_of(run: Run, state: str) -> Model:
    """The model of a run in a state, as in `Run.load_model`."""
    about = {"state": state, "epochs_done": run.epochs_of(state), "settings": run.settings}
    label = run.settings.model if state == "trained" else f"{run.settings.model}, {state}"
    return Model(state, label, lambda: (run.load_model(state), run.model_digest(state)), about, run.folder)


def _digest(model):
    return short_digest(b"".join(weight.tobytes() for weight in model.get_weights()))


@dataclasses.dataclass(frozen=True, eq=False)
class Scorer:
    """A scorer of the pictures of one test part. It scores once, and then lets go of the model and the pictures.

    `prefix` begins the names of its result files; `about` has fields of a `Result`; `fill` is like `score`, but gives
    how many pairs were scored now; `folder` is that of its run.
    """

    label: str
    prefix: str
    tested: Tested
    about: Mapping[str, Any]
    fill: Callable[[np.ndarray, Console | None], tuple[Read, int]]
    folder: pathlib.Path | None = None

    @property
    def name(self) -> str:
        """A name that tells it from other scorers."""
        return self.prefix if self.folder is None else f"{self.folder.resolve().name}-{self.prefix}"

    @property
    def people(self) -> ImageSet:
        """The `ImageSet` of the test part."""
        return self.tested.part

    def score(self, needed: np.ndarray, console: Console | None) -> tuple[Read, float | None]:
        """Scores the pairs that a boolean matrix marks; gives what reads scores, and pairs a second, if any was new."""
        begin = time.perf_counter()
        read, pairs = self.fill(needed, console)
        seconds = time.perf_counter() - begin
        if not pairs:
            return read, None
        if console is not None:
            console.print(f"{self.label}: {pairs} pairs in {seconds:.1f} s, {pairs / seconds:.0f} pairs a second")
        return read, pairs / seconds


def scorers(
    subject: Subject,
    people: ImageSet | None = None,
    *,
    split: AnySplit = None,
    data: str | None = None,
    state: str = "trained",
    held_back: bool = False,
    partial: bool = False,
    other_people: bool = False,
    both_orders: bool = False,
    flips: bool = False,
    batch_size: int | None = None,
    strategy: tf.distribute.Strategy | None = None,
    console: Console | None = None,
) -> Iterator[Scorer]:
    """The scorers of a subject, one a split, each made when its turn comes; arguments and errors as in `evaluate`."""
    subject = opened(subject)
    for_runs = {"state": state != "trained", "held_back": held_back, "other_people": other_people}
    for_models = {"both_orders": both_orders, "flips": flips, "batch_size": batch_size, "strategy": strategy}
    if isinstance(subject, Saved):
        for_people = {"people": people is not None, "split": split, "data": data, "partial": partial}
        _refuse("saved scores", for_runs | for_models | for_people)
        yield _of_saved(subject)
        return
    if isinstance(subject, Run):
        where: dict[str, Any] = {"held_back": held_back, "partial": partial, "other_people": other_people, "data": data}
        every = splits_of_run(subject, people, split, state=state, **where, console=console)
        if console is not None and subject.unfinished:
            console.print(subject.unfinished)
        subject = model_of(subject, state)
    else:
        _refuse("what is no run", for_runs | {"data": data} | (for_models if subject == BASELINE else {}))
        if people is None:
            raise ValueError("people must be an ImageSet where the subject is no run; got None.")
        every = splits_of(people, split, partial)
    ways = {"both-orders": both_orders, "flips": flips}
    for tested in every:
        with progress_bar(f"Reading pictures, {tested.split.name}", len(tested.part), console) as advance:
            images = tested.part.images(progress=advance)
        if subject == BASELINE:
            yield _of_colour_histogram(tested, images)
        else:
            yield _of_model(subject, tested, images, ways, batch_size, strategy, data)


def _refuse(what, arguments):
    given = [name for name, value in arguments.items() if value]
    if given:
        raise ValueError(f"{', '.join(given)}: no effect on {what}; leave out.")


def _of_model(model, tested, images, ways, batch_size, strategy, data):
    several = worker_of(strategy)[1] > 1
    # The variables of several devices of one process are mirrored; those of several processes are each one's own.
    with contextlib.nullcontext() if strategy is None or several else strategy.scope():
        network, digest = model.load()
    # Workers have to score the same pairs, so that none may find scores of its own.
    keep = model.folder is not None and not several
    folder = model.folder / "scores" if keep else tempfile.mkdtemp(prefix="tfnxc-")
    shown = views(*ways.values())
    scores = ModelScores(folder, network, digest, images, shown, batch_size, strategy)
    if not keep:
        weakref.finalize(scores, shutil.rmtree, folder, ignore_errors=True)
    pictures = len(images)

    def fill(needed, console):
        if pairs := scores.missing(needed):
            bars = ("Towers, once an image", pictures), ("Head, once a pair", pairs)
            with progress_bars(*bars, console=console) as (tower, head):
                scores.fill(needed, tower, head)
        scores.release()
        return scores.read, pairs

    about = {**model.about, "model_digest": digest, **tested.about(), "views": shown, "data": data}
    where = [] if tested.at_home else [tested.dataset, tested.split.name]
    prefix = "-".join([model.name, *where, *(way for way, given in ways.items() if given)])
    return Scorer(model.label, prefix, tested, about, fill, model.folder)


def _of_colour_histogram(tested, images):
    def fill(*_):
        scores = colour_histogram_scores(images, images)
        return _reader(scores), scores.size

    prefix = f"{BASELINE}-{tested.dataset}-{tested.split.name}"
    return Scorer("colour histogram", prefix, tested, {"baseline": BASELINE, **tested.about()}, fill)


def _of_saved(saved):
    def no_pictures(index):
        raise InputError("saved scores hold no pictures.")

    scores, about = saved.scores, {"dataset": "saved scores", "split": saved.name, **saved.scores.about}
    people = ImageSet(about["dataset"], scores.names, scores.identities, scores.cameras, no_pictures, scores.probes)
    label = about.pop("label", "saved scores")
    everyone = Everyone(tuple(people.people.tolist()), about["split"])
    for name in ("format", "versions"):
        about.pop(name, None)
    return Scorer(label, saved.name, Tested(people, everyone), about, lambda *_: (_reader(scores.scores), 0))


def _reader(scores):
    return lambda rows, columns: scores[np.ix_(rows, columns)]
