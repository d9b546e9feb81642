"""An index on disk: appending, deleting and compacting, each done wholly or not at all; and what it holds."""

import contextlib
import dataclasses
import functools
import itertools
import math
import os
import pathlib

import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import is_temporary
from tfnxc.locks import alone_in
from tfnxc.search._files import Manifest, Segment, damaged, write_segment
from tfnxc.search._filters import label_of
from tfnxc.search._lists import write_lists
from tfnxc.search._neighbours import neighbours_of
from tfnxc.search.picture import Records, stamp_of

MOST_PICTURES = {"maps": 1024, "paths": 16384}
"""Pictures in a segment, by what is kept: a block of memory, 23 MB for maps of 37 x 12 x 25, and one open file."""

MOST_SMALL = 32  # segments at the end before they are put together: each takes one of the open files of a process


def allowed_rows(snapshot, filters):
    """Booleans, one a row of a `Snapshot`: the pictures that are there and that these `Filters` leave."""
    allowed, since, until = snapshot.alive.copy(), filters.since, filters.until
    if filters.cameras is not None:
        allowed &= snapshot.of_cameras(filters.cameras)
    if filters.without_cameras:
        allowed &= ~snapshot.of_cameras(filters.without_cameras)
    if since is not None or until is not None:
        # A comparison with NaN is false: what has no time is not found.
        allowed &= snapshot.times >= (-math.inf if since is None else since)
        allowed &= snapshot.times <= (math.inf if until is None else until)
    return allowed


def without_own(snapshot, allowed, probe, other_cameras):
    """`allowed` without the probe itself and, if asked for, without all pictures of its camera."""
    allowed, own = allowed.copy(), snapshot.rows_of(probe)
    allowed[own] = False
    if other_cameras:
        camera = probe.camera
        if camera is None and own:
            camera = snapshot.records.cameras[own[0]]
        if camera is None:
            unknown = "its camera is not known, so that other cameras cannot be told. Say which one it is"
            raise InputError(f"{probe.name}: {unknown}.")
        allowed &= ~snapshot.of_cameras([camera])
    return allowed


