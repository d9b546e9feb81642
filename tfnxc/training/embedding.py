"""Fits the embedding of a run: after its training, or anew on other people."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil

import numpy as np
from rich.console import Console

from tfnxc import models
from tfnxc.console import plain, progress_bar
from tfnxc.datasets import ImageSet, Split, open_dataset
from tfnxc.datasets.known_people import first_pictures, names_of
from tfnxc.embedding import (
    Combination,
    Embedding,
    EmbeddingCard,
    calibration_path,
    log_odds_of,
    pooling_model,
)
from tfnxc.embedding.choice import FOLDS, LEAST_IDENTITIES, Chosen, HeldBack, fit_projection, fit_setting
from tfnxc.embedding.methods import method_named
from tfnxc.errors import InputError
from tfnxc.evaluation.tested import numbers_seen, refuse_other_people, refuse_seen, say_without_names, seen_in
from tfnxc.files import replacing
from tfnxc.number_checks import whole_number
from tfnxc.recipes import Recipe
from tfnxc.runs import Run, RunSettings
from tfnxc.scoring.pair_head import Embedder, PairHead
from tfnxc.training.data import Pictures, TrainingData

_PROBES, _MATES, _OTHERS = 200, 8, 100  # pairs of the combination: probes, and of each so many matches and others
_MOST_IDENTITIES = 100  # whose feature maps are in memory for it
_SHARE = 4  # of people whom the model has not seen, one in so many is held back from a first fit


def fit_embedding(
    run: str | os.PathLike | Run,
    people: ImageSet | None = None,
    *,
    split: Split | str | None = None,
    identities: int | None = None,
    to: str | os.PathLike | None = None,
    state: str = "trained",
    other_people: bool = False,
    data: str | os.PathLike | None = None,
    method: str = "discriminant",
    seed: int = 0,
    console: Console | None = None,
) -> Embedding:
    """Fits the embedding of a run, on the people whom it was trained on or on others, and keeps it in the run folder.

    `tfnxc.training.train` does so at its end, on the training people; no weight of the model changes. On other people
    the same takes seconds and a few labelled pictures: a model of one place becomes usable in another. Its
    regularization and dimensions are chosen on people held back from each fit. The weights of the combination with the
    pair head are fitted on people whom neither saw: those that the run held back for validation, or of other people a
    quarter, held back from a first fit. Where there are none, the weights are a prior.

    Args:
        run: The `Run` or its folder; or `"pretrained"`, the model that comes with the package, with `people` and `to`.
        people: The `ImageSet` to fit on. Defaults to `None`: the people whom the run was trained on.
        split: A `Split` of `people` or the name of one: its training identities are fitted on, and its test identities
            can be tested. Defaults to `None`: all of `people`.
        identities: How many of these identities are fitted on, drawn at random. Defaults to `None`: all.
        to: Folder of a new run that receives the model and the embedding. Defaults to `None`: it goes into the run.
        state: State of the run's model: `"trained"` or `"best"`. Defaults to `"trained"`.
        other_people: A promise about own pictures, as in `tfnxc.evaluation.evaluate`. Defaults to `False`.
        data: Where the run's data set lies, if not where it was trained from; or, with `to`, where `people` lie.
            Defaults to `None`.
        method: How the projection is fitted: `"discriminant"`, the default, `"xqda"` or `"kissme"`, whose metrics give
            vectors that are compared by the cosine.
        seed: Draws identities, folds and probes. Defaults to `0`.
        console: Where it is said what is done. Defaults to `None`: nowhere.

    Returns:
        The `Embedding`.

    Raises:
        InputError: If the run has no such model, the people were tested or trained in a way that leaves nobody to
            fit on, or nobody of them has two pictures.
        ValueError: If arguments do not go together; if there is no such method.

    Example:
        >>> embedding = fit_embedding(run, tfnxc.datasets.synthetic(identities=10, seed=5), to="runs/fitted")
        >>> embedding.dimensions, Run.open("runs/fitted").embedding().card.pictures
        (9, 40)
    """
    whole_number("seed", seed, least=0)
    method_named(method)  # an unknown one fails before the towers run
    if people is None:
        given = {"split": split, "identities": identities, "to": to}
        _refuse({name: value for name, value in given.items() if value is not None}, "go with people")
        return _of_own_people(_opened(run), state, data, method, seed, console)
    if identities is not None:
        whole_number("identities", identities, least=2)
    if to is None and _is_pretrained(run):
        raise ValueError("to must name the folder of a new run where the model is that of the package.")
    chosen = _fitted_people(people, split, identities, seed)
    source = None if _is_pretrained(run) else _opened(run)
    seen = set() if source is None else _seen(source, state, people, other_people)
    _check_enough(people, chosen)
    if to is None:
        target = _opened(run)
        _check_untested(target, people, chosen, other_people)
    else:
        _check_unseen(chosen, seen, people.names or {})
        target, state = _begun(source, state, people, chosen, to, data), "trained"
    part, model = people.of_identities(chosen.train), target.load_model(state)
    with progress_bar("Reading pictures", len(part), console) as advance:
        pictures = _read(part, model, advance)
    known = model, target.model_digest(state), people.name
    fitter = EmbeddingFitter(*known, pictures, method, seed, console, names_of(part))
    embedding = fitter.fit_and_combine(seen)
    _keep(embedding, target, state)
    return embedding


def embed_after_training(
    run: Run, data: TrainingData, pictures: Pictures, held_back: Pictures | None, seed: int, console: Console | None
) -> None:
    """Fits the embedding of a run whose training has just ended, if it has none of these weights yet.

    A training that was stopped in its first epoch has no model yet, and gets none. Where its pictures cannot be fitted,
    because nobody has two, the console is told so.
    """
    if not run.model_path().exists():
        return
    with contextlib.suppress(InputError):  # none yet, or of the weights before
        run.embedding()
        return
    count = len(data.sets[0])  # the run's own set comes first; the identities of the others have other numbers
    own = Pictures(pictures.images[:count], data.sets[0].identities, _cameras(data.sets[0].cameras))
    try:
        _fit_own(run, "trained", run.load_model(), own, held_back, "discriminant", seed, console)
    except InputError as error:
        if console is not None:
            console.print(plain(f"Note: no embedding was fitted: {error}"), soft_wrap=True)


def _of_own_people(run, state, data, method, seed, console):
    people = open_dataset(run.settings.dataset, data or run.data)
    refuse_other_people(run, people)
    say_without_names(run, people, console)
    fitted = people.of_identities(dict(run.fitted_on[:1])[run.settings.dataset])
    held = people.of_identities([] if run.held_back is None else run.held_back.test)
    model = run.load_model(state)
    with progress_bar("Reading pictures", len(fitted) + len(held), console) as advance:
        own, back = (_read(each, model, advance) if len(each) else None for each in (fitted, held))
    seen = _seen(run, state, people, False)
    seen = None if seen & set(fitted.people.tolist()) else seen
    return _fit_own(run, state, model, own, back, method, seed, console, seen)


def _fit_own(run, state, model, own, held_back, method, seed, console, seen=None):
    """Fits on a run's own people: unless `seen` is given, because its model has seen none of them, it has seen all."""
    known = model, run.model_digest(state), run.settings.dataset
    fitter = EmbeddingFitter(*known, own, method, seed, console, run.names[0])
    embedding = fitter.fit(held_back) if seen is None else fitter.fit_and_combine(seen)
    _keep(embedding, run, state)
    return embedding


