"""Who is tested, under which protocols, and the guard against testing on people who were trained on."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console

from tfnxc.console import plain
from tfnxc.datasets import CATALOGUE, ImageSet, Split, dataset_splits, families, get_splits, open_dataset
from tfnxc.datasets.catalogue import own_pictures
from tfnxc.datasets.known_people import difference, few, numbers_in, with_other_pictures
from tfnxc.errors import InputError
from tfnxc.hashes import short_digest
from tfnxc.runs import Run

if TYPE_CHECKING:
    from tfnxc.embedding import EmbeddingCard


def of_one_camera(people: ImageSet) -> bool:
    """Whether one camera took all pictures of an `ImageSet`."""
    return len(set(people.cameras.tolist())) == 1


def default_protocol(dataset: str, people: ImageSet) -> str:
    """The protocol of a data set for these people where none is named: `"paper"` for own pictures of one camera."""
    own = CATALOGUE[dataset].default_protocol if dataset in CATALOGUE else "cross-camera"
    return "paper" if own == "cross-camera" and of_one_camera(people) else own


def default_protocols(dataset: str, people: ImageSet) -> tuple[str, ...]:
    """The protocols of a data set for these people: `default_protocol`, and `"paper"` where images are drawn.

    Example:
        >>> default_protocols("synthetic", people)
        ('cross-camera', 'paper')
    """
    own = default_protocol(dataset, people)
    return (own,) if own in ("market", "paper") else (own, "paper")


@dataclasses.dataclass(frozen=True)
class Everyone:
    """A split that tests everyone in the set."""

    test: tuple[int, ...]
    name: str = "all"

    @property
    def digest(self) -> str:
        """The digest that a split with these test identities and no others would have."""
        return short_digest(json.dumps([[], sorted(self.test)]).encode())

    def test_part(self, people: ImageSet) -> ImageSet:
        """All of the set."""
        return people

    def among(self, identities: Iterable[int]) -> Everyone:
        """The same, because nobody is missing."""
        return self


@dataclasses.dataclass(frozen=True, eq=False)
class Tested:
    """A split and the whole set of people that it is of; `at_home` says that it is the split of the run."""

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

    def about(self) -> dict[str, str]:
        """What a result says of it."""
        return {"dataset": self.dataset, "split": self.split.name, "split_digest": self.split.digest}


AnySplit: TypeAlias = Split | Everyone | str | os.PathLike | None
"""A split, or the name of one or of a family of them; `None` for the run's own or everyone."""


def splits_of(people: ImageSet, split: AnySplit, partial: bool = False) -> list[Tested]:
    """The splits of a set of people that are tested, with arguments and errors of `evaluate`; `None` is everyone."""
    splits: Sequence[Split | Everyone]
    if split is None:
        splits = [Everyone(tuple(people.people.tolist()))]
    elif isinstance(split, Split | Everyone):
        splits = [split]
    elif people.name in CATALOGUE:
        splits = dataset_splits(people.name, people, os.fspath(split))
    else:
        splits = get_splits(split, people.identities)
    return [Tested(people, each.among(people.people) if partial else each) for each in splits]


def splits_of_run(
    run: Run, people: ImageSet | None, split: AnySplit, *, state, held_back, partial, other_people, data, console
) -> list[Tested]:
    """The splits that a run is tested on, if none tests people whom it was trained on; arguments as in `evaluate`."""
    own = people is None or people.name == run.settings.dataset
    named = split is not None
    if people is None:
        people = open_dataset(run.settings.dataset, data or run.data)
        # Where nothing else is named, these are the people of whom the training was told.
        other_people = other_people or (run.settings.other_people and split is None and data is None)
    if held_back:
        if split is not None or not own:
            raise ValueError("held_back=True tests people of the run's own split; give neither other people nor split.")
        if run.held_back is None:
            raise InputError(
                f"{run.folder} held nobody back; tfnxc train does with --validate N (validation=N in Python). Leave "
                "out --held-back (held_back=True)."
            )
        if state == "best" and console is not None:
            told = f"Note: the people held back chose the best model of {run.folder}; it does better on them."
            console.print(plain(told))
        split = run.held_back
    elif split is None and own:
        split = run.split
    if own and not named:
        refuse_other_people(run, people, partial)
        if set(people.people.tolist()) <= set(run.split.train):
            raise InputError(
                f"{run.folder} was trained, or its embedding fitted, on everybody in {people.name}, and nobody is left "
                "to test. Test on other people: name a split and their --data (split= and an ImageSet in Python)."
            )
    if state != "initial" and not other_people:
        say_without_names(run, people, console)
    if state != "initial":
        seen = seen_in(people, run.fitted_on if held_back else run.trained_on, run.names)
        for tested in splits_of(people, split):
            _check_unseen(run, seen, tested, other_people)
    own = own and not (named and _difference(run, people, partial))  # without a name it was refused above
    return [
        dataclasses.replace(tested, at_home=own and tested.split.digest == run.split.digest)
        for tested in splits_of(people, split, partial)
    ]


