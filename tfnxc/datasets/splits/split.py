"""The type of every split: who trains, who tests, and where it is fixed which pictures are probes."""

import dataclasses
import json
import operator
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfnxc.console import readable
from tfnxc.datasets.image_set import ImageSet
from tfnxc.errors import InputError
from tfnxc.hashes import short_digest


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
            listed = list(getattr(self, part))
            self._check(all(map(_is_whole, listed)), f"expected whole numbers as {part} identities.")
            self._check(listed, f"no {part} identities.")
            identities = sorted(map(operator.index, listed))
            outside = f"{identities[0]} is among the {part} identities, but people have identities of 0 and above."
            self._check(identities[0] >= 0, outside)
            self._check(len(set(identities)) == len(listed), f"an identity is twice among the {part} identities.")
            object.__setattr__(self, part, tuple(identities))
        both = sorted(set(self.train) & set(self.test))
        self._check(not both, f"{len(both)} identities train and test, the first is {min(both, default=0)}.")
        if self.probes is not None:
            probes = tuple(self.probes)
            self._check(all(isinstance(each, str) for each in probes), "expected names of pictures as probes.")
            self._check(probes, "no probes; leave them out where the protocol shall decide.")
            self._check(len(set(probes)) == len(probes), "a picture is twice among the probes.")
            object.__setattr__(self, "probes", tuple(sorted(map(str, probes))))
        if self.seed is not None:
            self._check(_is_whole(self.seed), f"expected a whole number as its seed; got {self.seed!r}.")
            object.__setattr__(self, "seed", operator.index(self.seed))

    def _check(self, sound, what):
        if not sound:
            raise InputError(f"split {self.name}: {what}")

    @property
    def digest(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the lists: equal for equal splits, whatever their names."""
        lists = [self.train, self.test] + ([] if self.probes is None else [self.probes])
        return short_digest(json.dumps(lists).encode())

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as `load_split` reads them from a JSON file: the fields that are set, and the digest."""
        fields = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        lists = {key: list(value) for key, value in fields.items() if isinstance(value, tuple)}
        return {**fields, **lists, "digest": self.digest}

    def to_json(self) -> str:
        """The text of a file that `load_split` reads: `to_dict`, one field a line."""
        fields = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in self.to_dict().items())
        return "{\n" + ",\n".join(fields) + "\n}\n"

    @classmethod
    def from_dict(cls, data: Any, name: str = "", source: str = "") -> "Split":
        """The split of a dict such as `to_dict` gives.

        Args:
            data: `"train"` and `"test"`, lists of identities; optionally `"name"`, `"source"`, `"probes"`, `"seed"` and
                `"digest"`.
            name: Its name where `data` has none. Defaults to `""`.
            source: Its source where `data` has none. Defaults to `""`.

        Raises:
            InputError: If it is not of this form, or has another digest than it says.
        """
        if not isinstance(data, dict) or not all(isinstance(data.get(part), list) for part in ("train", "test")):
            raise InputError('expected {"train": [...], "test": [...]}, two lists of identities.')
        probes = data.get("probes")
        if not isinstance(probes, list | None):
            raise InputError(f'expected a list of names of pictures as "probes"; got {probes!r}.')
        name, source = str(data.get("name") or name), str(data.get("source") or source)
        probes = None if probes is None else tuple(probes)
        split = cls(name, source, data["train"], data["test"], probes, data.get("seed"))
        if data.get("digest", split.digest) != split.digest:
            said = readable(str(data["digest"])[:20], in_line=True)
            raise InputError(
                f"the digest of these lists is {split.digest}, not {said}: they are not the split that was "
                "written. If you changed them, leave the digest out and give the split a name of its own."
            )
        return split

    def training_part(self, people: ImageSet) -> ImageSet:
        """The pictures of an `ImageSet` to train on; raises `InputError` where an identity has none."""
        return people.of_identities(self.train)

    def test_part(self, people: ImageSet) -> ImageSet:
        """The pictures of an `ImageSet` to test on: those of the test identities, all junk and all distractors.

        Where this split fixes the probes, the part has them as its `probes`.

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
            lack = f"{len(missing)} of the {len(self.probes)} probes of the split {self.name}, such as {missing[0]}"
            remedy = "Check that the data set is complete and of the same boxes"
            raise InputError(f"{people.name} lacks {lack}. {remedy}.")
        return dataclasses.replace(part, probes=np.isin(names, self.probes))

    def among(self, identities: Iterable[int]) -> "Split":
        """The split of those identities alone that a part of a data set has, under a name that says so.

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

    def hold_back(self, count: int, seed: int = 0) -> "Split":
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
            least = f"of the {len(self.train)} training people at least two have to be held back, and two to train"
            raise InputError(f"{count} people to be held back: {least}.")
        # The 2 keeps these draws apart from those of the pairs.
        held = np.random.default_rng([seed, 2]).permutation(self.train)[:count]
        source = f"{self.source}; training identities alone"
        train, test = (tuple(part.tolist()) for part in (np.setdiff1d(self.train, held), held))
        return Split(f"{self.name}-held-back-{count}", source, train, test, seed=seed)


def _is_whole(value):
    return hasattr(value, "__index__") and not isinstance(value, bool)
