"""A process that writes to an index until it is killed, and says through a pipe what it begins and what is done."""

import itertools
import zlib

import numpy as np

from tfnxc.search import _store
from tfnxc.search._files import Manifest
from tfnxc.search._store import Store
from tfnxc.search.picture import Records

MAP_SHAPE, SIZE = (3, 2, 4), 6


def new_store(folder):
    """A `Store` without pictures, of very small features."""
    folder.mkdir()
    Manifest("0" * 64, MAP_SHAPE, SIZE).write(folder)
    return Store(folder)


def features_of(names):
    """Maps and embeddings that follow from the names."""
    draws = [np.random.default_rng(zlib.crc32(name.encode())) for name in names]
    maps = np.array([draw.normal(size=MAP_SHAPE) for draw in draws], np.float16)
    return maps, np.array([draw.normal(size=SIZE) for draw in draws], np.float32)


def append(store, names, cameras=None, times=None):
    """Adds pictures of these names."""
    none = [None] * len(names)
    store.append(Records(list(names), none, cameras or none, times or none), *features_of(names))


def write_for_ever(folder, seed, pipe):
    """Appends, deletes and compacts; sends `("begin" or "done", what, names)` for each."""
    _store.MOST_PICTURES = 8  # so that an append has several segments
    _store.MOST_SMALL = 2  # so that small ones are put together
    rng, store = np.random.default_rng(seed), Store(folder)
    with store.writing():
        for number in itertools.count():
            what = rng.choice(["append", "delete", "compact"], p=[0.6, 0.25, 0.15])
            names = [f"{seed}-{number}-{index}" for index in range(rng.integers(1, 20))]
            if what == "delete":
                there = sorted(store.snapshot.rows)
                names = rng.choice(there, min(len(there), 5), replace=False).tolist() if there else []
            if what == "compact":
                names = []
            pipe.send(("begin", what, names))
            if what == "append":
                append(store, names)
            elif what == "delete":
                store.delete(names)
            else:
                store.compact()
            pipe.send(("done", what, names))
