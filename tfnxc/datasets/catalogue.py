"""Data sets by name: what each must be on disk, how it is read, its splits, and what is official about it."""

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.prepared.reader import is_prepared, prepared
from tfnxc.datasets.readers.csv_file import csv_file
from tfnxc.datasets.readers.cuhk01 import cuhk01, missing_cuhk01
from tfnxc.datasets.readers.cuhk03 import cuhk03, cuhk03_camera_pair
from tfnxc.datasets.readers.grid import grid, missing_grid
from tfnxc.datasets.readers.identity_folders import identity_folders
from tfnxc.datasets.readers.market1501 import in_market1501_test, in_market1501_train, market1501, market1501_split
from tfnxc.datasets.readers.viper import missing_viper, viper
from tfnxc.datasets.splits import Split, families, get_splits
from tfnxc.datasets.synthetic.people import synthetic
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR

SYNTHETIC_IDENTITIES = 300  # in the synthetic set, where it is opened by its name


def _everything(people: ImageSet) -> np.ndarray:
    return np.ones(len(people), bool)


def _nothing(people: ImageSet) -> list[str]:
    return []


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a data set, with its official counts; the parts of a set do not overlap.

    Args:
        name: What the data set calls it, e.g. `"query"`.
        pictures: How many pictures the official set has in this part.
        identities: Of how many people; `None` where its pictures are nobody's.
        belongs: `ImageSet -> booleans`: which of its pictures are in this part. Defaults to all of them.
    """

    name: str
    pictures: int
    identities: int | None
    belongs: Callable[[ImageSet], Any] = dataclasses.field(default=_everything, repr=False)

    def __str__(self) -> str:
        of = "" if self.identities is None else f" of {self.identities} identities"
        return f"{self.name}: {self.pictures} pictures{of}"

    def count(self, people: ImageSet) -> tuple[int, int | None]:
        """`(pictures, identities)` of this part in an `ImageSet`, to be compared with the official ones."""
        there = people.take(np.flatnonzero(self.belongs(people)))
        return len(there), None if self.identities is None else len(there.people)


@dataclasses.dataclass(frozen=True)
class CatalogueEntry:
    """A data set by name: how it is read, and what is known about it.

    Args:
        name: What commands, results and split files call it, e.g. `"cuhk01"`.
        title: Its name in print.
        about: One line: what must be on disk.
        layout: A few lines that show it.
        reader: `path -> ImageSet`, whose name is `name`.
        default_split: Name of the split that commands take where none is named; see `dataset_splits`. Defaults to
            `"random-100-0"`.
        reference: The paper that presents it. Defaults to `"your own pictures"`.
        default_protocol: Name of the evaluation protocol that goes with it. Defaults to `"cross-camera"`.
        official: The parts of the official set. Defaults to `()`: there is no official set.
        identities: How many people the official set has. Defaults to `None`: there is no official set.
        own_split: `ImageSet -> Split`, where the data set itself says who trains and who tests. Defaults to `None`.
        domain: `identities -> integers`: the place at which each person was seen, if the same number of a camera is
            another camera at another place. Defaults to `None`: all at one place.
        missing: `ImageSet -> names` of the pictures that the official set has and this one lacks, where the layout
            tells. Defaults to none.
        needs_path: Whether there is something to read. Defaults to `True`.
    """

    name: str
    title: str
    about: str
    layout: str
    reader: Callable[[Any], ImageSet] = dataclasses.field(repr=False)
    default_split: str = "random-100-0"
    reference: str = "your own pictures"
    default_protocol: str = "cross-camera"
    official: tuple[Part, ...] = ()
    identities: int | None = None
    own_split: Callable[[ImageSet], Split] | None = dataclasses.field(default=None, repr=False)
    domain: Callable[[np.ndarray], np.ndarray] | None = dataclasses.field(default=None, repr=False)
    missing: Callable[[ImageSet], list[str]] = dataclasses.field(default=_nothing, repr=False)
    needs_path: bool = True

    @property
    def pictures(self) -> int | None:
        """How many pictures the official set has; `None` where there is no official set."""
        return sum(part.pictures for part in self.official) or None

    @property
    def families(self) -> tuple[str, ...]:
        """Names of its published families of splits, from their files."""
        return tuple(family.name for family in families().values() if self.name in family.datasets)

    def facts(self) -> dict[str, Any]:
        """What is known about the data set, as plain types.

        Example:
            >>> facts = tfnxc.datasets.CATALOGUE["viper"].facts()
            >>> facts["pictures"], facts["families"]
            (1264, ['viper-316'])
        """
        names = ("name", "title", "about", "pictures", "identities", "families", "default_split", "default_protocol")
        facts = {name: getattr(self, name) for name in names}
        counts = ("name", "pictures", "identities")
        parts = [{name: getattr(part, name) for name in counts} for part in self.official]
        return {**facts, "families": list(self.families), "official": parts}


def _cuhk03(boxes: str, pictures: int) -> CatalogueEntry:
    return CatalogueEntry(
        name=f"cuhk03-{boxes}",
        title=f"CUHK03, {boxes} boxes",
        about=f"cuhk-03.mat as published, or the {boxes} pictures extracted from it",
        layout=(
            "cuhk-03.mat                      MATLAB 7.3: labeled, detected, testsets\n"
            "or a folder that holds it, or a folder of extracted pictures:\n"
            f"images_{boxes}/1_266_2_06.png   camera pair 1, identity 266, camera 2 (B), index 6 of 10\n"
            "The identity of this picture is 1266: 1000 x camera pair + number."
        ),
        reader=functools.partial(cuhk03, boxes=boxes),
        official=(Part("all", pictures, 1467),),
        identities=1467,
        default_split="cuhk03-classic-01",
        default_protocol="cuhk03-classic",
        reference=(
            "Li, Zhao, Xiao, Wang, "
            '"DeepReID: Deep Filter Pairing Neural Network for Person Re-Identification", CVPR 2014'
        ),
        domain=cuhk03_camera_pair,
    )


ENTRIES = (
    CatalogueEntry(
        name="cuhk01",
        title="CUHK01 (campus)",
        about="the folder campus with PPPPKKK.png, or the folder that holds it",
        layout=(
            "campus/0001001.png, campus/0001002.png   identity 1, camera A\n"
            "campus/0001003.png, campus/0001004.png   identity 1, camera B"
        ),
        reader=cuhk01,
        missing=missing_cuhk01,
        official=(Part("all", 3884, 971),),
        identities=971,
        default_split="cuhk01-486-01",
        reference='Li, Zhao, Wang, "Human Reidentification with Transferred Metric Learning", ACCV 2012',
    ),
    _cuhk03("labeled", 14096),
    _cuhk03("detected", 14097),
    CatalogueEntry(
        name="grid",
        title="QMUL GRID (underground_reid)",
        about="the folder underground_reid with probe and gallery, or the folder that holds it",
        layout=(
            "underground_reid/probe/0001_1_25004_107_32_106_221.jpeg     identity 1, camera A\n"
            "underground_reid/gallery/0001_2_25023_116_134_128_330.jpeg  identity 1, camera B\n"
            "underground_reid/gallery/0000_1_25698_101_16_87_246.jpeg    a distractor"
        ),
        reader=grid,
        missing=missing_grid,
        official=(
            Part("probe", 250, 250, lambda people: people.cameras == 0),
            Part("gallery", 250, 250, lambda people: (people.cameras == 1) & (people.identities >= 0)),
            Part("distractors", 775, None, lambda people: people.identities == DISTRACTOR),
        ),
        identities=250,
        default_split="grid-125-01",
        reference=(
            'Loy, Liu, Gong, "Person Re-Identification by Manifold Ranking", ICIP 2013; '
            'Loy, Xiang, Gong, "Multi-Camera Activity Correlation Analysis", CVPR 2009'
        ),
    ),
    CatalogueEntry(
        name="viper",
        title="VIPeR",
        about="a folder with cam_a and cam_b, or the folder VIPeR that holds them",
        layout=(
            "cam_a/000_45.bmp   identity 0, camera A, seen from 45 degrees\n"
            "cam_b/000_90.bmp   identity 0, camera B, seen from 90 degrees"
        ),
        reader=viper,
        missing=missing_viper,
        official=(
            Part("cam_a", 632, 632, lambda people: people.cameras == 0),
            Part("cam_b", 632, 632, lambda people: people.cameras == 1),
        ),
        identities=632,
        default_split="viper-316-01",
        reference=(
            'Gray, Brennan, Tao, "Evaluating Appearance Models for Recognition, Reacquisition, and Tracking", PETS 2007'
        ),
    ),
    CatalogueEntry(
        name="market1501",
        title="Market-1501",
        about="a folder with bounding_box_train, query and bounding_box_test, or the folder that holds it",
        layout=(
            "bounding_box_train/0002_c1s1_000451_03.jpg   identity 2, camera 1\n"
            "query/0001_c1s1_001051_00.jpg                a probe: identity 1, camera 1\n"
            "bounding_box_test/0001_c2s1_001976_01.jpg    gallery: identity 1, camera 2\n"
            "bounding_box_test/0000_c1s1_000151_01.jpg    gallery: a distractor\n"
            "bounding_box_test/-1_c1s1_000401_03.jpg      junk: left out of every gallery"
        ),
        reader=market1501,
        official=(
            Part("bounding_box_train", 12936, 751, in_market1501_train),
            Part("query", 3368, 750, lambda people: people.probes),
            # 15,913 pictures of people and distractors, and 3,819 of junk: all that the folder holds.
            Part("bounding_box_test", 19732, 750, in_market1501_test),
        ),
        identities=1501,
        default_split="market1501",
        default_protocol="market",
        reference='Zheng, Shen, Tian, Wang, Wang, Tian, "Scalable Person Re-identification: A Benchmark", ICCV 2015',
        own_split=market1501_split,
    ),
    CatalogueEntry(
        name="folder",
        title="A folder an identity",
        about="a folder of your own pictures, IDENTITY/picture or IDENTITY/CAMERA/picture",
        layout=(
            "people/0001/entrance_c1_0001.jpg   identity 1, camera 1: read from the _c1 in the name\n"
            "people/0001/lift_c2_0007.jpg       identity 1, camera 2\n"
            "or a folder a camera:\n"
            "people/anna/entrance/0001.jpg      identities and cameras that are no numbers are numbered from 0,\n"
            "people/anna/lift/0007.jpg          in the order of their names\n"
            "people/junk/..., people/distractor/...   pictures of nobody, where there are any"
        ),
        reader=identity_folders,
    ),
    CatalogueEntry(
        name="csv",
        title="A CSV file",
        about="a CSV file that lists your own pictures, with the columns path, identity, camera",
        layout=(
            "path,identity,camera,role          role, probe or gallery, may be left out\n"
            "crops/0001.jpg,anna,entrance,probe\n"
            "crops/0002.jpg,anna,lift,gallery\n"
            "crops/0003.jpg,distractor,lift,gallery\n"
            "Paths are relative to the file. Names that are no numbers are numbered from 0, in their order."
        ),
        reader=csv_file,
    ),
    CatalogueEntry(
        name="synthetic",
        title="Synthetic people",
        about=f"nothing: {SYNTHETIC_IDENTITIES} drawn identities, 2 cameras, 2 pictures each",
        layout="Nothing on disk: a picture is drawn when it is read.",
        reader=lambda path: synthetic(identities=SYNTHETIC_IDENTITIES),
        official=(Part("all", 4 * SYNTHETIC_IDENTITIES, SYNTHETIC_IDENTITIES),),
        identities=SYNTHETIC_IDENTITIES,
        reference="drawn by tfnxc.datasets.synthetic",
        needs_path=False,
    ),
)


CATALOGUE = {entry.name: entry for entry in ENTRIES}
"""Every data set by name, as commands and split files call it."""


def entry_of(name: str) -> CatalogueEntry:
    """The `CatalogueEntry` of a name in `CATALOGUE`; raises `InputError` with all names where there is none."""
    if name not in CATALOGUE:
        raise InputError(f"no data set is called {name!r}; expected one of {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def own_pictures(name: str) -> bool:
    """Whether a data set of this name is a user's own, whose numbers mean people in it alone: no published set has it.

    Example:
        >>> own_pictures("folder"), own_pictures("street"), own_pictures("viper")
        (True, True, False)
    """
    return name not in CATALOGUE or CATALOGUE[name].identities is None


def open_dataset(name: str, path: str | os.PathLike | None = None) -> ImageSet:
    """The pictures of a data set, from what a user has on disk.

    Args:
        name: A name in `CATALOGUE`.
        path: The folder or file that its `CatalogueEntry` describes, or a folder made by `tfnxc.datasets.prepare`.
            Defaults to `None`, for a set that is drawn.

    Returns:
        An `ImageSet` called `name`.

    Raises:
        InputError: If there is no such data set, the path is missing or superfluous, or it holds something else.

    Example:
        >>> len(open_dataset("cuhk01", "cuhk01/campus"))
        20
    """
    entry = entry_of(name)
    if path is not None and is_prepared(path):
        people = prepared(path)
        if people.name == name:
            return people
        raise InputError(f"{path}: pictures prepared from {people.name}, not from {name}. Open them as {people.name}.")
    if entry.needs_path and path is None:
        raise InputError(f"{name} needs a path (--data): {entry.about}.")
    if path is not None and not entry.needs_path:
        raise InputError(f"the {name} set is drawn, not read: leave its path out.")
    return entry.reader(path)


def domains_of(people: ImageSet) -> np.ndarray:
    """The domain of each picture, for sets that reuse camera numbers at several sites.

    Returns:
        Integers, one a picture; all 0 where the set is of one place, or not in `CATALOGUE`. Of CUHK03 they are the
        camera pairs, 1 to 5.

    Example:
        >>> set(domains_of(people).tolist())
        {0}
    """
    domain = people.name in CATALOGUE and CATALOGUE[people.name].domain
    return domain(people.identities) if domain else np.zeros(len(people), int)


def dataset_splits(name: str, people: ImageSet, split: str | os.PathLike | None = None) -> list[Split]:
    """The splits of a name for a data set: its own one, published ones, random ones, or a file.

    Args:
        name: A name in `CATALOGUE`.
        people: Its `ImageSet`.
        split: Name of a split or of a family, as `get_splits` takes it, or of the split that the data set itself fixes,
            such as `"market1501"`. Defaults to `None`: the `default_split` of the data set.

    Returns:
        A list of `Split`, at least one.

    Raises:
        InputError: If there is no such split, or it is published for another data set.

    Example:
        >>> len(dataset_splits("cuhk01", open_dataset("cuhk01", "cuhk01/campus"), "cuhk01-486"))
        10
    """
    entry = entry_of(name)
    split = entry.default_split if split is None else split
    if entry.own_split is not None and split == name:
        return [entry.own_split(people)]
    # The same numbers are other people in another data set; a user's own pictures may be any.
    for family in families().values() if entry.official else ():
        if split in (family.name, *family.names) and name not in family.datasets:
            raise InputError(f"the split {split} divides {' and '.join(family.datasets)}, not {name}.")
    return get_splits(split, people.identities)


def missing_pictures(name: str, people: ImageSet) -> list[str]:
    """Names of the pictures that the official set has and the `ImageSet` of a data set lacks, where the layout tells.

    Returns:
        A list of names; `*` stands for what the layout does not tell. Empty where nothing lacks or nothing is known:
        the numbers of CUHK03's empty cells and of Market-1501's pictures follow no rule.

    Example:
        >>> missing_pictures("cuhk01", open_dataset("cuhk01", "cuhk01/campus"))[:2]
        ['0003001.png', '0003002.png']
    """
    return entry_of(name).missing(people)
