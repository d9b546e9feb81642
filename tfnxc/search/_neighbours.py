"""The pictures of an index whose vectors are nearest to that of a probe, by inner product: of unit vectors, cosine."""

import math

import numpy as np

from tfnxc.search import _lists
from tfnxc.search._lists import Lists

LOOKED_AT = 1 / 8
"""Share of the lists in which a large index is searched; in proportion more where filters leave few pictures."""

_PER_ASKED = 16  # pictures in the lists that are looked at, for each that is asked for, at least
_BLOCK = 1 << 16  # vectors that are put into lists at a time: 16 MB of 128 numbers


class Exact:
    """Looks at all vectors, kept in memory in single precision: 512 bytes a picture of 128 numbers."""

    def __init__(self, snapshot):
        self._rows = np.empty((len(snapshot.alive), snapshot.manifest.dimensions), np.float32)
        for start, block in snapshot.vectors():
            self._rows[start : start + len(block)] = block

    def nearest(self, vector, allowed, count):
        """At most `count` of the `allowed` rows: those nearest to a probe's vector, ascending."""
        rows = np.flatnonzero(allowed)
        count = min(count, len(rows))
        if not count:
            return rows
        # A choice of rows is copied, which takes longer than to look at all where it is most of them.
        few = len(rows) < len(self._rows) / 4
        products = self._rows[rows] @ vector if few else (self._rows @ vector)[rows]
        return rows[np.sort(np.argpartition(-products, count - 1)[:count])]


class InLists:
    """Looks at the vectors in the lists whose centres are nearest to a probe: not all, but nearly always the nearest.

    Where filters leave few pictures, the more lists are looked at, up to all; and all where those looked at hold less
    than what is asked for. faiss holds the vectors as the index does, in half precision: 264 bytes a picture of 128
    numbers.
    """

    def __init__(self, snapshot, lists):
        import faiss

        size = snapshot.manifest.dimensions
        self._faiss, self._count = faiss, len(lists.centres)
        self._centres = faiss.IndexFlatIP(size)
        self._centres.add(lists.centres)
        kind = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        self._index = faiss.IndexIVFScalarQuantizer(self._centres, size, self._count, *kind, False)
        self._index.is_trained = True  # the centres are there, and half precision has nothing to learn
        known = [np.zeros(0, np.uint16)]
        for entry, segment in zip(snapshot.manifest.segments, snapshot.segments, strict=True):
            there = lists.of_segment(entry)
            known.append(lists.nearest_lists(segment.vectors) if there is None else there)
        self._fill(snapshot, np.concatenate(known))

    def _fill(self, snapshot, known):
        """Puts the vectors into the lists, as the bytes that they are: faiss would find and convert them anew."""
        inside, filled = self._index.invlists, np.zeros(self._count, np.int64)
        for number, count in enumerate(np.bincount(known, minlength=self._count).tolist()):
            inside.resize(number, count)  # once, so that no more memory is taken than is used
        for start in range(0, len(known), _BLOCK):
            order = np.argsort(known[start : start + _BLOCK], kind="stable")
            rows = start + order
            codes = np.ascontiguousarray(snapshot.vectors_of(rows)).view(np.uint8)
            counts = np.bincount(known[rows], minlength=self._count)
            for number, end in zip(np.flatnonzero(counts), np.cumsum(counts)[counts > 0], strict=True):
                part = slice(end - counts[number], end)
                pointers = self._faiss.swig_ptr(rows[part]), self._faiss.swig_ptr(codes[part])
                inside.update_entries(int(number), int(filled[number]), int(counts[number]), *pointers)
            filled += counts
        self._index.ntotal = len(known)

    def nearest(self, vector, allowed, count):
        """At most `count` of the `allowed` rows: nearest to a probe's vector, ascending."""
        there = int(np.count_nonzero(allowed))
        count = min(count, there)
        if not count:
            return np.empty(0, np.int64)
        wanted = max(LOOKED_AT, _PER_ASKED * count / len(allowed)) * len(allowed) / there
        rows = self._search(vector, allowed, count, min(1.0, wanted))
        if len(rows) < count:
            rows = self._search(vector, allowed, count, 1.0)
        return np.sort(rows)

    def _search(self, vector, allowed, count, share):
        """Rows found in a share of the lists."""
        bits = np.packbits(allowed, bitorder="little")
        chosen = self._faiss.IDSelectorBitmap(bits)
        parameters = self._faiss.SearchParametersIVF(sel=chosen, nprobe=math.ceil(share * self._count))
        rows = self._index.search(np.ascontiguousarray(vector[None], np.float32), count, params=parameters)[1][0]
        return rows[rows >= 0]


def neighbours_of(snapshot):
    """`InLists` of a large index whose lists are there, `Exact` of others."""
    if snapshot.manifest.pictures >= _lists.LARGE and _lists.with_faiss():
        lists = Lists.load(snapshot.folder, snapshot.manifest.dimensions)
        if lists is not None:
            new = sum(each.pictures for each in snapshot.manifest.segments if lists.of_segment(each) is None)
            # What is new is put into lists here; a writer writes that down at its end.
            if 4 * new <= len(snapshot.alive):
                return InLists(snapshot, lists)
    return Exact(snapshot)
