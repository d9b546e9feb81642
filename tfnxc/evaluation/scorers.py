"""What can be evaluated (runs, models, a baseline, saved scores), and how it scores pairs of pictures."""

import functools
import os
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from tfnxc import models
from tfnxc.console import plain, progress_bar
from tfnxc.datasets import ImageSet, open_dataset
from tfnxc.embedding import Embedding
from tfnxc.errors import InputError
from tfnxc.evaluation.baselines import BASELINES, Baseline, FittedBaseline, LomoFeatures, PictureBaseline
from tfnxc.evaluation.costs import Cost
from tfnxc.evaluation.model_scorers import Model, embedding_of, model_scorers
from tfnxc.evaluation.saved_scores import SavedScores
from tfnxc.evaluation.scorer import Asked, Filled, Scorer
from tfnxc.evaluation.tested import (
    AnySplit,
    Everyone,
    Tested,
    refuse_fitted,
    refuse_other_people,
    splits_of,
    splits_of_run,
)
from tfnxc.hashes import weights_digest
from tfnxc.models.pretrained import pretrained_card
from tfnxc.runs import Run, load_model
from tfnxc.scoring import Pictures

Subject: TypeAlias = Run | keras.Model | SavedScores | str | os.PathLike
"""What `tfnxc.evaluation.evaluate` takes."""

_REFERENCES = 2000  # training pictures at most that tell how much of a hub a vector is


class Saved(NamedTuple):
    """`SavedScores` with the name that their result files begin with."""

    name: str
    scores: SavedScores


def opened(subject: Subject) -> Run | Model | Saved | FittedBaseline | PictureBaseline:
    """Resolves the subject of `evaluate`, with its errors."""
    if isinstance(subject, Run):
        return subject
    if isinstance(subject, SavedScores):
        return Saved("saved-scores", subject)
    if isinstance(subject, keras.Model):
        return Model(subject.name, subject.name, lambda: (subject, weights_digest(subject)))
    if not isinstance(subject, str | os.PathLike):
        raise ValueError(
            "subject must be a run, its folder, a Keras model, a .keras or .npz file, 'pretrained' or a baseline "
            f"({', '.join(BASELINES)}); got {type(subject).__name__}."
        )
    if isinstance(subject, str) and subject in BASELINES:
        return BASELINES[subject]
    if subject == "pretrained":
        digest = pretrained_card()["digest"]
        return Model(
            "pretrained",
            "normxcorr, pretrained",
            lambda: (models.pretrained(), digest),
            embedding=_pretrained_embedding,
            of_file=True,
        )
    path = pathlib.Path(subject)
    if path.suffix == ".npz":
        return Saved(path.stem, SavedScores.load(path))
    if path.suffix == ".keras" and (path.parent / "run.json").exists():
        raise InputError(
            f"{path}: the model of a run, which knows on whom it was trained. Evaluate the run {path.parent}; state= "
            "says which of its models."
        )
    if path.suffix == ".keras":
        return Model(path.stem, path.stem, lambda: load_model(path), of_file=True)
    return Run.open(path)


def model_of(run: Run, state: str) -> Model:
    """The model of a run in a state, as in `Run.load_model`."""
    about = {"state": state, "epochs_done": run.epochs_of(state), "settings": run.settings}
    label = run.settings.model if state == "trained" else f"{run.settings.model}, {state}"

    def load():
        return run.load_model(state), run.model_digest(state)

    return Model(state, label, load, about, run.folder, lambda: run.embedding(state), of_file=True)


