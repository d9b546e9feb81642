"""Counting and checking a data set on disk."""

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tfnxc.datasets.catalogue import CATALOGUE, entry_of, open_dataset
from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.prepared.manifest import Manifest
from tfnxc.datasets.prepared.reader import broken_shards, is_prepared
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK


@dataclasses.dataclass(frozen=True)
class PartCount:
    """What was found of an official part of a data set, and what the official set has."""

    name: str
    pictures: int
    official_pictures: int
    identities: int | None
    official_identities: int | None

    @property
    def differs(self) -> bool:
        """Whether a count is other than the official one."""
        return (self.pictures, self.identities) != (self.official_pictures, self.official_identities)


@dataclasses.dataclass(frozen=True)
class DatasetCounts:
    """How much is in a data set; `probes` is `None` where the set does not fix them, `parts` are the official parts."""

    pictures: int
    identities: int
    cameras: int
    probes: int | None
    distractors: int
    junk: int
    parts: tuple[PartCount, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether a part has other counts than the official ones."""
        return any(part.differs for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain types."""
        parts = [{**dataclasses.asdict(part), "differs": part.differs} for part in self.parts]
        return {**dataclasses.asdict(self), "parts": parts}

    def __str__(self) -> str:
        text = f"{self.pictures} pictures of {self.identities} identities, {self.cameras} cameras"
        others = {"probes": self.probes, "distractors": self.distractors, "junk": self.junk}
        return ", ".join([text, *(f"{count} {what}" for what, count in others.items() if count)])


@dataclasses.dataclass(frozen=True)
class BrokenFile:
    """A picture or a shard that cannot be read, and why."""

    file: str
    reason: str


@dataclasses.dataclass(frozen=True)
class DatasetReport:
    """What `check_dataset` found in the data set that lies at `data`.

    `missing` is as from `missing_pictures`, `unread` and `remarks` are those of the `ImageSet`.
    """

    name: str
    data: str | None
    counts: DatasetCounts
    missing: tuple[str, ...]
    broken: tuple[BrokenFile, ...]
    unread: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, broken, not read, or otherwise than official."""
        return self.verdict == "whole"

    @property
    def verdict(self) -> str:
        """In a line: `"whole"`, or what is missing, broken, not read or otherwise than official."""
        found = {"missing": self.missing, "broken": self.broken, "not read": self.unread}
        wrong = [f"{len(files)} {what}" for what, files in found.items() if files]
        wrong += ["counts differ from the official ones"] * self.counts.differs
        return ", ".join(wrong) or "whole"

    def to_dict(self) -> dict[str, Any]:
        """The report as plain types."""
        broken = [dataclasses.asdict(each) for each in self.broken]
        found = {**self.counts.to_dict(), "missing": list(self.missing), "broken": broken}
        found |= {"unread": list(self.unread), "remarks": list(self.remarks)}
        return {"name": self.name, "data": self.data, **found, "whole": self.whole}


def count_dataset(people: ImageSet) -> DatasetCounts:
    """Counts an `ImageSet`, beside the official counts where its name is in `CATALOGUE`; no picture is read.

    Example:
        >>> counts = count_dataset(people)
        >>> counts.pictures, counts.identities, counts.cameras, counts.differs
        (24, 6, 2, True)
    """
    official = CATALOGUE[people.name].official if people.name in CATALOGUE else ()
    counted = [(part, *part.count(people)) for part in official]
    return DatasetCounts(
        pictures=len(people),
        identities=len(people.people),
        cameras=len(np.unique(people.cameras)),
        probes=None if people.probes is None else int(people.probes.sum()),
        distractors=int((people.identities == DISTRACTOR).sum()),
        junk=int((people.identities == JUNK).sum()),
        parts=tuple(PartCount(part.name, images, part.pictures, ids, part.identities) for part, images, ids in counted),
    )


def check_dataset(
    name: str, path: str | os.PathLike | None = None, progress: Callable[[int, int], object] | None = None
) -> DatasetReport:
    """Reads every picture of a data set, counts, and names each one that is missing, broken or no part of it.

    Of prepared pictures the checksum of every shard is compared, too.

    Args:
        name: A name in `CATALOGUE`.
        path: As in `open_dataset`. Defaults to `None`, for a set that is drawn.
        progress: Called as `progress(1, total)` after each of `total` pictures and shards. Defaults to `None`.

    Raises:
        InputError: If the data set cannot be opened; see `open_dataset`.

    Example:
        >>> report = check_dataset("cuhk01", "cuhk01/campus")
        >>> report.whole, report.counts.pictures, len(report.missing), report.broken
        (False, 20, 3864, ())
    """
    progress = progress or (lambda count, total: None)
    people = open_dataset(name, path)
    prepared = path if path is not None and is_prepared(path) else None
    total = len(people) + (0 if prepared is None else len(Manifest.read(prepared).shards))

    def reason(index: int) -> str | None:
        try:
            people.read(index)
            return None
        except InputError as error:
            return str(error)

    broken = []
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for file, message in zip(people.paths, pool.map(reason, range(len(people))), strict=True):
            progress(1, total)
            if message is not None:
                broken.append(BrokenFile(file, message.removeprefix(f"{file}: ")))
    if prepared is not None:
        wrong = broken_shards(prepared, lambda count: progress(count, total))
        broken += [BrokenFile(file, what) for file, what in wrong.items()]
    data = None if path is None else str(path)
    missing = tuple(entry_of(name).missing(people))
    beside = tuple(people.unread), tuple(people.remarks)
    return DatasetReport(name, data, count_dataset(people), missing, tuple(broken), *beside)
