"""Calibrates a run: probabilities and thresholds from people whom nothing was fitted on and who are not tested."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from rich.console import Console

from tfnxc.console import plain, progress_bar
from tfnxc.datasets import ImageSet, open_dataset
from tfnxc.datasets.catalogue import own_pictures
from tfnxc.datasets.known_people import names_of
from tfnxc.embedding import (
    Calibration,
    ScorerCalibration,
    calibrated_digest,
    log_odds_of,
)
from tfnxc.errors import InputError
from tfnxc.evaluation.tested import (
    of_one_camera,
    refuse_other_people,
    related_sets,
    say_without_names,
    seen_in,
)
from tfnxc.metrics import ScoredPairs
from tfnxc.metrics.thresholds import check_rate, check_supported
from tfnxc.number_checks import whole_number
from tfnxc.runs import Run
from tfnxc.scoring.pair_head import PairHead

LEAST_PEOPLE = 8
"""With fewer people who have a match, nothing is calibrated."""

MOST_PAIRS = 100_000
"""Pairs that the head scores, unless told otherwise: a minute or two."""

_MOST_PEOPLE, _MOST_PICTURES = 200, 4000  # whose feature maps, of 44 kB, are in memory
_BATCH = 128  # pairs at a time, as in a search


def calibrate(
    run: str | os.PathLike | Run,
    people: ImageSet | None = None,
    *,
    false_matches: Iterable[float] | None = None,
    state: str = "trained",
    other_people: bool = False,
    data: str | os.PathLike | None = None,
    most_pairs: int = MOST_PAIRS,
    seed: int = 0,
    console: Console | None = None,
) -> Calibration:
    """Fits calibrated probabilities and thresholds to the scores of a search, and keeps them in the run folder.

    The people are those of a data set who trained neither the model nor its embedding, and are not tested: those whom
    `tfnxc train --validate N` held back, or everybody else whom the set has. Pairs are scored as a search does, probe
    first: those of strangers by any cameras, matches by different ones. The probability is a logistic regression of the
    score, at even odds; what it is worth is measured on people whom each fit left out. A threshold is the lowest score
    at which no more of 1,000 strangers' pictures are accepted than were asked for.

    Args:
        run: The `Run` or its folder, with an embedding.
        people: An `ImageSet` with other people. Defaults to `None`: the data set of the run.
        false_matches: Numbers of false matches per 1,000 gallery pictures. Defaults to `None`: those of
            `tfnxc.embedding.FALSE_MATCHES` that the pairs support.
        state: State of the run's model: `"trained"`, the default, or `"best"`.
        other_people: A promise about own pictures, as in `evaluate`. Defaults to `False`.
        data: Where the run's data set lies, if not where it was trained from. Defaults to `None`.
        most_pairs: The most pairs that are scored, a quarter of them matches at most; probes of strangers' pairs are
            drawn accordingly. Defaults to 100,000.
        seed: Draws people, probes, folds and the bootstrap. Defaults to `0`.
        console: Where it is said what is done. Defaults to `None`: nowhere.

    Returns:
        The `Calibration`.

    Raises:
        InputError: If the run has no embedding, fewer than 8 people with a match are left, or the pairs are too few for
            a number of false matches that was asked for.

    Example:
        >>> found = calibrate(run, tfnxc.datasets.synthetic(identities=16), false_matches=[50])
        >>> found.people, found.pictures, found.strangers, found.smallest
        ((('synthetic', (6, 7, 8, 9, 10, 11, 12, 13, 14, 15)),), 40, 1440, 7.0)
        >>> 0 < found.threshold("both", 50).measured <= 50
        True

    References:
        Platt, "Probabilistic Outputs for Support Vector Machines", 1999; docs/thresholds.md.
    """
    seed, most_pairs = whole_number("seed", seed, least=0), whole_number("most_pairs", most_pairs, least=1)
    asked = None if false_matches is None else [check_rate(each) for each in false_matches]
    run = run if isinstance(run, Run) else Run.open(run)
    embedding, own = run.embedding(state), people is None
    if people is None:
        people = open_dataset(run.settings.dataset, data or run.data)
        refuse_other_people(run, people)
        other_people = other_people or run.settings.other_people
    elif data is not None:
        raise ValueError("data: no effect where people are given; leave out.")
    elif other_people and not own_pictures(people.name):
        raise InputError(f"--other-people is for own pictures (folder, csv); the numbers of {people.name} are its own.")
    if not other_people:
        say_without_names(run, people, console)
    part = _drawn(people, _unseen(run, embedding.card, people, own, other_people), seed)
    pairs, matches, probes = _pairs(part, most_pairs, seed)
    strangers = len(pairs) - matches
    for each in asked or ():
        check_supported(each, strangers)  # before anything is scored
    if console is not None:
        console.print(plain(f"{len(part.people)} people, {len(pairs)} pairs of {len(part)} pictures"))
    scores = _scored(PairHead(run.load_model(state), _BATCH), embedding, part, pairs, console)
    who, fitted = part.identities[pairs.T], {}
    for scorer, (found, probabilities) in scores.items():
        fitted[scorer] = ScorerCalibration.fit(scorer, ScoredPairs(found, *who), probabilities, asked, seed)
    known = part.people.tolist()
    calibration = Calibration(
        calibrated_digest(embedding),
        ((people.name, tuple(known)),),
        pictures=len(part),
        probes=probes,
        matches=matches,
        strangers=strangers,
        combined=len(set(known) & _numbers(people, embedding.card.combined_on, embedding.card.names)),
        scorers=fitted,
        names=names_of(part),
    )
    calibration.save(run.folder, state)
    return calibration


def _numbers(people, seen, names):
    return {each for _, numbers in seen_in(people, seen, [names] * len(seen)) for each in numbers}


def _unseen(run, card, people, own, other_people):
    """The identities whom nothing was fitted on and whom the run does not test, ascending."""
    dataset, trained = run.settings.dataset, list(zip(run.fitted_on, run.names, strict=True))
    fitted = [*trained, *((each, card.names) for each in card.fitted_on)]
    fitted.append(((dataset, run.split.test), run.names[0]))
    if other_people:  # it is promised that they are others than those of all other sets
        fitted = [each for each in fitted if own and each[0][0] == dataset]
    seen = {number for each, names in fitted for number in _numbers(people, [each], names)}
    left = np.array(sorted(set(people.people.tolist()) - seen), np.int64)
    matched = [each for each in left.tolist() if _has_match(people, each)]
    if len(matched) < LEAST_PEOPLE:
        own_set = people.name in related_sets(dataset)
        raise InputError(
            f"{len(matched)} people of {people.name} have a match, trained neither the model of {run.folder} nor its "
            f"embedding, and are not tested; {LEAST_PEOPLE} or more are needed. "
            + ("Train with --validate N, which holds N back, or name" if own_set else "Name")
            + " another set (--on, in Python people=)."
        )
    return left


def _has_match(people, identity):
    there = people.identities == identity
    return np.count_nonzero(there) > 1 if of_one_camera(people) else len(set(people.cameras[there].tolist())) > 1


def _drawn(people, identities, seed):
    rng = np.random.default_rng([seed, 5])
    part = people.of_identities(rng.permutation(identities)[:_MOST_PEOPLE].tolist())
    if len(part) <= _MOST_PICTURES:
        return part
    return part.take(np.sort(rng.permutation(len(part))[:_MOST_PICTURES]))


def _pairs(part, most, seed):
    """Pairs of pictures `(probe, gallery)`, matches first; how many those are; and how many probes strangers have."""
    who, cameras, rng = part.identities, part.cameras, np.random.default_rng([seed, 6])
    same = who[:, None] == who
    own = np.eye(len(part), dtype=bool) if of_one_camera(part) else cameras[:, None] == cameras
    matches = rng.permutation(np.argwhere(same & ~own))[: max(1, most // 4)]
    probes = np.sort(rng.permutation(len(part))[: max(1, (most - len(matches)) // len(part))])
    strangers = np.argwhere(~same[probes])
    strangers[:, 0] = probes[strangers[:, 0]]
    return np.concatenate([matches, strangers]), len(matches), len(probes)


def _scored(head, embedding, part, pairs, console):
    """Scores of pairs as a search has them, the probe first, and the scorer's own probabilities, by scorer."""
    with progress_bar("Reading pictures", len(part), console) as advance:
        images = part.images(head.image_size, advance)
    with progress_bar("Towers, once an image", len(part), console) as advance:
        maps = head.embed(images, advance)
    with progress_bar("Head, once a pair", len(pairs), console) as advance:
        alike = head.score_pairs(maps, maps, pairs, advance)
    vectors, combination = embedding.vectors(maps), embedding.combination
    cosines = np.clip(np.einsum("pd,pd->p", vectors[pairs[:, 0]], vectors[pairs[:, 1]]), -1, 1)
    both = combination.scores(log_odds_of(alike), cosines)
    return {"head": (alike, alike), "embedding": (cosines, None), "both": (both, combination.probabilities(both))}
