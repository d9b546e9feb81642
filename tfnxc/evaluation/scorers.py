"""What scores pairs of pictures of the people who are tested: runs, models, a baseline, saved scores."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from rich.console import Console

from tfnxc.console import progress_bars
from tfnxc.datasets import ImageSet
from tfnxc.distribution import worker_of
from tfnxc.errors import InputError
from tfnxc.evaluation.subject import BASELINE, Saved, Subject, model_of, opened
from tfnxc.evaluation.tested import AnySplit, Everyone, Tested, splits_of, splits_of_run
from tfnxc.runs import Run
from tfnxc.scoring import ModelScores, colour_histogram_scores, views


class Scored(NamedTuple):
    """What a scorer gives.

    Args:
        read: `(rows, columns) -> scores` of the pictures at these positions; NaN where a pair was not scored.
        pairs: How many pairs were scored now. Defaults to 0.
        seconds: How long that took. Defaults to 0.
    """

    read: Callable[[np.ndarray, np.ndarray], np.ndarray]
    pairs: int = 0
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Scorer:
    """A scorer of the pictures of one test part.

    Args:
        label: What tables and figures call it.
        prefix: How the names of its result files begin.
        tested: The `Tested` people.
        about: Fields of a `Result` that say what is measured.
        score: `(needed, console) -> Scored`: scores the pairs that a boolean matrix (pictures, pictures) marks.
        folder: The run folder. Defaults to `None`: it is not of a run.
        release: Lets go of the model and the pictures; what was scored can still be read.
    """

    label: str
    prefix: str
    tested: Tested
    about: Mapping[str, Any]
    score: Callable[[np.ndarray, Console | None], Scored]
    folder: pathlib.Path | None = None
    release: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """A name that tells it from other scorers."""
        return self.prefix if self.folder is None else f"{self.folder.resolve().name}-{self.prefix}"

    @property
    def people(self) -> ImageSet:
        """The `ImageSet` of the test part."""
        return self.tested.part


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
    """The scorers of a subject, one a split. Pictures are read and models loaded when their turn comes.

    Arguments and errors are those of `tfnxc.evaluation.evaluate`.

    Example:
        >>> (scorer,) = scorers("colour-histogram", people)
        >>> scorer.name, len(scorer.people)
        ('colour-histogram-synthetic-all', 24)
    """
    subject = opened(subject)
    for_runs = {"state": state != "trained", "held_back": held_back, "other_people": other_people}
    for_models = {"both_orders": both_orders, "flips": flips, "batch_size": batch_size, "strategy": strategy}
    for_people = {"people": people is not None, "split": split, "data": data, "partial": partial}
    if isinstance(subject, Saved):
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
        images = tested.images(console)
        if subject == BASELINE:
            yield _of_colour_histogram(tested, images)
        else:
            yield _of_model(subject, tested, images, ways, batch_size, strategy, data)


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

    def score(needed, console):
        pairs = scores.missing(needed)
        begin = time.perf_counter()
        if pairs:
            bars = ("Towers, once an image", pictures), ("Head, once a pair", pairs)
            with progress_bars(*bars, console=console) as (tower, head):
                scores.fill(needed, tower, head)
        return Scored(scores.read, pairs, time.perf_counter() - begin)

    about = {**model.about, "model_digest": digest, **tested.about(), "views": shown, "data": data}
    where = [] if tested.at_home else [tested.dataset, tested.split.name]
    prefix = "-".join([model.name, *where, *(way for way, given in ways.items() if given)])
    return Scorer(model.label, prefix, tested, about, score, model.folder, scores.release)


def _of_colour_histogram(tested, images):
    def score(needed, console):
        begin = time.perf_counter()
        scores = colour_histogram_scores(images, images)
        return Scored(_reader(scores), scores.size, time.perf_counter() - begin)

    prefix = f"{BASELINE}-{tested.dataset}-{tested.split.name}"
    return Scorer("colour histogram", prefix, tested, {"baseline": BASELINE, **tested.about()}, score)


def _of_saved(saved):
    scores, about = saved.scores, {"dataset": "saved scores", "split": saved.name, **saved.scores.about}
    people = ImageSet(about["dataset"], scores.names, scores.identities, scores.cameras, _no_pictures, scores.probes)
    label = about.pop("label", "saved scores")
    everyone = Everyone(tuple(people.people.tolist()), about["split"])
    for name in ("format", "versions"):
        about.pop(name, None)
    return Scorer(label, saved.name, Tested(people, everyone), about, lambda *_: Scored(_reader(scores.scores)))


def _reader(scores):
    return lambda rows, columns: scores[np.ix_(rows, columns)]


def _no_pictures(index):
    raise InputError("saved scores hold no pictures.")


def _refuse(what, arguments):
    given = [name for name, value in arguments.items() if value]
    if given:
        raise ValueError(f"{', '.join(given)}: no effect on {what}; leave out.")