def refuse_other_people(run: Run, people: ImageSet, partial: bool = False) -> None:
    """Raises an error if people are not those of a run's own data set, so that its split means others.

    Own pictures are numbered in the order of their names, and drawn people by a seed: others have the same numbers. A
    run keeps the names of everyone in the set that it was trained from, and a digest of a picture of each.

    Args:
        run: The `Run`.
        people: An `ImageSet` of the run's data set.
        partial: Whether people may be missing, or more than there were. Defaults to `False`.

    Raises:
        InputError: If people are others, with the names that differ.
    """
    entry = CATALOGUE.get(run.settings.dataset)
    if entry is not None and not entry.needs_path and (people.read(0) != open_dataset(entry.name).read(0)).any():
        raise InputError(
            f"these people are not the set {entry.name} of {run.folder}: they are drawn otherwise. Test on them as a "
            "set of their own: dataclasses.replace(people, name=...), and a split=."
        )
    differs = _difference(run, people, partial)
    if differs:
        raise InputError(
            f"the people on disk are not those of {run.folder} ({differs}), so that their numbers may be other "
            "people's. Test on them as another set: name a split, such as random-100-0 (--split, in Python split=), "
            "and where they are others with the same names or numbers add --other-people (other_people=True)."
        )


def say_without_names(run: Run, people: ImageSet, console: Console | None) -> None:
    """Says that own pictures are compared with those of a run by their numbers only, where it keeps no names."""
    related = related_sets(people.name) if own_pictures(people.name) else ()
    nameless = any(
        name in related and known is None for (name, _), known in zip(run.trained_on, run.names, strict=True)
    )
    if nameless and console is not None:
        told = (
            f"Note: {run.folder} keeps no names of its people, so that those of {people.name} were compared with them "
            "by their numbers only: make sure that they are the same people."
        )
        console.print(plain(told), soft_wrap=True)


def _difference(run, people, partial):
    """How the people of a run's own data set differ from those whom it was trained and tested on, in words."""
    if not own_pictures(people.name):
        return ""
    if run.names[0] is not None:
        differs = difference(run.names[0], people, partial)
        others = {} if differs else with_other_pictures(run.first_pictures, people, partial)
        named = [f"{run.names[0].get(each, each)} ({picture})" for each, picture in others.items()]
        return f"another picture, or none, in the place of that of: {few(named)}" if others else differs
    known = {*run.split.train, *run.split.test}
    others = sorted(known.symmetric_difference(people.people.tolist()))
    return "" if partial or not others else f"{len(others)} identities are on one side only, such as {others[0]}"


def seen_in(
    people: ImageSet, seen: Iterable[tuple[str, Iterable[int]]], names: Iterable[Mapping[int, str] | None]
) -> list[tuple[str, Iterable[int]]]:
    """Those seen in a training, with the numbers that they have in `people`: of own pictures, whatever the sets are
    called, by their names.

    Args:
        people: An `ImageSet`.
        seen: `(data set, identities)` of what was trained on.
        names: Who they are, for each of these, as from `tfnxc.datasets.known_people.names_of`.

    Returns:
        `seen` with the identities of `people`, as `numbers_seen` gives them.
    """
    return [
        (dataset, numbers_seen(people.name, people, dataset, identities, known))
        for (dataset, identities), known in zip(seen, names, strict=True)
    ]


def numbers_seen(
    dataset: str,
    people: ImageSet | Mapping[int, str] | None,
    trained: str,
    identities: Iterable[int],
    names: Mapping[int, str] | None,
) -> list[int]:
    """The numbers in one data set of identities of another: of own pictures by names, of others by shared numbers.

    Args:
        dataset: Name of the one data set.
        people: It, or the names in it; `None` where nobody knows them.
        trained: Name of the other data set.
        identities: Numbers in that.
        names: Who they are, as from `tfnxc.datasets.known_people.names_of`.

    Returns:
        A list of numbers; empty where neither names nor numbers say who they are.
    """
    related = trained in related_sets(dataset)
    both_own = own_pictures(dataset) and own_pictures(trained)
    told = people is not None and names is not None and (not isinstance(people, ImageSet) or people.names is not None)
    # Related sets without names are compared by their pictures; in others the same file name says nothing.
    if both_own and people is not None and names is not None and (related or told):
        return numbers_in(people, identities, names)
    return list(identities) if related else []