class Snapshot:
    """The pictures of an index, numbered from 0 in the order in which they were added, deleted ones included.

    The open segments of an older snapshot, `before`, are taken over. A segment that is gone is a `FileNotFoundError`.
    """

    def __init__(self, folder, manifest, before=None):
        self.folder, self.manifest = pathlib.Path(folder), manifest
        known = {each.entry: each for each in before.segments} if before else {}
        self.segments = [known.get(entry) or Segment(folder, entry, manifest) for entry in manifest.segments]
        self._starts = np.cumsum([0, *(each.pictures for each in manifest.segments)])

    @classmethod
    def read(cls, folder, before=None):
        """The index as it is now: `before` itself, where nothing has changed since."""
        while True:
            manifest = Manifest.read(folder)
            if before is not None and manifest == before.manifest:
                return before
            try:
                return cls(folder, manifest, before)
            except FileNotFoundError as error:
                # A compaction between the two reads takes old segments away; then there is a newer manifest.
                if Manifest.read(folder) == manifest:
                    raise damaged(error.filename, "no such file") from None

    @functools.cached_property
    def records(self):
        """The `Records` of all pictures."""
        return Records.joined([each.records for each in self.segments])

    @functools.cached_property
    def alive(self):
        """Booleans, one a picture: whether it is not deleted."""
        return np.concatenate([np.zeros(0, bool), *(each.alive for each in self.segments)])

    @functools.cached_property
    def neighbours(self):
        """What finds the pictures whose vectors are nearest to that of a probe."""
        return neighbours_of(self)

    @functools.cached_property
    def rows(self):
        """The number of each picture that is not deleted, by its name."""
        return {self.records.names[row]: row for row in np.flatnonzero(self.alive).tolist()}

    def rows_of(self, picture):
        """The numbers of the pictures that are this one: that of its name, and those of its file by other names."""
        found = [self.rows[picture.name]] if picture.name in self.rows else []
        stamp = stamp_of(picture.image)
        if stamp is not None:
            real = self.rows.get(os.path.realpath(picture.image))
            found += [real] if real is not None else []
            found += [row for row in self._stamped.get(stamp, ()) if _is_file(picture.image, self.records.file(row))]
        return list(dict.fromkeys(found))

    @functools.cached_property
    def _stamped(self):
        """The numbers of the pictures that are not deleted, by size and time of their files."""
        found = {}
        for row in self.rows.values():
            found.setdefault(self.records.stamps[row], []).append(row)
        return found

    @functools.cached_property
    def times(self):
        """When each picture was taken, in seconds; NaN where that is not known."""
        return np.array([math.nan if time is None else time for time in self.records.times], np.float64)

    @functools.cached_property
    def cameras(self):
        """How many pictures there are of each camera, in the order in which they came."""
        numbers, names = self._cameras
        counts = np.bincount(numbers[self.alive], minlength=len(names))
        return {name: int(count) for name, count in zip(names, counts, strict=True) if count}

    def of_cameras(self, cameras):
        """Booleans, one a picture: whether it is of one of these cameras, deleted or not."""
        numbers, names = self._cameras
        wanted = set(map(label_of, cameras))
        return np.isin(numbers, [number for number, name in enumerate(names) if label_of(name) in wanted])

    @functools.cached_property
    def _cameras(self):
        """The number of each picture's camera, and the names of the cameras."""
        known = {}
        numbers = [known.setdefault(camera, len(known)) for camera in self.records.cameras]
        return np.array(numbers, np.int64), list(known)

    def vectors(self):
        """`(first number, vectors)` of each segment: float16 arrays of shape `(pictures, numbers)`."""
        for start, segment in zip(self._starts, self.segments, strict=False):
            yield int(start), segment.vectors

    def vectors_of(self, rows):
        """The vectors of some pictures, at least one: float16 of shape `(rows, numbers)`."""
        return self._of(rows, lambda segment, places: segment.vectors_at(places))

    def maps_of(self, rows):
        """The feature maps of some pictures, at least one: float16 of shape `(rows, height, width, channels)`."""
        return self._of(rows, lambda segment, places: segment.maps(places))

    def _of(self, rows, read):
        rows = np.asarray(rows, np.int64)
        segments = np.searchsorted(self._starts, rows, "right") - 1
        order = np.argsort(segments, kind="stable")
        parts = [read(self.segments[at], rows[segments == at] - self._starts[at]) for at in np.unique(segments)]
        return np.concatenate(parts)[np.argsort(order)]


def _is_file(path, other):
    """Whether two paths lead to one file."""
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):
        return False


def locked(folder):
    """A block that holds the lock of an index; an `InputError` where another process, or another object, writes."""
    busy = "is writing to this index, and one can at a time. Wait until it is done; searching goes on meanwhile."
    return alone_in(folder, lambda holder: f"{folder}: process {holder} {busy}")


