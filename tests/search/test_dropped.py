"""The folder of what is dropped on a page."""

import asyncio
import multiprocessing
import os
import stat
import tempfile

import pytest

from tfnxc.search.dropped import DroppedPictures, private_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def hold_until_killed(folder, pipe):
    tempfile.tempdir = folder
    with private_folder() as held:
        (held / "picture").touch()
        pipe.send(held)
        pipe.recv()


def test_what_a_kill_left_is_removed_at_the_next_start(temporary):
    (temporary / "tfnxc-page-of-another-kind").mkdir()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold_until_killed, args=(str(temporary), theirs))
    process.start()
    held = ours.recv()
    with private_folder() as other:
        assert stat.S_IMODE(other.stat().st_mode) == 0o700
        assert (held / "picture").exists()  # it is in use
    process.kill()
    process.join()
    assert held.exists() and not other.exists()
    with private_folder():
        assert not held.exists()
    assert [path.name for path in temporary.iterdir()] == ["tfnxc-page-of-another-kind"]


def kept(dropped, name, size, at):
    path = dropped.folder / name / "picture.png"
    path.parent.mkdir()
    path.write_bytes(bytes(size))
    os.utime(path, (at, at))
    return path


def test_the_oldest_make_room(temporary):
    dropped = DroppedPictures(temporary / "dropped", most=100)
    first, second, third = (kept(dropped, name, 30, at) for at, name in enumerate("bca"))
    assert dropped.make_room() and first.exists()
    assert dropped.make_room(40)
    assert (first.exists(), second.exists(), third.exists()) == (False, True, True)
    assert not dropped.make_room(101)


def test_what_is_coming_in_counts(temporary):
    dropped, statuses = DroppedPictures(temporary / "dropped", most=100), []

    async def send(message):
        statuses.append(message.get("status"))

    async def application(scope, receive, send):
        if scope["left"]:
            await guarded({**scope, "left": scope["left"] - 1}, receive, send)

    guarded = dropped.guarding(application, "/upload", 40)
    for left, expected in ((1, []), (2, [503, None]), (1, [])):
        statuses.clear()
        asyncio.run(guarded({"type": "http", "path": "/upload", "left": left}, None, send))
        assert statuses == expected
