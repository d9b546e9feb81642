"""Identities and cameras of the rows and columns of a score matrix, checked, as integers."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """Who and which camera each row (probe) and each column (gallery image) shows.

    Args:
        probe_ids: Integers, one a row.
        gallery_ids: Integers, one a column.
        probe_cameras: Integers, 0 or above, one a row.
        gallery_cameras: Integers, 0 or above, one a column.
        cameras_given: Whether the cameras were given; if not, all rows are of one camera and all columns of another.
    """

    probe_ids: np.ndarray
    gallery_ids: np.ndarray
    probe_cameras: np.ndarray
    gallery_cameras: np.ndarray
    cameras_given: bool

    @classmethod
    def of(
        cls,
        probe_ids: ArrayLike,
        gallery_ids: ArrayLike,
        probe_cameras: ArrayLike | None = None,
        gallery_cameras: ArrayLike | None = None,
    ) -> Labels:
        """The labels of two sides: whole numbers, or names, which are always people.

        Raises:
            ValueError: If a side is empty or no sequence, identities and cameras of a side differ in number, a label is
                neither a whole number nor a name, or cameras are given for one side only.
        """
        if (probe_cameras is None) != (gallery_cameras is None):
            missing = "probe_cameras" if probe_cameras is None else "gallery_cameras"
            raise ValueError(f"Give both probe_cameras and gallery_cameras or neither; received none for {missing}")
        ids = _sequence("probe", probe_ids), _sequence("gallery", gallery_ids)
        if probe_cameras is None:
            own, other = np.zeros(len(ids[0]), int), np.ones(len(ids[1]), int)
            return cls(*_integers(*ids), own, other, cameras_given=False)
        sides = ("probe", ids[0], probe_cameras), ("gallery", ids[1], gallery_cameras)
        # Cameras only have to be told apart: numbering them keeps `views` small whatever they are called.
        cameras = np.concatenate([_one_each(*side) for side in sides])
        _, numbers = np.unique(cameras if cameras.dtype.kind in "iu" else cameras.astype(str), return_inverse=True)
        own, other = np.split(numbers.ravel(), [len(ids[0])])
        return cls(*_integers(*ids), own, other, cameras_given=True)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the score matrix."""
        return len(self.probe_ids), len(self.gallery_ids)

    def views(self) -> tuple[np.ndarray, np.ndarray]:
        """One number for identity and camera together, of each row and of each column."""
        cameras = 1 + max(self.probe_cameras.max(), self.gallery_cameras.max())
        return self.probe_ids * cameras + self.probe_cameras, self.gallery_ids * cameras + self.gallery_cameras


def _sequence(side, identities):
    identities = np.asarray(identities)
    if identities.ndim != 1 or not len(identities):
        raise ValueError(f"{side}_ids must be a sequence of one identity an image, received shape {identities.shape}")
    return _told_apart(f"{side}_ids", identities)


def _one_each(side, identities, cameras):
    cameras = np.asarray(cameras)
    if cameras.shape != identities.shape:
        raise ValueError(
            f"{side}_cameras must hold one camera for each of the {len(identities)} {side}_ids, "
            f"received shape {cameras.shape}"
        )
    return _told_apart(f"{side}_cameras", cameras)


def _told_apart(name, labels):
    """Labels that are whole numbers or names: what is neither, such as NaN, would match or not by accident."""
    if labels.dtype.kind in "iub":
        return labels
    if labels.dtype.kind == "O" and all(isinstance(each, (int, np.integer)) for each in labels):
        return labels.astype(np.int64)
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (labels == np.rint(labels))
    else:
        whole = np.array([isinstance(each, (str, bytes, int, np.integer)) for each in labels.tolist()], bool)
    if not whole.all():
        at = int(np.argmin(whole))
        raise ValueError(f"{name} must be whole numbers or names, received {labels[at]!r} at {at}")
    return labels.astype(np.int64) if labels.dtype.kind == "f" else labels


def _integers(probe_ids, gallery_ids) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers as they are, so that junk and distractors keep theirs; names numbered in their order."""
    if all(ids.dtype.kind in "iu" for ids in (probe_ids, gallery_ids)):
        return probe_ids.astype(np.int64), gallery_ids.astype(np.int64)
    _, numbers = np.unique(np.concatenate([probe_ids, gallery_ids]).astype(str), return_inverse=True)
    return numbers.ravel()[: len(probe_ids)], numbers.ravel()[len(probe_ids) :]
