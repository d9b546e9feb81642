"""Which pictures of a gallery a search may find: filters by camera and by time, checked."""

import os
from collections.abc import Collection
from typing import Any, NamedTuple

from tfnxc.datasets.readers.folder import label
from tfnxc.errors import InputError
from tfnxc.search.picture import brief, label_text
from tfnxc.search.times import Time, format_time, seconds_of


class Filters(NamedTuple):
    """The filters of `Gallery.search` that are the same for all its probes; for what they mean see there."""

    cameras: tuple[str | None, ...] | None
    without_cameras: tuple[str | None, ...]
    since: float | None
    until: float | None

    @classmethod
    def of(
        cls,
        cameras: Collection[str] | str | None,
        without_cameras: Collection[str] | str | None,
        since: Time | None,
        until: Time | None,
    ) -> "Filters":
        """The filters that a caller gives; an `InputError` says which cannot be."""
        wanted = None if cameras is None else _names("cameras", cameras)
        if wanted == ():
            raise InputError("cameras names no camera, so that nothing could be found; None means pictures of any.")
        first, last = _seconds("since", since, False), _seconds("until", until, True)
        if first is not None and last is not None and first > last:
            raise InputError(f"since {since} is later than until {until}, so that nothing could be found.")
        return cls(wanted, () if without_cameras is None else _names("without_cameras", without_cameras), first, last)

    def to_dict(self) -> dict[str, Any]:
        """As plain types for JSON."""
        return {
            "since": format_time(self.since),
            "until": format_time(self.until),
            "cameras": None if self.cameras is None else list(self.cameras),
            "without_cameras": list(self.without_cameras),
        }

    def check(self, folder: os.PathLike, known: Collection[str | None]) -> None:
        """Raises `InputError` if the gallery in a folder has no picture of one of the cameras."""
        # A mistyped camera would find nothing, or leave nothing out, without a word.
        there = set(map(label_of, known))
        for camera in (*(self.cameras or ()), *self.without_cameras):
            if label_of(camera) not in there:
                names = ", ".join(each for each in known if each is not None) or "none"
                what = f"its cameras are: {names}" if known else "the index is empty"
                raise InputError(f"{folder}: no picture of camera {camera}; {what}.")


def label_of(camera: str | None) -> str | None:
    """A camera as it is compared with others, `None` where it is not known."""
    return None if camera is None else label(camera)


def _names(name, given):
    """Names of cameras as a tuple; one text is the name of one camera."""
    try:
        names = (given,) if isinstance(given, str) else tuple(given)
    except TypeError:
        names = (given,)
    texts = tuple(map(label_text, names))
    if any(text is None and each is not None for text, each in zip(texts, names, strict=True)):
        raise InputError(f"{name} must be names of cameras, which are texts or whole numbers; got {brief(given)}.")
    return texts


def _seconds(name, time, last):
    try:
        return None if time is None else seconds_of(time, last)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
