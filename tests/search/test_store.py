"""An index on disk: what a kill leaves, what readers see beside a writer, and what damage is told."""

import dataclasses
import importlib.util
import json
import multiprocessing
import os
import re
import time

import numpy as np
import pytest

from tests.search import store_writer
from tests.search.store_writer import LARGE, append, features_of, new_store
from tfnxc.errors import InputError
from tfnxc.search import _lists, _store
from tfnxc.search._files import MANIFEST, write_segment
from tfnxc.search._lists import LISTS, Lists
from tfnxc.search._store import Snapshot, Store
from tfnxc.search.picture import Records

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([store_writer.__name__])


WITH_FAISS = importlib.util.find_spec("faiss") is not None


@pytest.fixture
def store(tmp_path):
    return new_store(tmp_path / "index")


@pytest.fixture(params=["maps", "paths"])
def any_store(request, tmp_path):
    return new_store(tmp_path / "index", request.param)


def check(snapshot, names):
    """That the index holds these pictures, in this order, with the features that were written."""
    assert list(snapshot.rows) == list(names)
    if names:
        vectors, maps = features_of(names)
        rows = list(snapshot.rows.values())
        np.testing.assert_array_equal(snapshot.vectors_of(rows), vectors)
        if snapshot.manifest.keep == "maps":
            np.testing.assert_array_equal(snapshot.maps_of(rows), maps)
        else:
            assert [snapshot.records.digests[row] for row in rows] == [f"digest of {name}" for name in names]
        # However the lists are: all are found, and the nearest to one of them is that one.
        near = snapshot.neighbours
        assert near.nearest(np.float32(vectors[0]), snapshot.alive, len(rows)).tolist() == rows
        assert near.nearest(np.float32(vectors[0]), snapshot.alive, 1).tolist() == rows[:1]


def started(folder, seed):
    """A writing process, and the end of its pipe."""
    receiving, sending = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=store_writer.write_for_ever, args=(folder, seed, sending))
    process.start()
    sending.close()
    return process, receiving


def said(pipe):
    """What is left in the pipe of a process that is dead."""
    messages = []
    try:
        while True:
            messages.append(pipe.recv())
    except EOFError:
        return messages


def apply(names, what, those):
    gone = set(those)
    return [*names, *those] if what == "append" else [name for name in names if what != "delete" or name not in gone]


def test_append_delete_and_compact(any_store, monkeypatch):
    store = any_store
    monkeypatch.setitem(_store.MOST_PICTURES, store.snapshot.manifest.keep, 4)
    names = [f"picture {index}" for index in range(11)]
    with store.writing():
        append(store, names[:10])
        append(store, names[10:])
        store.delete(["picture 2", "picture 9"])
    left = [name for name in names if name not in ("picture 2", "picture 9")]
    check(store.snapshot, left)
    check(Snapshot.read(store.folder), left)
    assert store.snapshot.manifest.pictures == 9
    before = store.snapshot
    with store.writing():
        store.compact()
    check(store.snapshot, left)
    check(before, left)  # a reader goes on in what it has open
    sizes = [entry.pictures for entry in store.snapshot.manifest.segments]
    assert sizes == [3, 4, 2] and store.snapshot.alive.all()  # the full one in the middle was not rewritten
    assert len(list(store.folder.glob("*.segment"))) == 3
    with store.writing():
        append(store, ["picture 2"])  # its name is free again
    check(Snapshot.read(store.folder), [*left, "picture 2"])


def test_a_stream_of_small_commits_does_not_use_up_the_files_of_a_process(store):
    names = [f"picture {index}" for index in range(150)]
    with store.writing():
        for index, name in enumerate(names):
            append(store, [name])
            if index == 20:
                store.delete(["picture 3"])
    names.remove("picture 3")
    check(Snapshot.read(store.folder), names)
    assert len(store.snapshot.segments) <= _store.MOST_SMALL + 1
    assert len(list(store.folder.glob("*.segment"))) == len(store.snapshot.segments)  # what was joined is gone


def test_deleting_what_is_not_there_deletes_nothing(store):
    with store.writing():
        append(store, ["one", "two"])
        with pytest.raises(InputError, match="no picture three in this index; nothing was deleted"):
            store.delete(["one", "three"])
    check(Snapshot.read(store.folder), ["one", "two"])


