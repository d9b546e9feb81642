"""An index on disk: appending, deleting and compacting, each of which is done wholly or not at all."""

import contextlib
import dataclasses
import itertools
import pathlib

import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import is_temporary
from tfnxc.locks import alone_in
from tfnxc.search._segment import MOST_PICTURES, write_segment
from tfnxc.search._snapshot import Snapshot

MOST_SMALL = 32
"""Small segments at the end before they are put together: each that is open takes one of the files of a process."""


def locked(folder):
    """A block that holds the lock of an index; an `InputError` where another process, or another object, writes."""
    return alone_in(
        folder,
        lambda holder: (
            f"{folder}: process {holder} is writing to this index, and one can at a time. Wait until it is "
            "done; searching goes on meanwhile."
        ),
    )


class Store:
    """An index in a folder: segments that never change, and a manifest that says which of them count.

    What is written goes into a new file first; replacing the manifest makes it visible. So a kill at any moment leaves
    the index as it was before or as it is after, and readers, who need no lock, see the one or the other.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.snapshot = Snapshot.read(self.folder)

    def refresh(self):
        """Takes note of what a writer has done since."""
        snapshot = Snapshot.read(self.folder, self.snapshot)
        if snapshot.manifest.model_sha256 != self._manifest.model_sha256:
            raise InputError(f"{self.folder}: now an index of another model than when it was opened. Open it again.")
        self.snapshot = snapshot

    @contextlib.contextmanager
    def writing(self):
        """Holds the lock; `append`, `delete` and `compact` are called inside."""
        with locked(self.folder):
            self.refresh()
            self._remove_leftovers()
            yield self

    def append(self, records, maps, embeddings):
        """Adds pictures, whose names are new: once this returns, they are there for good."""
        entries = []
        for start in range(0, len(records), MOST_PICTURES):
            rows = range(start, min(start + MOST_PICTURES, len(records)))
            block = slice(rows.start, rows.stop)
            entries.append(self._write(len(entries), records.take(rows), maps[block], embeddings[block]))
        self._commit([*self._manifest.segments, *entries], len(entries))
        self._join_small()

    def delete(self, names):
        """Deletes pictures by their names, all or none; their features leave the disk with the next `compact`."""
        missing = [name for name in names if name not in self.snapshot.rows]
        if missing:
            others = f", and {len(missing) - 1} others" if len(missing) > 1 else ""
            raise InputError(f"{self.folder}: no picture {missing[0]}{others} in this index; nothing was deleted.")
        gone = np.zeros(len(self.snapshot.alive), bool)
        gone[[self.snapshot.rows[name] for name in names]] = True
        entries, start = [], 0
        for entry in self._manifest.segments:
            rows = np.flatnonzero(gone[start : start + entry.pictures]).tolist()
            entries.append(dataclasses.replace(entry, deleted=tuple(sorted({*entry.deleted, *rows}))))
            start += entry.pictures
        self._commit(entries)

    def compact(self, progress=None):
        """Rewrites deleted pictures away and small segments together; the order of pictures stays."""
        self._rewrite(lambda entry: entry.pictures != MOST_PICTURES or entry.deleted, progress)

    def _join_small(self):
        """Puts the small segments at the end together, if they are many: a stream leaves one with each commit."""
        entries = reversed(self._manifest.segments)
        small = set(itertools.takewhile(lambda entry: entry.pictures <= MOST_PICTURES // 2, entries))
        if len(small) > MOST_SMALL:
            self._rewrite(small.__contains__)

    def _rewrite(self, chosen, progress=None):
        """Puts the pictures of the chosen segments, without the deleted ones, into as few segments as can be."""
        kept, start, waiting, written = [], 0, [], 0

        def write(rows):
            nonlocal written
            now = self.snapshot
            kept.append(self._write(written, now.records.take(rows), now.maps_of(rows), now.embeddings_of(rows)))
            written += 1

        for entry, segment in zip(self._manifest.segments, self.snapshot.segments, strict=True):
            if not chosen(entry):
                if waiting:
                    write(waiting)
                    waiting = []
                kept.append(entry)
            else:
                waiting += (start + np.flatnonzero(segment.alive)).tolist()
            while len(waiting) >= MOST_PICTURES:
                write(waiting[:MOST_PICTURES])
                waiting = waiting[MOST_PICTURES:]
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

    def _write(self, offset, records, maps, embeddings):
        file = f"{self._manifest.following + offset:08d}.segment"
        return write_segment(self.folder, file, records, maps, embeddings)

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
