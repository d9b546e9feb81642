"""Who is tested: the people of one split or several, none of whom the run was trained on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from rich.console import Console

from tfnxc.console import progress_bar
from tfnxc.datasets import CATALOGUE, ImageSet, Split, dataset_splits, get_splits, open_dataset
from tfnxc.errors import InputError
from tfnxc.evaluation.guard import refuse_seen
from tfnxc.runs import Run


@dataclasses.dataclass(frozen=True)
class Everyone:
    """What stands in the place of a `Split` where all people of a set are tested.

    Args:
        test: Their identities.
        name: What results call it. Defaults to `"all"`.
    """

    test: tuple[int, ...]
    name: str = "all"

    @property
    def digest(self) -> str:
        """The digest that a split with these test identities and no others would have."""
        return hashlib.sha256(json.dumps([[], sorted(self.test)]).encode()).hexdigest()[:12]

    def test_part(self, people: ImageSet) -> ImageSet:
        """All of the set."""
        return people

    def among(self, identities: Iterable[int]) -> Everyone:
        """The same, because nobody is missing."""
        return self


@dataclasses.dataclass(frozen=True, eq=False)
class Tested:
    """A split and the set of people that it is of.

    Args:
        people: The whole `ImageSet`; its name is that of the data set.
        split: The `Split`, or `Everyone`.
        at_home: Whether it is the split of the run that is tested. Defaults to `False`.
    """

    people: ImageSet
    split: Split | Everyone
    at_home: bool = False

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.people.name

    @functools.cached_property
    def part(self) -> ImageSet:
        """The pictures of the test part; raises `InputError` where some are missing."""
        try:
            return self.split.test_part(self.people)
        except InputError as error:
            raise InputError(
                f"{error} To test on the part that is there, add --partial (partial=True in Python)."
            ) from None

    def images(self, console: Console | None) -> np.ndarray:
        """The pictures of the test part, read with a progress bar."""
        with progress_bar(f"Reading pictures, {self.split.name}", len(self.part), console) as advance:
            return self.part.images(progress=advance)

    def about(self) -> dict[str, str]:
        """What a result says of it."""
        return {"dataset": self.dataset, "split": self.split.name, "split_digest": self.split.digest}


AnySplit: TypeAlias = Split | Everyone | str | os.PathLike | None
"""A split, or the name of one or of a family of them; `None` for the run's own or everyone."""


def splits_of(people: ImageSet, split: AnySplit, partial: bool = False) -> list[Tested]:
    """The splits of a set of people that are tested, with the arguments and errors of `evaluate`; `None` is everyone."""
    if split is None:
        return [Tested(people, Everyone(tuple(people.people.tolist())))]
    splits: Sequence[Split | Everyone] = [split] if isinstance(split, Split | Everyone) else _named(people, split)
    return [Tested(people, each.among(people.people) if partial else each) for each in splits]


def _named(people, name):
    if people.name in CATALOGUE:
        return dataset_splits(people.name, people, os.fspath(name))
    return get_splits(name, people.identities)


def splits_of_run(
    run: Run,
    people: ImageSet | None,
    split: AnySplit,
    *,
    state: str,
    held_back: bool,
    partial: bool,
    other_people: bool,
    data: str | None,
    console: Console | None,
) -> list[Tested]:
    """The splits that a run is tested on, if none tests people whom it was trained on.

    Arguments and errors are those of `evaluate`.
    """
    own = people is None or people.name == run.settings.dataset
    if people is None:
        people = open_dataset(run.settings.dataset, data or run.data)
        # Where nothing else is named, these are the people of whom the training was told.
        other_people = other_people or (run.settings.other_people and split is None and data is None)
    if held_back:
        if split is not None or not own:
            raise ValueError("held_back=True tests people of the run's own split; give neither other people nor split.")
        split = _held_back(run, state, console)
    elif split is None and own:
        _check_same_people(run, people, partial)
        split = run.split
    if state != "initial":
        for tested in splits_of(people, split):
            _check_unseen(run, run.fitted_on if held_back else run.trained_on, tested, other_people)
    return [
        dataclasses.replace(tested, at_home=own and tested.split.digest == run.split.digest)
        for tested in splits_of(people, split, partial)
    ]


def _held_back(run, state, console):
    if run.held_back is None:
        raise InputError(
            f"{run.folder} held nobody back; tfnxc train does with --validate N (validation=N in Python). Leave out "
            "--held-back (held_back=True)."
        )
    if state == "best" and console is not None:
        console.print(f"Note: the people held back chose the best model of {run.folder}; it does better on them.")
    return run.held_back


def _check_unseen(run, trained_on, tested, other_people):
    """Refuses to test on people whom the run was trained on."""
    split = tested.split

    def says(_, count, one):
        return (
            f"{run.folder} was trained on {count} of the {len(split.test)} test identities of {split.name}, such as "
            f"{one}: its figures there would mean nothing. Train a run on that split."
        )

    refuse_seen(trained_on, tested.dataset, split, other_people, says)


def _check_same_people(run, people, partial):
    """Own pictures are numbered by their names: others there, and the numbers are of other people."""
    entry, known = CATALOGUE.get(run.settings.dataset), {*run.split.train, *run.split.test}
    if (entry is None or entry.identities is None) and not partial and set(people.people.tolist()) != known:
        raise InputError(
            f"the people on disk are not those of {run.folder}, so that their numbers may be other people's. Test on "
            "them as another set: name a split, such as random-100-0 (--split, in Python split=), and add "
            "--other-people (other_people=True)."
        )
