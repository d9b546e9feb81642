"""What a picture that is to be added is to a gallery: new, known, changed since it was indexed, or broken."""

from typing import NamedTuple

import numpy as np

from tfnxc.errors import InputError
from tfnxc.hashes import short_digest
from tfnxc.search.picture import Picture, Records, file_of, stamp_of

NEW, KNOWN, CHANGED, UNCOMPARED, BROKEN = "new", "known", "changed", "uncompared", "broken"


class Seen(NamedTuple):
    """A picture with what was found out about it; `pixels` where it is to be added."""

    picture: Picture
    state: str
    pixels: np.ndarray | None = None
    digest: str | None = None  # of the pixels
    stamp: str | None = None  # of the file
    why: str = ""  # it is broken


def look_at(picture: Picture, snapshot, keep: str, update: bool = False) -> Seen:
    """Compares a checked picture with what a `Snapshot` has of its name.

    A file of the same size and time is the same; of another one, and of an array, the pixels are compared. A label that
    the picture does not say stays what it is. Of a picture without a digest, as indexes made before they were kept with
    maps have them, nothing can be compared: it is read for an `update` alone.
    """
    records, row, stamp, same = snapshot.records, snapshot.rows.get(picture.name), stamp_of(picture.image), False
    if row is not None:
        kept = {name: labels[row] for name, labels in records.labels().items()}
        said = {name: getattr(picture, name) for name in kept}
        picture = picture._replace(**{name: kept[name] if said[name] is None else said[name] for name in kept})
        same = all(value in (None, kept[name]) for name, value in said.items())
        same &= keep == "maps" or file_of(picture) == records.files[row]
        uncompared = same and records.digests[row] is None
        if uncompared and not update:
            return Seen(picture, UNCOMPARED)
        if same and stamp is not None and stamp == records.stamps[row]:
            return Seen(picture, KNOWN)
    try:
        pixels = picture.read()
    except InputError as error:
        stays = "" if row is None else " The index keeps what it has of this picture."
        return Seen(picture, BROKEN, why=f"{error}{stays}")
    digest = short_digest(pixels)
    if same and digest == records.digests[row]:
        return Seen(picture, KNOWN)
    state = NEW if row is None else UNCOMPARED if uncompared else CHANGED
    return Seen(picture, state, pixels, digest, stamp)


def records_of(seen: list[Seen], keep: str) -> Records:
    """What a gallery keeps of new or changed pictures."""
    digests, stamps = [each.digest for each in seen], [each.stamp for each in seen]
    return Records.of([each.picture for each in seen], digests, stamps, with_files=keep == "paths")
