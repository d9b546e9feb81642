"""A copy of an index: what it holds while another process writes, and what a kill leaves."""

import dataclasses
import itertools

import numpy as np
import pytest

from tests.cli.run_command import error_of, run
from tests.search.store_writer import FILES, append, new_store
from tests.search.test_store import apply, check, said, started
from tfnxc.errors import InputError
from tfnxc.hashes import sha256_of
from tfnxc.search import Gallery, Picture, _copying
from tfnxc.search._copying import copy_index
from tfnxc.search._files import MANIFEST, Segment
from tfnxc.search._lists import LISTS
from tfnxc.search._store import Snapshot, Store


@pytest.fixture
def store(tmp_path):
    """A store with files in the place of its model."""
    made = new_store(tmp_path / "index")
    for name in FILES:
        (made.folder / name).write_text(name)
    files = {name: sha256_of(made.folder / name) for name in FILES}
    dataclasses.replace(made.snapshot.manifest, files=files).write(made.folder)
    return Store(made.folder)


def test_copies_beside_a_writer_are_each_a_state_of_the_index(store, tmp_path):
    process, pipe = started(store.folder, seed=7)
    copied = []
    while len({len(each) for each in copied}) < 6:
        assert process.is_alive()
        store.refresh()
        folder = tmp_path / f"copy {len(copied)}"
        copy_index(store.snapshot, folder)
        there = Snapshot.read(folder)
        check(there, list(store.snapshot.rows))
        copied.append(list(there.rows))
    process.kill()
    process.join()
    states, names = [[]], []
    for state, what, those in said(pipe):
        if state == "begin":
            names = apply(names, what, those)
            states.append(names)
    assert all(each in states for each in copied)


def test_a_compaction_takes_nothing_from_a_copy(store, tmp_path):
    with store.writing():
        append(store, ["one", "two", "three"])
    reader = Store(store.folder)
    with store.writing():
        store.delete(["two"])
        store.compact()
    with pytest.raises(FileNotFoundError):
        Segment(store.folder, reader.snapshot.manifest.segments[0], reader.snapshot.manifest)
    copy_index(reader.snapshot, tmp_path / "copy")
    check(Snapshot.read(tmp_path / "copy"), ["one", "two", "three"])
    copy = Store(tmp_path / "copy")
    with copy.writing():
        append(copy, ["four"])
    check(copy.snapshot, ["one", "two", "three", "four"])
    check(Snapshot.read(store.folder), ["one", "three"])


def test_a_copy_that_is_killed_is_no_index_and_is_begun_anew(store, tmp_path, monkeypatch):
    with store.writing():
        append(store, ["one"])
        append(store, ["two"])
    copies, to, whole = itertools.count(), tmp_path / "copy", Segment.copy

    def killed(segment, folder):
        if next(copies):
            raise KeyboardInterrupt
        whole(segment, folder)

    monkeypatch.setattr(Segment, "copy", killed)
    with pytest.raises(KeyboardInterrupt):
        copy_index(store.snapshot, to)
    with pytest.raises(InputError, match="no index here"):
        Store(to)
    monkeypatch.undo()
    (to / LISTS).write_text("of another index")
    (to / ".tfnxc-00000009.1.segment").write_text("half")
    copy_index(store.snapshot, to)
    check(Snapshot.read(to), ["one", "two"])
    assert not (to / LISTS).exists()


def test_lists_go_along_and_files_of_others_stay(store, tmp_path):
    (store.folder / LISTS).write_bytes(b"lists")
    copy_index(store.snapshot, tmp_path / "copy")
    assert (tmp_path / "copy" / LISTS).read_bytes() == b"lists"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for to in (tmp_path / "copy", store.folder, tmp_path / "full", tmp_path / "file"):
        with pytest.raises(InputError, match=r"exists\. Choose another folder for the copy"):
            copy_index(store.snapshot, to)
    assert (tmp_path / "full" / "notes.txt").read_text() == (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize(("damage", "message"), [("unlink", "no such file"), ("write_text", "not the file that")])
def test_another_model_in_its_place_is_not_copied(store, tmp_path, damage, message):
    getattr(store.folder / "model.keras", damage)(*(["other"] if damage == "write_text" else []))
    with pytest.raises(InputError, match=f"model.keras: {message}.* The index is damaged"):
        copy_index(store.snapshot, tmp_path / "copy")
    assert not (tmp_path / "copy" / MANIFEST).exists()


def test_an_index_that_appears_meanwhile_is_not_written_over(store, tmp_path, monkeypatch):
    other = new_store(tmp_path / "other")
    monkeypatch.setattr(_copying, "_is_of_a_copy", lambda path: True)
    with pytest.raises(InputError, match="another process has just made an index here"):
        copy_index(store.snapshot, other.folder)


def test_a_gallery_finds_in_its_copy_what_it_finds(gallery, pictures, tmp_path):
    moved = []
    copy = gallery.copy(tmp_path / "copy", moved.append)
    assert copy.names == gallery.names and sum(moved) == len(pictures) and copy.check() == len(pictures)
    probe = [Picture("probe", np.asarray(pictures[0].image))]
    assert copy.search(probe) == gallery.search(probe)


def test_the_command_makes_a_backup_that_is_an_index(gallery, tmp_path):
    backup = tmp_path / "backup"
    made = run("index", gallery.folder, "--backup", backup)
    assert made.exit_code == 0 and f"12 pictures copied to {backup}" in made.output, made.output
    assert "Everything is as it was written." in run("index", backup, "--check").output
    assert Gallery(backup).names == gallery.names
    assert "exists. Choose another folder for the copy." in error_of("index", gallery.folder, "--backup", backup)