def _check_unseen(run, trained_on, tested, other_people):
    split = tested.split

    def says(_, count, one):
        return (
            f"{run.folder} was trained on {count} of the {len(split.test)} test identities of {split.name}, such as "
            f"{one}: its figures there would mean nothing. Train a run on that split."
        )

    refuse_seen(trained_on, tested.dataset, split, other_people, says, tested.people.names)


def refuse_fitted(
    card: EmbeddingCard,
    name: str,
    tested: Tested,
    other_people: bool = False,
    held_back: bool = False,
    console: Console | None = None,
) -> None:
    """Raises an error if an embedding, or what it is combined with, was fitted on people who are tested.

    Args:
        card: The card of the embedding.
        name: What the error calls the subject.
        tested: Who is tested.
        other_people: As in `refuse_seen`. Defaults to `False`.
        held_back: Whether the people held back from a training are tested: those whom the combination was fitted on
            are then noted on the console, and not refused. Defaults to `False`.
        console: A rich `Console`. Defaults to `None`: nothing is noted.

    Raises:
        InputError: If people were seen; if the promise is about a published set.
    """

    def says(_, count, one):
        return (
            f"the embedding of {name} was fitted on {count} of the {len(tested.split.test)} test identities of "
            f"{tested.split.name}, such as {one}: its figures there would mean nothing. Fit it on others: tfnxc embed "
            "fit RUN."
        )

    fitted, combined = (
        seen_in(tested.people, seen, [card.names] * len(seen)) for seen in (card.fitted_on, card.combined_on)
    )
    seen = fitted if held_back else (*fitted, *combined)
    refuse_seen(seen, tested.dataset, tested.split, other_people, says, tested.people.names)
    chosen = {one for _, people in combined for one in people}
    if held_back and console is not None and chosen & set(tested.split.test):
        told = (
            f"Note: the embedding of {name} was chosen, and combined with the head, on the people held back; it does "
            "better on them."
        )
        console.print(plain(told))


_OWN = tuple(name for name in CATALOGUE if own_pictures(name))


def related_sets(dataset: str) -> set[str]:
    """The data sets whose people have the numbers that they have in this one: those that share its splits, and itself.

    A user's own pictures are one set, whether in folders or listed in a CSV file.

    Example:
        >>> related_sets("viper")
        {'viper'}
    """
    own = _OWN if dataset in _OWN else ()
    return {dataset, *own}.union(*(family.datasets for family in families().values() if dataset in family.datasets))


def refuse_seen(
    trained_on: Iterable[tuple[str, Iterable[int]]],
    dataset: str,
    split: Split | Everyone,
    other_people: bool,
    says: Callable[[str, int, int | str], str],
    names: Mapping[int, str] | None = None,
) -> None:
    """Raises an error if test identities of a split of `dataset` are among those trained on.

    Args:
        trained_on: `(data set, identities)` of what was trained on, with the numbers that these have in `dataset`. Sets
            that share splits share people, and so do own pictures of whatever name.
        dataset: Name of the data set of the split.
        split: The `Split`, or what has its `test` identities.
        other_people: Whether it is promised that own pictures are of other people; published numbers need no promise.
        says: `(data set trained on, how many were seen, one of them) -> the error's text`.
        names: Who people of `dataset` are, by number, for the error. Defaults to `None`: it has their numbers.

    Raises:
        InputError: If test identities were trained on; if the promise is about a published set.
    """
    own = own_pictures(dataset)
    if other_people and not own:
        raise InputError(
            f"--other-people is for own pictures (folder, csv), in Python other_people=True; the numbers of {dataset} "
            "are its own."
        )
    if other_people:
        return
    related = related_sets(dataset)
    for trained, identities in trained_on:
        comparable = trained in related or (own and own_pictures(trained))
        seen = sorted(set(split.test) & set(identities)) if comparable else []
        if seen:
            one = (names or {}).get(seen[0], seen[0])
            same = "numbers" if str(one).isdecimal() else "names"
            hint = f" If they are other people with the same {same}, add --other-people (other_people=True in Python)."
            raise InputError(says(trained, len(seen), one) + (hint if own else ""))
