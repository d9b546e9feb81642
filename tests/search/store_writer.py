"""A process that writes to an index until it is killed, and says through a pipe what it begins and what is done."""

import itertools
import zlib

import numpy as np

from tfnxc.search import _lists, _store
from tfnxc.search._files import Manifest
from tfnxc.search._store import Store
from tfnxc.search.picture import Records

MAP_SHAPE, SIZE, LARGE = (3, 2, 4), 6, 10
FILES = dict.fromkeys(("model.keras", "embedding.keras", "embedding.json"), "0" * 64)


def new_store(folder, keep="maps"):
    """A `Store` without pictures, of very small features."""
    folder.mkdir()
    Manifest("a model", FILES, MAP_SHAPE, SIZE, keep).write(folder)
    return Store(folder)


def features_of(names):
    """Unit vectors and maps that follow from the names."""
    draws = [np.random.default_rng(zlib.crc32(name.encode())) for name in names]
    maps = np.array([draw.normal(size=MAP_SHAPE) for draw in draws], np.float16)
    vectors = np.array([draw.normal(size=SIZE) for draw in draws])
    return np.float16(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)), maps


def append(store, names, cameras=None, times=None):
    """Adds pictures of these names."""
    none, kept = [None] * len(names), store.snapshot.manifest.keep == "maps"
    vectors, maps = features_of(names)
    digests = none if kept else [f"digest of {name}" for name in names]
    records = Records(list(names), none, cameras or none, times or none, none, digests)
    store.append(records, vectors, maps if kept else None)


def write_for_ever(folder, seed, pipe):
    """Appends, deletes, compacts and writes lists; sends `("begin" or "done", what, names)` for each."""
    _store.MOST_PICTURES.update(maps=8, paths=8)  # so that an append has several segments
    _store.MOST_SMALL = 2  # so that small ones are put together
    _lists.LARGE = LARGE
    rng, store = np.random.default_rng(seed), Store(folder)
    with store.writing():
        for number in itertools.count():
            what = rng.choice(["append", "delete", "compact", "lists"], p=[0.5, 0.2, 0.15, 0.15])
            names = [f"{seed}-{number}-{index}" for index in range(rng.integers(1, 20))]
            if what == "delete":
                there = sorted(store.snapshot.rows)
                names = rng.choice(there, min(len(there), 5), replace=False).tolist() if there else []
            if what in ("compact", "lists"):
                names = []
            pipe.send(("begin", what, names))
            if what == "append":
                append(store, names)
            elif what == "delete":
                store.delete(names)
            elif what == "compact":
                store.compact()
            else:
                store.write_lists()
            pipe.send(("done", what, names))
