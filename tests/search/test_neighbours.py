"""Which pictures are nearest: all looked at, or those in lists, of an index as it is on disk."""

import importlib.util

import numpy as np
import pytest

from tests.search.store_writer import SIZE, append, features_of, new_store
from tfnxc.search import _lists, _neighbours, _store
from tfnxc.search._lists import LISTS, Lists
from tfnxc.search._neighbours import Exact, InLists
from tfnxc.search._store import Snapshot, Store

needs_faiss = pytest.mark.skipif(not importlib.util.find_spec("faiss"), reason="no faiss: pip install faiss-cpu")
NAMES = [f"picture {index}" for index in range(400)]


@pytest.fixture
def large(monkeypatch):
    """Indexes count as large from 100 pictures on, and have lists of about 10."""
    monkeypatch.setattr(_lists, "LARGE", 100)
    monkeypatch.setattr(_lists, "_PER_LIST", 10)
    monkeypatch.setitem(_store.MOST_PICTURES, "paths", 64)


@pytest.fixture
def store(tmp_path, large):
    store = new_store(tmp_path / "index", "paths")
    with store.writing():
        append(store, NAMES)
        store.delete(NAMES[5:50:9])
        store.write_lists()
    return store


def naive(snapshot, vector, allowed, count):
    """The nearest of the allowed rows, ascending, one after the other."""
    vectors = np.concatenate([block for _, block in snapshot.vectors()]).astype(np.float64)
    order = sorted(np.flatnonzero(allowed), key=lambda row: -vectors[row] @ vector)
    return sorted(int(row) for row in order[:count])


def probes(rng, count):
    found = rng.normal(size=(count, SIZE))
    return np.float32(found / np.linalg.norm(found, axis=1, keepdims=True))


@pytest.mark.parametrize("kind", [Exact, pytest.param(InLists, marks=needs_faiss)])
def test_all_that_filters_leave_is_looked_at(store, rng, kind, monkeypatch):
    snapshot = store.snapshot
    if kind is InLists:
        monkeypatch.setattr(_neighbours, "LOOKED_AT", 1.0)
        near = InLists(snapshot, Lists.load(store.folder, SIZE))
    else:
        near = Exact(snapshot)
    for share in (1, 0.5, 0.1, 0.01):
        allowed = snapshot.alive & (rng.random(len(snapshot.alive)) < share)
        for vector in probes(rng, 3):
            for count in (1, 7, 1000):
                assert near.nearest(vector, allowed, count).tolist() == naive(snapshot, vector, allowed, count)
    assert near.nearest(vector, np.zeros(len(snapshot.alive), bool), 5).tolist() == []


@needs_faiss
def test_lists_find_most_of_the_nearest_and_never_fewer_than_are_there(store, rng):
    snapshot = store.snapshot
    assert isinstance(snapshot.neighbours, InLists)
    found = 0
    for vector in probes(rng, 30):
        rows = snapshot.neighbours.nearest(vector, snapshot.alive, 5)
        assert len(rows) == 5 and snapshot.alive[rows].all()
        found += len(set(rows.tolist()) & set(naive(snapshot, vector, snapshot.alive, 5)))
        # Filters that leave what is far away: all of it is found.
        far = snapshot.alive & (np.concatenate([block for _, block in snapshot.vectors()]) @ vector < -0.5)
        assert snapshot.neighbours.nearest(vector, far, 5).tolist() == naive(snapshot, vector, far, 5)
        assert len(snapshot.neighbours.nearest(vector, snapshot.alive, 300)) == 300
    assert 0.6 * 150 < found < 150  # by an eighth of the lists not all of them: it does look at some only


@needs_faiss
def test_lists_are_derived_and_made_anew(store, rng):
    path, vector = store.folder / LISTS, probes(rng, 1)[0]
    data = path.read_bytes()
    for damage in (data[: len(data) // 2], b"", bytes(len(data))):
        path.write_bytes(damage)
        again = Snapshot.read(store.folder)
        assert Lists.load(store.folder, SIZE) is None and isinstance(again.neighbours, Exact)
        assert again.neighbours.nearest(vector, again.alive, 9).tolist() == naive(again, vector, again.alive, 9)
    path.unlink()
    assert isinstance(Snapshot.read(store.folder).neighbours, Exact)
    with store.writing():
        store.write_lists()
    assert path.read_bytes() == data  # the same again
    assert isinstance(store.snapshot.neighbours, InLists)
    with store.writing():
        store.compact()
        store.write_lists()
    assert isinstance(Snapshot.read(store.folder).neighbours, InLists)
    assert set(Lists.load(store.folder, SIZE).assigned) == {each.file for each in store.snapshot.manifest.segments}


@needs_faiss
def test_what_is_new_is_put_into_lists(store):
    centres = Lists.load(store.folder, SIZE).centres
    new = [f"new {index}" for index in range(50)]
    with store.writing():
        append(store, new)
        reader = Snapshot.read(store.folder)
        assert isinstance(reader.neighbours, InLists)  # though the file does not know them yet
        for name in new[:5]:
            vector = np.float32(features_of([name])[0][0])
            assert reader.neighbours.nearest(vector, reader.alive, 1).tolist() == [reader.rows[name]]
        store.write_lists()
    written = Lists.load(store.folder, SIZE)
    np.testing.assert_array_equal(written.centres, centres)
    assert set(written.assigned) == {each.file for each in store.snapshot.manifest.segments}
    with store.writing():
        append(store, [f"many {index}" for index in range(500)])
        store.write_lists()
    assert len(Lists.load(store.folder, SIZE).centres) > len(centres)  # found anew, for twice as many


@needs_faiss
@pytest.mark.parametrize(
    "changes",
    [
        {"version": 9},
        {"centres": np.zeros((4, SIZE + 1), np.float32)},
        {"centres": np.full((4, SIZE), np.nan, np.float32)},
        {"assigned": np.array([60000] * 400, np.uint16)},
        {"counts": np.array([3])},
        {"centres": np.array([{}], object)},
    ],
)
def test_lists_of_a_stranger_that_cannot_be_are_not_used(store, changes):
    with np.load(store.folder / LISTS) as file:
        content = dict(file)
    np.savez(store.folder / LISTS, **{**content, **changes})
    assert Lists.load(store.folder, SIZE) is None
    assert isinstance(Snapshot.read(store.folder).neighbours, Exact)


def test_a_small_index_has_no_lists(tmp_path):
    store = new_store(tmp_path / "small")
    with store.writing():
        append(store, NAMES[:20])
        store.write_lists()
    assert not (store.folder / LISTS).exists() and isinstance(store.snapshot.neighbours, Exact)


def test_without_faiss_all_are_looked_at(store, monkeypatch):
    monkeypatch.setattr(_lists, "with_faiss", lambda: False)
    opened = Store(store.folder)
    assert isinstance(opened.snapshot.neighbours, Exact)
    with opened.writing():
        opened.write_lists()