def test_twenty_kills_lose_nothing_that_was_acknowledged_and_show_nothing_by_half(any_store, monkeypatch):
    monkeypatch.setattr(_lists, "LARGE", LARGE)
    store, rng = any_store, np.random.default_rng(0)
    names, interrupted, kinds = [], 0, set()
    for seed in range(20):
        process, pipe = started(store.folder, seed)
        messages = [pipe.recv() for _ in range(rng.integers(1, 16))]
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.join()
        messages += said(pipe)
        for state, what, those in messages:
            if state == "done":
                names = apply(names, what, those)
                kinds.add(what)
        now = list(Snapshot.read(store.folder).rows)
        if messages[-1][0] == "begin":
            interrupted += 1
            assert now in (names, apply(names, *messages[-1][1:]))
        else:
            assert now == names
        names = now
        check(Snapshot.read(store.folder), names)
        # The lists, too, are there whole or not at all.
        assert not (store.folder / LISTS).exists() or Lists.load(store.folder, store_writer.SIZE) is not None
    assert interrupted >= 10 and kinds == {"append", "delete", "compact", "lists"}
    with store.writing():  # the next writer takes away what the killed ones left
        store.write_lists()
    check(store.snapshot, names)
    listed = {entry.file for entry in store.snapshot.manifest.segments}
    lists = {LISTS} if WITH_FAISS else set()
    assert {path.name for path in store.folder.iterdir()} == listed | {MANIFEST, "lock"} | lists
    assert not WITH_FAISS or set(Lists.load(store.folder, store_writer.SIZE).assigned) == listed


def test_two_readers_beside_a_writer_see_whole_commits(store):
    process, pipe = started(store.folder, seed=5)
    states, names = [[]], []
    readers = [Store(store.folder), Store(store.folder)]
    looked = []
    while len({len(each) for each in looked}) < 6:
        assert process.is_alive()
        for reader in readers:
            reader.refresh()
            looked.append(list(reader.snapshot.rows))
            check(reader.snapshot, looked[-1])
    process.kill()
    process.join()
    for state, what, those in said(pipe):
        if state == "begin":
            names = apply(names, what, those)
            states.append(names)
    assert all(each in states for each in looked)


def test_a_second_writer_is_told_who_writes(store):
    process, pipe = started(store.folder, seed=1)
    pipe.recv()
    with pytest.raises(InputError, match=f"process {process.pid} is writing to this index"), store.writing():
        pass
    process.kill()
    process.join()
    with store.writing():
        append(store, ["free again"])
    assert "free again" in store.snapshot.rows


@pytest.mark.parametrize("part", ["maps", "vectors", "records"])
def test_damage_is_told(store, part):
    with store.writing():
        append(store, ["one", "two"])
    (path,) = store.folder.glob("*.segment")
    data = bytearray(path.read_bytes())
    # Vectors of 2 x 6 halves come first, then maps of 2 x 24 halves.
    data[{"vectors": 5, "maps": 2 * 6 * 2 + 24 * 2 + 1, "records": len(data) - 5}[part]] ^= 1
    path.write_bytes(data)
    what = r"the features of two are damaged \(CRC-32\)" if part == "maps" else r"records and vectors are not .*SHA"
    with pytest.raises(InputError, match=re.escape(path.name) + ".*" + what):
        Store(store.folder).snapshot.maps_of([0, 1])


def test_a_file_cut_short_or_gone_is_told(store):
    with store.writing():
        append(store, ["one", "two"])
    (path,) = store.folder.glob("*.segment")
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(InputError, match=f"{len(data) - 1} bytes; the manifest says {len(data)}"):
        Store(store.folder)
    path.unlink()
    with pytest.raises(InputError, match=r"00000000\.segment: no such file"):
        Store(store.folder)


def test_a_file_cut_short_while_it_is_open_is_told(any_store):
    with any_store.writing():
        append(any_store, [f"picture {number}" for number in range(9)])
    reader = Store(any_store.folder).snapshot
    (path,) = any_store.folder.glob("*.segment")
    sound, rows = path.read_bytes(), np.array([8, 1, 1])
    vectors, maps = features_of([f"picture {number}" for number in range(9)])
    np.testing.assert_array_equal(reader.vectors_of(rows), vectors[rows])
    os.truncate(path, 30)
    read = [lambda: reader.vectors_of(rows), lambda: reader.neighbours]
    read += [lambda: reader.maps_of(rows)] if reader.manifest.keep == "maps" else []
    for each in read:
        with pytest.raises(InputError, match=r"00000000\.segment: cut short since it was opened\. The index"):
            each()
    with open(path, "r+b") as file:
        file.write(sound)
    path.unlink()  # a reader goes on
    np.testing.assert_array_equal(reader.vectors_of(rows), vectors[rows])
    if reader.manifest.keep == "maps":
        np.testing.assert_array_equal(reader.maps_of(rows), maps[rows])


def test_systems_without_reads_at_a_place_read_the_same(any_store, monkeypatch):
    with any_store.writing():
        append(any_store, ["one", "two", "three"])
    expected = Store(any_store.folder).snapshot.vectors_of([0, 2])
    monkeypatch.delattr(os, "preadv", raising=False)
    np.testing.assert_array_equal(Store(any_store.folder).snapshot.vectors_of([0, 2]), expected)


