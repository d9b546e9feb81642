"""What an index holds at one moment: it stays as it is while a writer goes on."""

import functools

import numpy as np

from tfnxc.search._manifest import Manifest
from tfnxc.search._segment import Segment, damaged
from tfnxc.search.records import Records


class Snapshot:
    """The pictures of an index, numbered from 0 in the order in which they were added, deleted ones included.

    The open segments of an older snapshot, `before`, are taken over.

    Raises:
        FileNotFoundError: If a segment is gone.
        InputError: If one is damaged.
    """

    def __init__(self, folder, manifest, before=None):
        self.manifest = manifest
        known = {each.entry: each for each in before.segments} if before else {}
        shape = manifest.map_shape, manifest.embedding_size
        self.segments = [known.get(entry) or Segment(folder, entry, *shape) for entry in manifest.segments]
        self._starts = np.cumsum([0, *(each.pictures for each in manifest.segments)])

    @classmethod
    def read(cls, folder, before=None):
        """The index as it is now."""
        while True:
            manifest = Manifest.read(folder)
            try:
                return cls(folder, manifest, before)
            except FileNotFoundError as error:
                # A compaction between the two reads takes old segments away; then there is a newer manifest.
                if Manifest.read(folder) == manifest:
                    raise damaged(error.filename, "no such file") from None

    @functools.cached_property
    def records(self):
        """The `Records` of all pictures."""
        return Records.joined([Records.none(), *(each.records for each in self.segments)])

    @functools.cached_property
    def alive(self):
        """Booleans, one a picture: whether it is not deleted."""
        return np.concatenate([np.zeros(0, bool), *(each.alive for each in self.segments)])

    @functools.cached_property
    def rows(self):
        """The number of each picture that is not deleted, by its name."""
        return {self.records.names[row]: row for row in np.flatnonzero(self.alive).tolist()}

    def embeddings(self):
        """`(first number, embeddings)` of each segment: float32 arrays of shape `(pictures, numbers)`."""
        for start, segment in zip(self._starts, self.segments, strict=False):
            yield int(start), segment.embeddings

    def embeddings_of(self, rows):
        """The embeddings of some pictures, at least one."""
        return self._of(rows, lambda segment, places: segment.embeddings[places])

    def maps_of(self, rows):
        """The feature maps of some pictures, at least one: float16 of shape `(rows, height, width, channels)`."""
        return self._of(rows, lambda segment, places: segment.maps(places))

    def _of(self, rows, read):
        rows = np.asarray(rows, np.int64)
        segments = np.searchsorted(self._starts, rows, "right") - 1
        order = np.argsort(segments, kind="stable")
        parts = [
            read(self.segments[number], rows[order[segments[order] == number]] - self._starts[number])
            for number in np.unique(segments)
        ]
        found = np.concatenate(parts)
        return found[np.argsort(order)]
