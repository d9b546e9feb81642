"""The inverted lists of a large index: centres of its vectors, and to which of them each picture is nearest.

They are derived from the segments, so that they may be missing, old or damaged: then they are made anew by whoever
writes next, and meanwhile all vectors are looked at.
"""

import dataclasses
import importlib.util
import pathlib
import zipfile

import numpy as np

from tfnxc.files import replacing

LISTS = "lists.npz"
LARGE = 200_000
"""Pictures from which on an index is searched by inverted lists, where faiss is installed. Fewer are all looked at."""

_VERSION = 1
_PER_LIST = 1000  # pictures in a list, about
_MOST_LISTS = 4096
_TRAINED_ON = 40  # vectors a list that its centre is found with
_STEPS = 10  # of k-means
_NUMBER = np.uint16  # of a list
_BLOCK = 1 << 14  # vectors in single precision at a time: 8 MB of 128 numbers


def with_faiss():
    """Whether faiss, the extra `search`, is installed."""
    return importlib.util.find_spec("faiss") is not None


@dataclasses.dataclass(frozen=True)
class Lists:
    """Inverted lists, as the file holds them."""

    centres: np.ndarray  # float32 (lists, numbers)
    pictures: int  # of which the centres were found
    assigned: dict[str, np.ndarray]  # by the file of a segment: the list of each of its pictures

    def save(self, folder):
        """Writes the file, whole or not at all."""
        files = sorted(self.assigned)
        with replacing(pathlib.Path(folder) / LISTS) as new:
            np.savez(
                new,
                version=_VERSION,
                centres=self.centres,
                pictures=self.pictures,
                files=np.array(files, "U16"),
                counts=np.array([len(self.assigned[file]) for file in files], np.int64),
                assigned=np.concatenate([np.zeros(0, _NUMBER), *(self.assigned[file] for file in files)]),
            )

    @classmethod
    def load(cls, folder, dimensions):
        """The lists of an index, or `None` where there are none that can be used."""
        try:
            with open(pathlib.Path(folder) / LISTS, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                if file["version"] != _VERSION:
                    return None
                centres, pictures, files, counts, assigned = (
                    file[name] for name in ("centres", "pictures", "files", "counts", "assigned")
                )
            sound = (
                centres.dtype == np.float32
                and centres.ndim == 2
                and centres.shape[1] == dimensions
                and 1 <= len(centres) <= _MOST_LISTS
                and np.isfinite(centres).all()
                and assigned.dtype == _NUMBER
                and (counts > 0).all()
                and len(files) == len(counts)
                and counts.sum() == len(assigned)
                and (not len(assigned) or assigned.max() < len(centres))
            )
            if not sound:
                return None
            parts = np.split(assigned, np.cumsum(counts)[:-1]) if len(counts) else []
            return cls(centres, int(pictures), dict(zip(map(str, files), parts, strict=True)))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def of_segment(self, entry):
        """The list of each picture of a segment; `None` where it is not known."""
        found = self.assigned.get(entry.file)
        return found if found is not None and len(found) == entry.pictures else None

    def nearest_lists(self, vectors):
        """The list of each of some vectors."""
        import faiss

        centres, found = faiss.IndexFlatIP(self.centres.shape[1]), np.empty(len(vectors), _NUMBER)
        centres.add(self.centres)
        for start in range(0, len(vectors), _BLOCK):
            block = np.ascontiguousarray(vectors[start : start + _BLOCK], np.float32)
            found[start : start + len(block)] = centres.search(block, 1)[1][:, 0]
        return found


def write_lists(snapshot):
    """Writes the lists of a large index, if those there are missing or old; gives whether it did.

    The centres are found anew when the index has doubled, or halved, since; otherwise what is new is put into lists.
    """
    count = snapshot.manifest.pictures
    if count < LARGE or not with_faiss():
        return False
    lists = Lists.load(snapshot.folder, snapshot.manifest.dimensions)
    found = lists is not None and count / 2 <= lists.pictures <= 2 * count
    if not found:
        lists = Lists(_centres(snapshot), count, {})
    entries = snapshot.manifest.segments
    if found and set(lists.assigned) == {each.file for each in entries}:
        return False
    assigned = {}
    for entry, segment in zip(entries, snapshot.segments, strict=True):
        known = lists.of_segment(entry)
        assigned[entry.file] = lists.nearest_lists(segment.vectors) if known is None else known
    dataclasses.replace(lists, assigned=assigned).save(snapshot.folder)
    return True


def _centres(snapshot):
    """Centres of the vectors by k-means, from a sample that is always the same."""
    import faiss

    alive = np.flatnonzero(snapshot.alive)
    lists = int(np.clip(2 ** round(np.log2(len(alive) / _PER_LIST)), 1, _MOST_LISTS))
    sample = np.random.default_rng(0).permutation(alive)[: _TRAINED_ON * lists]
    vectors = np.ascontiguousarray(snapshot.vectors_of(np.sort(sample)), np.float32)
    settings = {"niter": _STEPS, "spherical": True, "min_points_per_centroid": 1, "seed": 1}
    clustering = faiss.Kmeans(vectors.shape[1], min(lists, len(vectors)), **settings)
    clustering.train(vectors)
    return np.array(clustering.centroids, np.float32)