def _keep(embedding, run, state):
    """Saves the embedding of a run; thresholds of the one before go."""
    embedding.save(run.folder, state)
    calibration_path(run.folder, state).unlink(missing_ok=True)


class EmbeddingFitter:
    """Fits embeddings of one model, with the digest of its file, to the `Pictures` of a data set and their `names`."""

    def __init__(self, model, digest, dataset, pictures, method, seed, console, names=None):
        self._head, self._digest, self._dataset, self._pictures = PairHead(model), digest, dataset, pictures
        self._method, self._seed, self._console, self._names = method, seed, console, names
        with progress_bar("Embedding: towers", 2 * len(pictures.images), console) as advance:
            self._pooling = pooling_model(self._head.tower)
            self._views = [Embedder(self._pooling, mirrored)(pictures.images, advance) for mirrored in (False, True)]

    def fit(self, held_back):
        """The embedding fitted on everyone, chosen and combined on `Pictures` of others; by the prior without them."""
        identities, cameras = self._pictures.identities, self._pictures.cameras
        others = None
        if held_back is not None:
            features = Embedder(self._pooling)(held_back.images)
            others = HeldBack(features, held_back.identities, held_back.cameras)
        with progress_bar("Embedding: fit", FOLDS + 1, self._console) as advance:
            features, mirrored = self._views
            how = others, self._method, self._seed, advance
            chosen = fit_projection(features, identities, cameras, mirrored, *how)
        embedding = self._embedding(chosen)
        return embedding if held_back is None else self._combined(embedding, embedding, held_back)

    def fit_and_combine(self, seen=frozenset()):
        """The same of people of whom the model has seen some at most: others are held back from a first fit."""
        embedding, identities = self.fit(None), self._pictures.identities
        people, counts = np.unique(identities, return_counts=True)
        unseen = people[(counts > 1) & ~np.isin(people, list(seen))]
        count = min(len(unseen), np.count_nonzero(counts > 1) // _SHARE)
        if count < 2:
            return embedding
        held = np.isin(identities, np.random.default_rng([self._seed, 1]).permutation(unseen)[:count])
        setting = embedding.card.regularization, embedding.dimensions
        known = self._views, identities, self._pictures.cameras
        first = fit_setting(method_named(self._method), *known, ~held, *setting)
        back = Pictures._make(each if each is None else each[held] for each in self._pictures)
        return self._combined(embedding, self._embedding(Chosen(first, setting[0], ())), back)

    def _embedding(self, chosen):
        of = tuple(np.unique(self._pictures.identities).tolist())
        about = {"regularization": chosen.regularization, "choice": chosen.tried, "names": self._names}
        card = EmbeddingCard(self._digest, self._method, ((self._dataset, of),), len(self._pictures.images), **about)
        return Embedding.of(chosen.projection, self._head.map_shape, card)

    def _combined(self, embedding, measured, held_back):
        """An embedding with the combination of another, which was fitted on nobody of those held back."""
        people = np.random.default_rng([self._seed, 2]).permutation(np.unique(held_back.identities))
        chosen = np.isin(held_back.identities, people[:_MOST_IDENTITIES])
        part = Pictures._make(each if each is None else each[chosen] for each in held_back)
        combination = _combination(self._head, measured, part, self._seed, self._console)
        of = tuple(np.unique(held_back.identities).tolist())  # all of them were looked at for the choice
        card = dataclasses.replace(embedding.card, combination=combination, combined_on=((self._dataset, of),))
        return dataclasses.replace(embedding, card=card)


def _combination(head, embedding, pictures, seed, console):
    """The `Combination` of head and embedding, fitted on pictures of people whom neither was fitted on."""
    rng, (images, identities, cameras, _) = np.random.default_rng([seed, 2]), pictures
    maps = head.embed(images)
    vectors = embedding.vectors(maps)
    matches = identities[:, None] == identities
    np.fill_diagonal(matches, False)
    probes = rng.permutation(np.flatnonzero(matches.any(axis=1)))[:_PROBES]
    looked_at = np.zeros((len(probes), len(images)), bool)
    for row, probe in enumerate(probes):
        mates, others = np.flatnonzero(matches[probe]), np.flatnonzero(identities != identities[probe])
        looked_at[row, rng.permutation(mates)[:_MATES]] = True
        looked_at[row, rng.permutation(others)[:_OTHERS]] = True
    pairs = np.argwhere(looked_at)
    pairs[:, 0] = probes[pairs[:, 0]]
    with progress_bar("Embedding: combination with the head", 2 * len(pairs), console) as advance:
        orders = [log_odds_of(head.score_pairs(maps, maps, each, advance)) for each in (pairs, pairs[:, ::-1])]
    log_odds = np.full(looked_at.shape, np.nan)
    log_odds[looked_at] = np.mean(orders, axis=0)
    same_camera = None if cameras is None else cameras[probes, None] == cameras
    fitted = Combination.fit(log_odds, vectors[probes] @ vectors.T, matches[probes], same_camera)
    return dataclasses.replace(fitted, identities=len(np.unique(identities)))


def _is_pretrained(run):
    return isinstance(run, str) and run == "pretrained"


def _opened(run):
    return run if isinstance(run, Run) else Run.open(run)


def _refuse(arguments, why):
    if arguments:
        raise ValueError(f"{', '.join(arguments)}: {why}; leave out, or give people.")


def _fitted_people(people, split, identities, seed):
    """The `Split` whose training identities are fitted on."""
    if split is None:  # somebody has to test: a number that nobody has
        everyone = tuple(people.people.tolist())
        chosen = Split("all", "everybody is fitted on", everyone, (max(everyone) + 1,))
    else:
        chosen = TrainingData(people, split).chosen_split
    if identities is None or identities >= len(chosen.train):
        return chosen
    drawn = np.random.default_rng(seed).permutation(np.array(chosen.train))[:identities]
    return dataclasses.replace(chosen, name=f"{chosen.name}-{identities}-fitted", train=tuple(drawn.tolist()))


def _begun(source, state, people, split, folder, data):
    """A new run with the model of another, `None` for that of the package; its split is of the people fitted on."""
    if source is None:
        recipe, digest = Recipe.named("grouped", scaling="centred"), models.pretrained_card()["digest"]
        settings, before = RunSettings(people.name, "normxcorr", recipe, weights=digest), ()
    else:
        changes = {"dataset": people.name, "weights": source.model_digest(state), "others": (), "validate": 0}
        settings, before = dataclasses.replace(source.settings, **changes), _trained(source)
    names = [names_of(people), *(source.names[-len(before) :] if before else ())]
    known = {"names": names, "first_pictures": first_pictures(people)}
    target = Run.start(folder, settings, split, data, before=before, **known)
    with target.alone(), replacing(target.model_path()) as new:
        if source is None:
            models.pretrained().save(new)
        else:
            shutil.copyfile(source.model_path(state), new)
    target.note_progress(0, 0, stopped_early=True)  # the training of this folder is over: there was none
    return target


def _seen(run, state, people, other_people):
    """Those of a data set whom the model of a run was trained on; nobody, where they are promised to be others."""
    if other_people or state == "initial":
        return set()
    trained = _trained(run)
    seen = seen_in(people, trained, run.names[-len(trained) :] if trained else ())
    return {identity for _, identities in seen for identity in identities}


def _trained(run):
    """`(data set, identities)` of those who trained a run's model: its own not where it was made for an embedding."""
    return run.trained_on if run.epochs_done else run.trained_on[1:]


def _check_enough(people, chosen):
    """Raises `InputError` where too few of those fitted on have two pictures."""
    labels = people.of_identities(chosen.train).identities
    count = int(np.count_nonzero(np.unique(labels, return_counts=True)[1] > 1))
    if count < LEAST_IDENTITIES:
        raise InputError(
            f"{count} of the {len(chosen.train)} identities have two pictures, but an embedding is fitted on "
            f"{LEAST_IDENTITIES} such or more."
        )


def _check_unseen(chosen, seen, names):
    """Raises `InputError` where the model of a new run was trained on those whom its split tests."""
    known = sorted(seen & set(chosen.test))
    if known:
        raise InputError(
            f"the model was trained on {len(known)} of the {len(chosen.test)} test identities of {chosen.name}, such "
            f"as {names.get(known[0], known[0])}: its figures there would mean nothing. Name the split "
            "that it was trained on."
        )


def _check_untested(run, people, chosen, other_people):
    """Raises `InputError` where test identities of the run would be fitted on."""

    def says(name, count, one):
        return (
            f"{count} of the {len(run.split.test)} test identities of {run.folder}, such as {one}, are among those of "
            f"{chosen.name} that the embedding would be fitted on: its figures there would mean nothing. Name the "
            "run's split, or write a new run (--to FOLDER, in Python to=)."
        )

    own, dataset = run.names[0], run.settings.dataset
    fitted = numbers_seen(dataset, own, people.name, chosen.train, names_of(people))
    refuse_seen([(people.name, fitted)], dataset, run.split, other_people, says, own)


def _read(people, model, advance):
    return Pictures(people.images(models.image_size(model), advance), people.identities, _cameras(people.cameras))


def _cameras(cameras):
    """Cameras, or `None` where there is one: then nothing is across cameras."""
    return cameras if len(np.unique(cameras)) > 1 else None
