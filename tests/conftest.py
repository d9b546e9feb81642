"""What the whole suite shares: a quiet TensorFlow, one seed, the tolerances by type, and where real data lies."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import keras
import numpy as np
import pytest
from PIL import Image

TOLERANCES = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1e-2}
"""Largest absolute difference from the float64 oracle, for values of order 1."""


@pytest.fixture
def keras_seed():
    """One seed for every test that builds a model."""
    keras.utils.set_random_seed(0)


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
