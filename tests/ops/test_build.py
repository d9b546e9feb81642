"""Building the compiled library, with a compiler that only pretends."""

import os
import stat
import subprocess
import sys

import pytest

from tfnxc import ops
from tfnxc.errors import InputError
from tfnxc.ops import _library

pytestmark = pytest.mark.compiler

PRETENDER = """#!/bin/sh
# "Compiles" at once: an object is an empty file, the library is a finished one.
for argument; do
    case $argument in --version) echo "pretender 1.0"; exit;; -shared) library=1;; esac
    test "$previous" = -o && target=$argument
    previous=$argument
done
sleep 0.2
test -z "$library" && : > "$target" || cp "{library}" "$target"
"""


def compiler(folder, text):
    path = folder / "pretender"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TFNXC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_two_processes_build_at_once(native_library, empty_cache, tmp_path):
    pretender = compiler(tmp_path, PRETENDER.replace("{library}", str(native_library.path)))
    code = "import sys; from tfnxc import ops; print(ops.build_library(sys.argv[1]))"
    command = [sys.executable, "-c", code, pretender]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {process.communicate()[0].splitlines()[-1] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert paths == {str(_library.library_path())}
    assert files(empty_cache) == ["build.json", "lock", "tfnxc_ops.so"]
    assert _library.library_path().read_bytes() == native_library.path.read_bytes()


def test_it_is_built_once_unless_forced(native_library, empty_cache, tmp_path):
    pretender = compiler(tmp_path, PRETENDER.replace("{library}", str(native_library.path)))
    steps = []
    path = ops.build_library(pretender, progress=lambda *step: steps.append(step))
    assert len(steps) == steps[0][1] and {step[0] for step in steps} == {1}
    before = os.stat(path).st_ino
    assert ops.build_library("no such compiler") == path
    assert os.stat(path).st_ino == before
    ops.build_library(pretender, force=True)
    assert os.stat(path).st_ino != before


def test_a_failing_compiler_is_quoted_and_leaves_nothing(empty_cache, tmp_path):
    failing = compiler(tmp_path, "#!/bin/sh\necho 'norm_xcorr.h:7: a mistake' >&2\nexit 3\n")
    with pytest.raises(InputError, match=r"failed with 3: (?s:.*)norm_xcorr.h:7: a mistake"):
        ops.build_library(failing)
    assert files(empty_cache) == ["lock"]


def test_a_library_that_does_not_load_is_never_kept(empty_cache, tmp_path):
    (tmp_path / "broken").write_text("this is no library")
    pretender = compiler(tmp_path, PRETENDER.replace("{library}", str(tmp_path / "broken")))
    with pytest.raises(InputError, match="load_op_library"):
        ops.build_library(pretender)
    assert "tfnxc_ops.so" not in files(empty_cache)


def test_no_compiler_is_said_with_the_remedy(empty_cache, monkeypatch, tmp_path):
    with pytest.raises(InputError, match=r"no C\+\+ compiler nowhere\+\+. Install one"):
        ops.build_library("nowhere++")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("CUDA_HOME", raising=False)
    with pytest.raises(InputError, match=r"no C\+\+ compiler g\+\+ or clang\+\+"):
        ops.build_library()
