"""Market-1501 as a user has it on disk."""

import os
import re

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.readers.folder import EXTENSIONS, inside, matching_parts, pictures
from tfnxc.datasets.splits import Split
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK

# One file of the published set ends in .jpg.jpg.
_NAME = re.compile(
    rf"(-1|[0-9]{{4,18}})_c(0*[1-9][0-9]{{0,8}})s[0-9]+_[0-9]+_[0-9]+\.(?:{EXTENSIONS})(?:\.jpg)?", re.IGNORECASE
)
_FOLDERS = ("bounding_box_train", "query", "bounding_box_test")
_NOBODY = {-1: JUNK, 0: DISTRACTOR}


def market1501(folder: str | os.PathLike) -> ImageSet:
    """The Market-1501 data set: 1,501 people seen by up to six cameras, junk and distractors.

    Args:
        folder: The folder with `bounding_box_train`, `query` and `bounding_box_test`, whose files are called
            `PPPP_cCsS_FFFFFF_NN.jpg` (identity, camera, sequence, frame, box), where identities may have more digits,
            cameras too, and pictures another extension; or the folder that holds it under the name
            `Market-1501-v15.09.15`, as the archive unpacks it.

    Returns:
        An `ImageSet` called `"market1501"`: the three folders one after the other, each in the order of the file names.
        Cameras count from 0; `probes` marks the pictures of `query`; in `bounding_box_test` the identity -1 is
        `tfnxc.identities.JUNK` and 0000 is `tfnxc.identities.DISTRACTOR`. No picture is read.

    Raises:
        InputError: If a folder does not exist or holds no such file, if junk or a distractor is outside of
            `bounding_box_test`, or if an identity is where its folder cannot have it: in training and test, or in
            `bounding_box_test` without a probe.

    References:
        Zheng, Shen, Tian, Wang, Wang, Tian, "Scalable Person Re-identification: A Benchmark", ICCV 2015.
    """
    expected = f"the folder of Market-1501, with the folders {', '.join(_FOLDERS)}"
    folder = inside(folder, _FOLDERS, "Market-1501-v15.09.15", expected)
    files = "no picture of Market-1501 here; expected files named PPPP_cCsS_FFFFFF_NN.jpg"
    paths, matches, where, unread = matching_parts(folder, _FOLDERS, _NAME, files)
    identities = np.array([_NOBODY.get(int(match[1])) or int(match[1]) for match in matches])
    _check(folder, paths, identities, where)
    cameras = np.array([int(match[2]) - 1 for match in matches])
    return pictures("market1501", paths, identities, cameras, where == _FOLDERS.index("query"), unread=unread)


def _check(folder, paths, identities, where):
    """Refuses what would let a test identity train: `market1501_split` tells the parts apart by the probes."""
    for index in np.flatnonzero((identities < 0) & (where != _FOLDERS.index("bounding_box_test"))):
        raise InputError(f"{paths[index]}: junk and distractors belong in bounding_box_test; move the file there.")
    train, query, test = (set(identities[(where == part) & (identities >= 0)].tolist()) for part in range(3))
    both = sorted(train & (query | test))
    if both:
        what = f"{len(both)} identities are in bounding_box_train and in a test folder, the first is {both[0]}"
        raise InputError(f"{folder}: {what}: not the folders of Market-1501 as published. Unpack the archive again.")
    alone = sorted(test - query)
    if alone:
        what = f"{len(alone)} identities of bounding_box_test have no picture in query, such as {alone[0]}"
        raise InputError(f"{folder}: {what}: the folder query is not whole. Unpack the archive again.")


def in_market1501_train(people: ImageSet) -> np.ndarray:
    """Which pictures are those of the folder `bounding_box_train`."""
    return (people.identities >= 0) & ~np.isin(people.identities, people.identities[people.probes])


def in_market1501_test(people: ImageSet) -> np.ndarray:
    """Which pictures are those of the folder `bounding_box_test`, junk and distractors among them."""
    return ~(people.probes | in_market1501_train(people))


def market1501_split(people: ImageSet) -> Split:
    """The one split of Market-1501, which its folders fix: identities with a probe test, the others train.

    Args:
        people: The `ImageSet` that `market1501` gives, or the same prepared.

    Returns:
        A `Split` called `"market1501"`: 751 identities train and 750 test where the set is whole.

    Raises:
        InputError: If nobody trains or nobody tests.
    """
    train = np.unique(people.identities[in_market1501_train(people)]).tolist()
    test = np.unique(people.identities[people.probes]).tolist()
    return Split("market1501", "the folders of Market-1501", tuple(train), tuple(test))
