"""`tfnxc.folders.new_folder`: a folder appears whole, and what killed processes left goes."""

import signal
import subprocess
import sys

import pytest

from tfnxc.errors import InputError
from tfnxc.folders import new_folder

WRITER = """
import sys, time
from tfnxc.folders import new_folder
with new_folder(sys.argv[1]) as new:
    (new / "half").write_text("content")
    print("begun", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path):
    """A process in the middle of writing `tmp_path / "1"`."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "1")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_whole(tmp_path):
    with new_folder(tmp_path / "of" / "1") as new:
        (new / "sub").mkdir()
        (new / "sub" / "file").write_text("content")
        assert not (tmp_path / "of" / "1").exists()
    assert names(tmp_path / "of") == ["1"]
    assert (tmp_path / "of" / "1" / "sub" / "file").read_text() == "content"


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "1") as new:
        (new / "file").write_text("content")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_what_is_there_already_stays(tmp_path):
    with pytest.raises(InputError, match="made by somebody else meanwhile"), new_folder(tmp_path / "1") as new:
        (new / "file").write_text("mine")
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "file").write_text("theirs")
    assert names(tmp_path) == ["1"]
    assert (tmp_path / "1" / "file").read_text() == "theirs"


def test_what_a_killed_process_left_goes(tmp_path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(names(tmp_path)) == 1
    with new_folder(tmp_path / "2"):
        pass
    assert names(tmp_path) == ["2"]


def test_what_another_process_writes_stays(tmp_path, writer):
    before = names(tmp_path)
    with new_folder(tmp_path / "2"):
        pass
    assert names(tmp_path) == sorted([*before, "2"])
