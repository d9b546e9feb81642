"""Building the compiled library in the background, with a compiler that only pretends."""

import io
import os
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf
from rich.console import Console

from tests.ops.test_build import PRETENDER, compiler, files
from tfnxc import ops
from tfnxc.errors import InputError
from tfnxc.ops import _library, background, implementation

pytestmark = pytest.mark.compiler

FAILING = "#!/bin/sh\necho 'norm_xcorr.h:7: a mistake' >&2\nexit 3\n"


@pytest.fixture
def said():
    """A console whose text is `said.file.getvalue()`."""
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """No library is built; whatever was loaded or is waited for is as before after the test."""
    monkeypatch.setenv("TFNXC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFNXC_OPS", "auto")
    monkeypatch.setattr(_library, "_before_loading", [])
    _library.load.cache_clear()
    yield tmp_path / "cache"
    _library.load.cache_clear()


@pytest.fixture
def pretender(monkeypatch, native_library, tmp_path):
    """A compiler that copies the library of the session, which is not loaded again: its operations would be twice."""

    def loaded(path, without_gpu, reason="it is built for this TensorFlow"):
        return native_library._replace(path=path, without_gpu=without_gpu, reason=reason)

    monkeypatch.setattr(_library, "_load", loaded)
    monkeypatch.setenv("CXX", compiler(tmp_path, PRETENDER.replace("{library}", str(native_library.path))))


def text(console):
    return console.file.getvalue()


def test_it_is_built_once_and_waited_for(native_library, empty_cache, pretender, said):
    assert ops.build_in_background(said)
    assert text(said).count("\n") == 1 and "Building the compiled op once for this machine" in text(said)
    assert _library.load().path == _library.library_path() and _library.load().ops is not None
    assert not ops.build_in_background(said)
    assert text(said).count("\n") == 1


def test_a_caller_that_must_not_wait_does_without_and_says_nothing_more(empty_cache, pretender, said, caplog):
    implementation._say_once.cache_clear()
    assert ops.build_in_background(said, wait=False)
    assert implementation.native_ops() is None and not caplog.records
    with pytest.raises(InputError, match="asked for, but it is not built"):
        implementation.native_ops("native")
    assert not background._started[-1].wait() and _library.library_path().exists()


def test_a_failed_build_is_told_once_and_not_tried_again(empty_cache, monkeypatch, said, tmp_path, caplog):
    implementation._say_once.cache_clear()
    monkeypatch.setenv("CXX", compiler(tmp_path, FAILING))
    assert ops.build_in_background(said)
    assert implementation.native_ops() is None
    log = _library.failure_path(_library.library_path())
    assert "norm_xcorr.h:7: a mistake" in log.read_text()
    assert text(said).count("\n") == 2 and f"could not be built: {log} says why" in text(said)
    assert "Try again with: tfnxc build-ops" in text(said)
    _library.load.cache_clear()
    assert not ops.build_in_background(said)
    assert implementation.native_ops() is None and text(said).count("\n") == 2 and not caplog.records
    assert f"its build failed ({log} says why)" in ops.describe_implementation()["because"]


def test_a_build_that_is_asked_for_is_tried_again_after_a_failure(native_library, empty_cache, pretender):
    log = _library.failure_path(_library.library_path())
    log.parent.mkdir(parents=True)
    log.write_text("a mistake")
    assert ops.build_library().exists() and not log.exists()


def test_a_killed_build_is_no_failure_to_remember(native_library, empty_cache, monkeypatch, said, tmp_path):
    monkeypatch.setenv("CXX", compiler(tmp_path, '#!/bin/sh\nkill -9 "$(ps -o ppid= -p $$ | tr -d " ")"\n'))
    assert ops.build_in_background(said)
    assert _library.load().ops is None and "the process ended with -9" in text(said)
    assert not _library.failure_path(_library.library_path()).exists()
    monkeypatch.setenv("CXX", compiler(tmp_path, PRETENDER.replace("{library}", str(native_library.path))))
    assert ops.build_library().exists()  # and what was left of the killed one is gone
    assert files(empty_cache) == ["build.json", "lock", "tfnxc_ops.so"]


def test_a_library_that_does_not_load_is_a_failure_to_remember(empty_cache, monkeypatch, said, tmp_path):
    (tmp_path / "broken").write_text("this is no library")
    monkeypatch.setenv("CXX", compiler(tmp_path, PRETENDER.replace("{library}", str(tmp_path / "broken"))))
    assert ops.build_in_background(said)
    assert _library.load().ops is None and not _library.library_path().exists()
    assert "tensorflow" in _library.failure_path(_library.library_path()).read_text()


def test_a_build_outlives_the_process_that_began_it(native_library, empty_cache, pretender):
    code = "from tfnxc import ops; print(ops.build_in_background(), flush=True); import os; os.kill(os.getpid(), 9)"
    begun = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert begun.stdout.split() == ["True"] and begun.returncode == -9
    assert ops.build_library("no such compiler" if _library.library_path().exists() else None).exists()


@pytest.mark.parametrize("why", ["python", "no compiler", "a GPU"])
def test_nothing_is_built_where_it_is_not_wanted_or_of_no_use(why, empty_cache, pretender, monkeypatch, said):
    if why == "python":
        monkeypatch.setenv("TFNXC_OPS", "python")
    elif why == "no compiler":
        monkeypatch.setenv("CXX", "nowhere++")
    else:
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(subprocess, "Popen", None)
    assert not ops.build_in_background(said) and text(said) == "" and not empty_cache.exists()


def test_a_folder_that_cannot_be_written_is_one_line(empty_cache, pretender, said, caplog):
    implementation._say_once.cache_clear()
    pathlib.Path(os.environ["TFNXC_CACHE"]).write_text("a file where the folder would be")
    assert not ops.build_in_background(said)
    assert implementation.native_ops() is None and not caplog.records
    assert text(said).count("\n") == 1 and "TFNXC_CACHE names another folder" in text(said)


def test_the_process_that_builds_says_how_far_it_is(native_library, empty_cache, pretender):
    built = subprocess.run([sys.executable, "-c", background._COMMAND], stdout=subprocess.PIPE, text=True, check=True)
    lines = [line.split() for line in built.stdout.splitlines()]
    assert len(lines) == int(lines[0][1]) and {line[0] for line in lines} == {"1"}