def _pretrained_embedding():
    from tfnxc.embedding import pretrained_embedding

    return pretrained_embedding()


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
    asked: Asked | None = None,
    embedding: Embedding | None = None,
    console: Console | None = None,
) -> Iterator[Scorer]:
    """The scorers of a subject, those asked for on each split in turn, made when their turn comes.

    `asked` are those of a model; `None` is its head. Other arguments and errors as in `evaluate`.
    """
    subject, asked = opened(subject), asked or Asked()
    if asked.needs_embedding and isinstance(subject, Saved | Baseline):
        raise InputError(
            f"{subject.name} has no embedding: only its own scores can be measured. A run has one "
            "(tfnxc embed fit RUN), and then --scorer (scorer= in Python) is for it."
        )
    if embedding is not None and not asked.needs_embedding:
        raise ValueError("embedding: no effect on the head alone; ask for the scorer embedding or both.")
    for_runs = {"state": state != "trained", "held_back": held_back, "other_people": other_people}
    of_pairs = {"both_orders": both_orders, "batch_size": batch_size, "strategy": strategy}
    for_models = of_pairs | {"flips": flips}
    if not asked.needs_head:
        _refuse("the embedding alone, which compares no pairs", of_pairs)
    if isinstance(subject, Saved):
        for_people = {"people": people is not None, "split": split, "data": data, "partial": partial}
        _refuse("saved scores", for_runs | for_models | for_people)
        yield _of_saved(subject)
        return
    if isinstance(subject, Run):
        where: dict[str, Any] = {"held_back": held_back, "partial": partial, "other_people": other_people, "data": data}
        every = splits_of_run(subject, people, split, state=state, **where, console=console)
        if console is not None and subject.unfinished:
            console.print(plain(subject.unfinished))
        name, subject = str(subject.folder), model_of(subject, state)
    else:
        _refuse("what is no run", for_runs | {"data": data} | (for_models if isinstance(subject, Baseline) else {}))
        if people is None:
            raise ValueError("people must be an ImageSet where the subject is no run; got None.")
        name, every = subject.name, splits_of(people, split, partial)
    references, own = None, True
    if asked.needs_embedding and isinstance(subject, Model):
        embedding, own = embedding_of(subject, embedding)
        for tested in every:
            refuse_fitted(embedding.card, name, tested, other_people, held_back, console)
    if "embedding-csls" in asked.kinds:
        # Read once, for all splits.
        references = functools.cache(functools.partial(_references, subject, embedding, people, data, console))
    described = LomoFeatures()
    for tested in every:
        if isinstance(subject, FittedBaseline):
            yield _of_baseline(subject, tested, described)
            continue
        if isinstance(subject, PictureBaseline):
            yield _of_baseline(subject, tested)
        else:
            options = both_orders, flips, batch_size, strategy, data, references, own
            pictures = functools.partial(_pictures, tested, console)
            yield from model_scorers(subject, tested, pictures, asked, embedding, *options)


def _pictures(tested, console, size):
    """The pictures of a test part, which are read when they are needed."""
    return Pictures(tested.part, size, f"Reading pictures, {tested.split.name}", console)


def _references(model, embedding, people, data, console, size):
    """Pictures of people whom the embedding of a run was fitted on."""
    settings = model.about.get("settings")
    fitted = {} if settings is None else dict(reversed(embedding.card.fitted_on))  # of one set twice, the first counts
    if settings is None or settings.dataset not in fitted:
        raise InputError(
            f"{model.name}: the scorer embedding-csls needs pictures of those whom the embedding was fitted on, and "
            "these are not known here. It is for the embedding of a run that was fitted on the run's own set."
        )
    if people is None or people.name != settings.dataset:
        run = Run.open(model.folder)
        people = open_dataset(settings.dataset, data or run.data)
        refuse_other_people(run, people)
    part = people.of_identities(fitted[settings.dataset])
    chosen = np.random.default_rng(0).permutation(len(part))[:_REFERENCES]
    with progress_bar("Reading training pictures", len(chosen), console) as advance:
        return part.take(np.sort(chosen)).images(size, advance)


def _refuse(what, arguments):
    given = [name for name, value in arguments.items() if value]
    if given:
        raise ValueError(f"{', '.join(given)}: no effect on {what}; leave out.")


def _of_baseline(baseline, tested, *described):
    def fill(needed, console):
        scores = baseline.scores(tested, needed, *described, console)
        return Filled(_reader(scores, needed.rows, needed.columns, len(tested.part)), scores.size)

    def cost(needed, most=None):
        pictures, seconds, held = baseline.cost(tested, needed, *described)
        return Cost(needed.marked.size, pictures, seconds, held)

    about = {**baseline.about(tested), **tested.about()}
    return Scorer(baseline.label, f"{baseline.name}-{tested.dataset}-{tested.split.name}", tested, about, fill, cost)


def _of_saved(saved):
    def no_pictures(index):
        raise InputError("saved scores hold no pictures.")

    scores, about = saved.scores, {"dataset": "saved scores", "split": saved.name, **saved.scores.about}
    people = ImageSet(about["dataset"], scores.names, scores.identities, scores.cameras, no_pictures, scores.probes)
    label = about.pop("label", "saved scores")
    everyone = Everyone(tuple(people.people.tolist()), about["split"])
    for name in ("format", "versions"):
        about.pop(name, None)
    everything = np.arange(len(people))
    read = Filled(_reader(scores.scores, everything, everything, len(people)))
    nothing = Cost(0, 0, 0.0, scores.scores.nbytes)
    return Scorer(label, saved.name, Tested(people, everyone), about, lambda *_: read, lambda *_: nothing)


def _reader(scores, rows, columns, count):
    """What reads a matrix of some rows and columns by positions; NaN beyond them."""
    row_of, column_of = np.full(count, -1), np.full(count, -1)
    row_of[rows], column_of[columns] = np.arange(len(rows)), np.arange(len(columns))

    def read(asked_rows, asked_columns):
        row, column = row_of[np.asarray(asked_rows)], column_of[np.asarray(asked_columns)]
        if (row >= 0).all() and (column >= 0).all():
            return scores[np.ix_(row, column)]
        found = np.full((len(row), len(column)), np.nan, np.float32)
        found[np.ix_(row >= 0, column >= 0)] = scores[np.ix_(row[row >= 0], column[column >= 0])]
        return found

    return read