class Store:
    """An index in a folder: segments that never change, and a manifest that says which of them count.

    What is written goes into a new file first; replacing the manifest makes it visible. So a kill at any moment leaves
    the index as it was before or as it is after, and readers, who need no lock, see the one or the other. The lists by
    which a large index is searched are derived from it: they may be missing or old, and are then made anew.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.snapshot = Snapshot.read(self.folder)

    def refresh(self):
        """Takes note of what a writer has done since."""
        snapshot = Snapshot.read(self.folder, self.snapshot)
        if (snapshot.manifest.model, snapshot.manifest.files) != (self._manifest.model, self._manifest.files):
            raise InputError(f"{self.folder}: now an index of another model than when it was opened. Open it again.")
        self.snapshot = snapshot

    @contextlib.contextmanager
    def writing(self):
        """Holds the lock; `append`, `delete` and `compact` are called inside."""
        with locked(self.folder):
            self.refresh()
            self._remove_leftovers()
            yield self

    def append(self, records, vectors, maps=None, replaced=()):
        """Adds pictures, whose names are new or `replaced`: once this returns, they are there for good."""
        most = self._most
        blocks = [slice(start, start + most) for start in range(0, len(records), most)]
        entries = [
            self._write(
                number,
                records.take(range(len(records))[block]),
                vectors[block],
                None if maps is None else maps[block],
            )
            for number, block in enumerate(blocks)
        ]
        self._commit([*self._without(replaced), *entries], len(entries))
        self._join_small()

    def delete(self, names):
        """Deletes pictures by their names, all or none; their features leave the disk with the next `compact`."""
        missing = [name for name in names if name not in self.snapshot.rows]
        if missing:
            others = f", and {len(missing) - 1} others" if len(missing) > 1 else ""
            raise InputError(f"{self.folder}: no picture {missing[0]}{others} in this index; nothing was deleted.")
        self._commit(self._without(names))

    def begin_audit(self):
        """Has the manifest say that an audit log is kept."""
        dataclasses.replace(self._manifest, audited=True).write(self.folder)
        self.refresh()

    def _without(self, names):
        """The entries of all segments, in which some pictures are deleted."""
        if not names:
            return self._manifest.segments
        gone = np.zeros(len(self.snapshot.alive), bool)
        gone[[self.snapshot.rows[name] for name in names]] = True
        entries, start = [], 0
        for entry in self._manifest.segments:
            rows = np.flatnonzero(gone[start : start + entry.pictures]).tolist()
            entries.append(dataclasses.replace(entry, deleted=tuple(sorted({*entry.deleted, *rows}))))
            start += entry.pictures
        return entries

    def compact(self, progress=None):
        """Rewrites deleted pictures away and small segments together; the order of pictures stays."""
        self._rewrite(lambda entry: entry.pictures != self._most or entry.deleted, progress)

    def write_lists(self):
        """Brings the lists by which a large index is searched up to date; nothing to do for a small one."""
        if write_lists(self.snapshot):
            self.snapshot.__dict__.pop("neighbours", None)

    def _join_small(self):
        """Puts the small segments at the end together, if they are many: a stream leaves one with each commit."""
        entries = reversed(self._manifest.segments)
        small = set(itertools.takewhile(lambda entry: entry.pictures <= self._most // 2, entries))
        if len(small) > MOST_SMALL:
            self._rewrite(small.__contains__)

    def _rewrite(self, chosen, progress=None):
        """Puts the pictures of the chosen segments, without the deleted ones, into as few segments as can be."""
        kept, start, waiting, written, most = [], 0, [], 0, self._most

        def write(rows):
            nonlocal written
            now = self.snapshot
            maps = now.maps_of(rows) if self._manifest.keep == "maps" else None
            kept.append(self._write(written, now.records.take(rows), now.vectors_of(rows), maps))
            written += 1

        for entry, segment in zip(self._manifest.segments, self.snapshot.segments, strict=True):
            if not chosen(entry):
                if waiting:
                    write(waiting)
                    waiting = []
                kept.append(entry)
            else:
                waiting += (start + np.flatnonzero(segment.alive)).tolist()
            while len(waiting) >= most:
                write(waiting[:most])
                waiting = waiting[most:]
            start += entry.pictures
            if progress is not None:
                progress(entry.pictures)
        if waiting:
            write(waiting)
        self._commit(kept, written)
        self._remove_leftovers()

    @property
    def _manifest(self):
        return self.snapshot.manifest

    @property
    def _most(self):
        return MOST_PICTURES[self._manifest.keep]

    def _write(self, offset, records, vectors, maps):
        file = f"{self._manifest.following + offset:08d}.segment"
        return write_segment(self.folder, file, records, vectors, maps)

    def _commit(self, entries, written=0):
        following = self._manifest.following + written
        dataclasses.replace(self._manifest, segments=tuple(entries), following=following).write(self.folder)
        self.refresh()

    def _remove_leftovers(self):
        """Removes what a kill left behind, and segments that no manifest lists any more."""
        listed = {entry.file for entry in self._manifest.segments}
        for path in self.folder.iterdir():
            if is_temporary(path) or (path.suffix == ".segment" and path.name not in listed):
                path.unlink(missing_ok=True)
