"""What the whole suite shares: a quiet TensorFlow, one seed, the tolerances by type, and where real data lies."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command tfnxc
os.environ.setdefault("MPLBACKEND", "Agg")
# One implementation where a test does not choose: TFNXC_OPS=native runs the whole suite on the compiled op.
os.environ.setdefault("TFNXC_OPS", "python")

import keras
import numpy as np
import pytest
from PIL import Image

from tfnxc.locks import alone_in
from tfnxc.ops import _library, build_library

TOLERANCES = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1e-2}
"""Largest absolute difference from the float64 oracle, for values of order 1."""


@pytest.fixture
def keras_seed():
    """One seed for every test that builds a model."""
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def native_library(tmp_path_factory):
    """The compiled op: as `tfnxc build-ops` left it, or else built here, once for all workers of this session."""
    if _library.load().ops is None:
        if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
            pytest.skip("no C++ compiler: the compiled op is not tested")
        base = tmp_path_factory.getbasetemp()
        shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "native"
        shared.mkdir(exist_ok=True)
        os.environ["TFNXC_CACHE"] = str(shared)
        with alone_in(shared, "process {} builds the compiled op".format, patience=600):
            build_library()
        _library.load.cache_clear()
    assert _library.load().ops is not None, _library.load().reason
    return _library.load()


@pytest.fixture(scope="session", autouse=True)
def _whole_suite(request):
    if os.environ["TFNXC_OPS"] == "native":
        request.getfixturevalue("native_library")


@pytest.fixture(params=["python", "native"])
def implementation(request, monkeypatch):
    """Runs a test once on each implementation, chosen as a user does."""
    if request.param == "native":
        request.getfixturevalue("native_library")
    monkeypatch.setenv("TFNXC_OPS", request.param)
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def real_data():
    """The folder with the real data sets, or a skip that says so."""
    root = pathlib.Path(__file__).resolve().parents[1]
    folder = pathlib.Path(os.environ.get("TFNXC_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set TFNXC_DATA to run this test")
    return folder


@pytest.fixture
def largest_file():
    """`with largest_file(bytes)`: the system lets no file grow beyond that, as a full disk does."""
    resource = pytest.importorskip("resource")  # POSIX

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 256 KiB, where the system lets one be made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def interruptible():
    """SIGINT as a terminal has it: a shell has processes in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def campus(tmp_path):
    """A folder that holds `campus` with 5 identities x 4 pictures."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "cuhk01" / "campus"
    folder.mkdir(parents=True)
    for identity in (1, 2, 7, 8, 9):
        for shot in range(1, 5):
            picture = rng.integers(0, 255, (160, 60, 3), np.uint8)
            Image.fromarray(picture).save(folder / f"{identity:04d}{shot:03d}.png")
    return folder.parent


def small_maps(kind, shape, rng):
    """Feature maps that exercise one thing: random, flat (with a step), nearly flat, or mostly zero as after ReLU."""
    maps = rng.normal(size=shape)
    if kind == "flat":
        maps = np.full(shape, 0.7)
        maps[:, shape[1] // 2 :] = -0.3
    elif kind == "zero":
        maps = np.zeros(shape)
    elif kind == "nearly flat":
        maps = 0.5 + 1e-3 * maps
    elif kind == "relu":
        maps = np.maximum(maps - 0.8, 0)
    return maps
