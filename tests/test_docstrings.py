"""Every example in a docstring runs, as a doctest, in a folder with the files that examples name."""

import doctest
import importlib
import os
import pathlib
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfnxc

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[1] / "tfnxc"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules():
    """The names of all modules that have an example."""
    for path in sorted(ROOT.rglob("*.py")):
        if ">>>" in path.read_text(encoding="utf-8"):
            parts = path.relative_to(ROOT.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The folder in which examples run, and the names that they may use without making them."""
    folder = tmp_path_factory.mktemp("examples")
    people = tfnxc.datasets.synthetic(identities=6)
    images = people.images()[:12]
    keras.utils.set_random_seed(0)
    model = tfnxc.models.normxcorr(filters=(4, 5), units=8)
    model.save(folder / "model.keras")
    for index, (image, identity, camera) in enumerate(
        zip(people.images(), people.identities, people.cameras, strict=True)
    ):
        place = folder / "crops" / "ab"[camera] / f"{identity:04d}_{index:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)
        if identity < 5:
            campus = folder / "cuhk01" / "campus" / f"{(1, 2, 7, 8, 9)[identity]:04d}{index % 4 + 1:03d}.png"
            campus.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(campus)
    Image.fromarray(images[0]).save(folder / "probe.png")
    names = {"np": np, "tf": tf, "keras": keras, "tfnxc": tfnxc, "people": people, "images": images, "model": model}
    return types.SimpleNamespace(folder=folder, names=names, run=None)


def run_of(world):
    """A small run that was trained and measured, made when the first example asks for it."""
    if world.run is None:
        recipe = tfnxc.training.Recipe.named("grouped", epochs=1, batch_size=9, warmup=0)
        data = tfnxc.training.TrainingData(world.names["people"], "random-3-0")
        world.run = tfnxc.training.train(world.folder / "runs" / "mine", data, recipe)
        tfnxc.evaluation.evaluate(world.run, repeats=2).save()
    return world.run


@pytest.mark.parametrize("name", list(modules()))
@pytest.mark.filterwarnings("default")
def test_examples_run(name, world, monkeypatch, capsys):
    module = importlib.import_module(name)
    monkeypatch.chdir(world.folder)
    os.makedirs("runs", exist_ok=True)
    failed = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        test.globs = {**world.names, **vars(module), **test.globs}
        source = "".join(example.source for example in test.examples)
        if "runs/" in source or "run." in source or "(run" in source:
            test.globs["run"] = run_of(world)
        keras.utils.set_random_seed(0)
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        texts = []
        runner.run(test, out=texts.append, clear_globs=False)
        if runner.failures:
            failed += texts
    assert not failed, "".join(failed)