def test_damage_of_the_manifest_is_told(store):
    path = store.folder / MANIFEST
    data = json.loads(path.read_text())
    changes = {
        "not what was written": {**data, "content": {**data["content"], "dimensions": 7}},
        "version 9 of the format; this tfnxc reads version 2. Index the pictures again": {**data, "version": 9},
        "version 1 of the format; this tfnxc reads version 2. Index the pictures again": {**data, "version": 1},
        "not of an index": {},
    }
    for message, changed in changes.items():
        path.write_text(json.dumps(changed))
        with pytest.raises(InputError, match=message):
            Store(store.folder)
    path.write_text("{")
    with pytest.raises(InputError, match="not a JSON file"):
        Store(store.folder)
    path.unlink()
    with pytest.raises(InputError, match="no index here"):
        Store(store.folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"following": 0},  # the next segment would take the place of the first
        {"following": "1"},
        {"map_shape": (3, 2)},
        {"map_shape": (3, -2, -4)},
        {"map_shape": (2**40, 2**40, 4)},
        {"dimensions": None},
        {"keep": "all"},
        {"files": {"model.keras": "0" * 64}},
        {"files": {**store_writer.FILES, "embedding.json": "../secret"}},
        {"model": 3},
        {"pictures": 0},
        {"bytes": 0},
        {"deleted": (0.5,)},
    ],
)
def test_a_manifest_of_values_that_cannot_be_is_told(store, changes):
    with store.writing():
        append(store, ["one"])
    manifest = store.snapshot.manifest
    (entry,) = manifest.segments
    of_entry = {name: value for name, value in changes.items() if hasattr(entry, name)}
    of_manifest = {name: value for name, value in changes.items() if name not in of_entry}
    entry = dataclasses.replace(entry, **of_entry)
    dataclasses.replace(manifest, **{"segments": (entry,), **of_manifest}).write(store.folder)
    with pytest.raises(InputError, match="The index is damaged"):
        Store(store.folder)


@pytest.mark.parametrize(
    "records",
    [
        {"names": ["one"]},
        {"names": ["one", 2]},
        {"cameras": [["lift"], None]},
        {"times": [None, "1970"]},
        {"times": [None, 1e300]},
        {"files": [None, 3]},
        {"digests": [None]},
        {"stamps": ["1 2", 3]},
        {"stamps": ["1 2"]},
    ],
)
def test_records_of_a_stranger_that_cannot_be_are_told(store, records):
    records = Records(**{**dataclasses.asdict(Records(["one", "two"], *([[None] * 2] * 5))), **records})
    with store.writing():
        append(store, ["one", "two"])
    (entry,) = store.snapshot.manifest.segments
    made = write_segment(store.folder, entry.file, records, *features_of(["one", "two"]))
    made = dataclasses.replace(made, pictures=2)
    dataclasses.replace(store.snapshot.manifest, segments=(made,)).write(store.folder)
    with pytest.raises(InputError, match="its records are not of the form that tfnxc writes"):
        Store(store.folder)


def test_the_lock_of_a_stranger_s_index_empties_no_other_file(store, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (store.folder / "lock").symlink_to(precious)
    with pytest.raises(OSError, match="lock"), store.writing():
        pass
    assert precious.read_text() == "kept"


def test_an_index_of_another_model_in_its_place_is_told(store):
    dataclasses.replace(store.snapshot.manifest, model="another").write(store.folder)
    with pytest.raises(InputError, match="now an index of another model than when it was opened"):
        store.refresh()
    with pytest.raises(InputError, match="another model"), store.writing():
        pass


def test_nothing_outside_the_folder_is_opened(store):
    with store.writing():
        append(store, ["one"])
    manifest = store.snapshot.manifest
    (entry,) = manifest.segments
    elsewhere = type(entry)("../00000000.segment", entry.pictures, entry.bytes, entry.sha256)
    dataclasses.replace(manifest, segments=(elsewhere,)).write(store.folder)
    with pytest.raises(InputError, match="values that tfnxc does not write"):
        Store(store.folder)


def test_features_beyond_half_precision_are_refused(store):
    vectors, maps = features_of(["one"])
    with store.writing(), pytest.raises(InputError, match="half precision"):
        store.append(Records(["one"], *([[None]] * 5)), vectors, maps.astype(np.float32) + 1e5)
    check(Snapshot.read(store.folder), [])


def test_pictures_without_a_digest_are_told_where_paths_are_kept(tmp_path):
    store = new_store(tmp_path / "index", "paths")
    with store.writing(), pytest.raises(InputError, match="its records are not of the form that tfnxc writes"):
        store.append(Records(["one"], *([[None]] * 5)), features_of(["one"])[0])


def test_nothing_new_is_read_again(store):
    with store.writing():
        append(store, ["one"])
    before = store.snapshot
    store.refresh()
    assert store.snapshot is before
