"""The type of every split: who trains, who tests, and where it is fixed which pictures are probes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import operator
import pathlib

import numpy as np

from tfnxc.errors import InputError


@dataclasses.dataclass(frozen=True)
class Split:
    """Identities for training and identities for testing.

    Args:
        name: What results call it, e.g. `"cuhk01-486-01"`.
        source: Where the lists come from.
        train: Training identities, whole numbers of 0 or above, in any order; kept as an ascending tuple.
        test: Test identities, likewise; none of them trains.
        probes: Names of the test pictures that are probes, without folder and extension, where the split fixes them;
            the other test pictures are the gallery. Kept as an ascending tuple. Defaults to `None`: the protocol
            decides.
        seed: The whole number that drew the lists at random. Defaults to `None`: they were not, or nobody says.

    Raises:
        InputError: If a list is empty, holds something else or one thing twice, or an identity is in both.

    Example:
        >>> split = Split("mine", "by hand", train=(1, 2), test=(3,))
        >>> split.digest
        '192f318fa669'

    References:
        SPEC section 5.
    """

    name: str
    source: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    probes: tuple[str, ...] | None = None
    seed: int | None = None

    def __post_init__(self):
        for part in ("train", "test"):
            object.__setattr__(self, part, self._identities(part))
        both = sorted(set(self.train) & set(self.test))
        if both:
            raise InputError(f"split {self.name}: {len(both)} identities train and test, the first is {both[0]}.")
        if self.probes is not None:
            object.__setattr__(self, "probes", self._probes())
        if self.seed is not None:
            object.__setattr__(self, "seed", self._seed())

    def _identities(self, part):
        try:
            identities = sorted(map(_whole_number, getattr(self, part)))
        except TypeError:
            raise InputError(f"split {self.name}: expected whole numbers as {part} identities.") from None
        if not identities:
            raise InputError(f"split {self.name}: no {part} identities.")
        if identities[0] < 0:
            raise InputError(
                f"split {self.name}: {identities[0]} is among the {part} identities, but people have identities of 0 "
                "and above."
            )
        if len(set(identities)) != len(identities):
            raise InputError(f"split {self.name}: an identity is twice among the {part} identities.")
        return tuple(identities)

    def _probes(self):
        probes = tuple(self.probes)
        if not all(isinstance(probe, str) for probe in probes):
            raise InputError(f"split {self.name}: expected names of pictures as probes.")
        if not probes:
            raise InputError(f"split {self.name}: no probes; leave them out where the protocol shall decide.")
        if len(set(probes)) != len(probes):
            raise InputError(f"split {self.name}: a picture is twice among the probes.")
        return tuple(sorted(map(str, probes)))

    def _seed(self):
        try:
            return _whole_number(self.seed)
        except TypeError:
            raise InputError(f"split {self.name}: expected a whole number as its seed; got {self.seed!r}.") from None

    @property
    def digest(self):
        """First 12 hexadecimal digits of the SHA-256 of the lists: equal for equal splits, whatever their names."""
        lists = [self.train, self.test] + ([] if self.probes is None else [self.probes])
        return hashlib.sha256(json.dumps(lists).encode()).hexdigest()[:12]

    def to_dict(self):
        """Plain types, as `load_split` reads them from a JSON file: the fields that are set, and the digest."""
        fields = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        lists = {key: list(value) for key, value in fields.items() if isinstance(value, tuple)}
        return {**fields, **lists, "digest": self.digest}

    @classmethod
    def from_dict(cls, data, name="", source=""):
        """The split of a dict such as `to_dict` gives.

        Args:
            data: `"train"` and `"test"`, lists of identities; optionally `"name"`, `"source"`, `"probes"`, `"seed"` and
                `"digest"`.
            name: Its name where `data` has none. Defaults to `""`.
            source: Its source where `data` has none. Defaults to `""`.

        Raises:
            InputError: If it is not of this form, or has another digest than it says.
        """
        parts = [data.get(part) if isinstance(data, dict) else None for part in ("train", "test")]
        if not all(isinstance(part, list) for part in parts):
            raise InputError('expected {"train": [...], "test": [...]}, two lists of identities.')
        probes = data.get("probes")
        if probes is not None and not isinstance(probes, list):
            raise InputError(f'expected a list of names of pictures as "probes"; got {probes!r}.')
        names = str(data.get("name") or name), str(data.get("source") or source)
        split = cls(*names, *parts, probes, data.get("seed"))
        if data.get("digest", split.digest) != split.digest:
            raise InputError(
                f"the digest of these lists is {split.digest}, not {data['digest']}: they are not the split that was "
                "written. If you changed them, leave the digest out and give the split a name of its own."
            )
        return split

    def training_part(self, people):
        """The pictures of an `ImageSet` to train on; raises `InputError` where an identity has none."""
        return people.of_identities(self.train)

    def test_part(self, people):
        """The pictures of an `ImageSet` to test on: those of the test identities, all junk and all distractors.

        Args:
            people: The data set of this split.

        Returns:
            An `ImageSet`; where this split fixes the probes, with its `probes`.

        Raises:
            InputError: If a test identity or a probe has no picture.
        """
        people.of_identities(self.test)  # raises where one is missing
        part = people.take(np.flatnonzero((people.identities < 0) | np.isin(people.identities, self.test)))
        if self.probes is None:
            return part
        names = np.array([pathlib.PurePath(path).stem for path in part.paths])
        missing = sorted(set(self.probes) - set(names.tolist()))
        if missing:
            raise InputError(
                f"{people.name} lacks {len(missing)} of the {len(self.probes)} probes of the split {self.name}, such "
                f"as {missing[0]}. Check that the data set is complete and of the same boxes."
            )
        return dataclasses.replace(part, probes=np.isin(names, self.probes))

    def among(self, identities):
        """The split without the identities that a part of a data set lacks, under a name that says so.

        Args:
            identities: Those that are there.

        Returns:
            A `Split` called `"NAME-partial"`, or this one where nobody is missing.

        Raises:
            InputError: If nobody is left to train or to test, or the probes are fixed and somebody is missing.
        """
        there = set(map(int, identities))
        train, test = (tuple(each for each in part if each in there) for part in (self.train, self.test))
        if (train, test) == (self.train, self.test):
            return self
        if self.probes is not None:
            raise InputError(f"split {self.name} fixes its probes by name: it cannot be used with a part of the set.")
        counts = f"{len(train)} of {len(self.train)} training and {len(test)} of {len(self.test)} test identities"
        return Split(f"{self.name}-partial", f"{self.source}; {counts}", train, test, seed=self.seed)

    def hold_back(self, count, seed=0):
        """The training identities alone, with some of them to be tested on: to choose by, in the place of the test.

        Args:
            count: How many are to be tested on; at least two, and at least two are left to train.
            seed: A whole number, 0 or above, that draws them. Defaults to `0`.

        Returns:
            A `Split` called `"NAME-held-back-COUNT"`.

        Raises:
            InputError: If there are not enough training identities.
        """
        if count < 2 or len(self.train) - count < 2:
            raise InputError(
                f"{count} people to be held back: of the {len(self.train)} training people at least two have to be "
                "held back, and two to train."
            )
        # The 2 keeps these draws apart from those of the pairs.
        held = np.random.default_rng([seed, 2]).permutation(self.train)[:count]
        source = f"{self.source}; training identities alone"
        return Split(f"{self.name}-held-back-{count}", source, np.setdiff1d(self.train, held), held, seed=seed)


def _whole_number(value):
    """`value` as an int where it is one, of whatever type but bool; raises `TypeError` where it is not."""
    if isinstance(value, bool):
        raise TypeError(value)
    return operator.index(value)
