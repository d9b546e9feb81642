"""scripts/vector_database.py end to end on drawn people, and in a process that has no tfnxc."""

import json
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from tests.serving.small_export import small_embedding
from tfnxc.datasets import synthetic
from tfnxc.embedding import log_odds_of
from tfnxc.models import normxcorr, split
from tfnxc.scoring import PairHead, embed
from tfnxc.serving import CARD, export_model

pytestmark = pytest.mark.slow

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "vector_database.py"
REASON = "qdrant-client is not installed: pip install -e .[vectors]"
WITHOUT_TFNXC = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    assert "tfnxc" not in sys.modules
"""
PEOPLE = 6


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An export of a small model with an embedding, and drawn people in the folders of two cameras."""
    pytest.importorskip("qdrant_client", reason=REASON)
    folder, people = tmp_path_factory.mktemp("world"), synthetic(identities=PEOPLE)
    keras.utils.set_random_seed(0)
    model = normxcorr(filters=(3, 4), units=8)
    embedding, images = small_embedding(model), people.images()
    for index, (image, identity, camera) in enumerate(zip(images, people.identities, people.cameras, strict=True)):
        path = folder / "crops" / ("north", "south")[camera] / f"{identity:02d}-{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    maps = embed(split(model).tower, images)
    about = people, maps, embedding.vectors(maps)
    return folder, export_model(model, folder / "campus", embedding=embedding), model, embedding, about


def run(folder, *arguments):
    command = [sys.executable, "-c", WITHOUT_TFNXC, SCRIPT, *arguments]
    return subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)


def rows_of(finished):
    """`(probability, cosine, camera, position of the picture)` of each row that was printed."""
    assert finished.returncode == 0, finished.stderr
    title, *rows = finished.stdout.splitlines()
    assert title.split() == ["rank", "probability", "cosine", "camera", "picture"]
    parts = [row.split() for row in rows]
    assert [int(each[0]) for each in parts] == list(range(1, 1 + len(parts)))
    return [(each[1], float(each[2]), each[3], int(re.search(r"-(\d+)\.png$", each[4])[1])) for each in parts]


def test_where_else_was_this_person_seen(world):
    folder, export, model, embedding, (people, maps, vectors) = world
    for _ in range(2):  # the second time in place of the first
        finished = run(folder, "add", "crops", "--export", export)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout == f"{len(people)} pictures in people.qdrant\n"
    probe = int(np.flatnonzero(people.cameras == 0)[3])
    picture = next((folder / "crops").glob(f"*/*-{probe:02d}.png"))
    ask = ["search", picture, "--export", export]

    cosines = vectors @ vectors[probe]
    south = np.flatnonzero(people.cameras == 1)
    order = south[np.argsort(-cosines[south], kind="stable")]
    found = rows_of(run(folder, *ask, "--not-camera", "north", "--by", "vectors", "--top", 7))
    assert [(each[0], each[2], each[3]) for each in found] == [("-", "south", index) for index in order[:7]]
    np.testing.assert_allclose([each[1] for each in found], cosines[order[:7]], atol=6e-4)
    only = rows_of(run(folder, *ask, "--camera", "south", "--by", "vectors", "--top", 7))
    assert only == found
    everywhere = rows_of(run(folder, *ask, "--by", "vectors", "--top", 1))
    assert everywhere[0][3] == probe and everywhere[0][1] == 1

    # The pair head looks at the seven that the database gives, in both orders.
    head, seven = PairHead(model), order[:7]
    pairs = np.stack([np.full(7, probe), seven], axis=1)
    log_odds = sum(log_odds_of(head.score_pairs(maps, maps, each)) for each in (pairs, pairs[:, ::-1]))
    scores = embedding.combination.scores(log_odds / 2, cosines[seven])
    both = rows_of(run(folder, *ask, "--not-camera", "north", "--top", 7))
    assert [each[3] for each in both] == seven[np.argsort(-scores, kind="stable")].tolist()
    expected = embedding.combination.probabilities(np.sort(scores)[::-1])
    np.testing.assert_allclose([float(each[0]) for each in both], expected, atol=1e-3)


def test_what_cannot_be_done_is_said(world, tmp_path):
    folder, export, model, _, _ = world
    probe = next((folder / "crops").glob("*/*.png"))
    without = export_model(model, tmp_path / "without")
    (tmp_path / "bad" / "north").mkdir(parents=True)
    (tmp_path / "bad" / "north" / "a.png").write_bytes(probe.read_bytes()[:900])
    for arguments, expected in (
        (["search", probe, "--export", export], "people.qdrant holds no vectors of .*; the command add adds some"),
        (["add", folder / "crops", "--export", without], "gives no vectors. Its card says of the embedding: none was"),
        (["add", folder / "crops" / "north", "--export", export], r"expected .*/CAMERA/PICTURE.png"),
        (["search", tmp_path / "bad" / "north" / "a.png", "--export", export], "people.qdrant holds no vectors of"),
        (["add", tmp_path / "bad", "--export", export], "bad: none of its pictures can be read"),
        (["add", folder / "crops", "--export", tmp_path / "bad"], "no export of tfnxc"),
    ):
        finished = run(tmp_path, *arguments)
        assert finished.returncode == 1 and finished.stderr.count("Error: ") == 1, finished
        assert re.search(expected, finished.stderr.splitlines()[-1])


def test_broken_pictures_are_named_and_left_out_and_hidden_ones_are_not_looked_at(world, tmp_path):
    folder, export, *_ = world
    first, second, *_ = sorted((folder / "crops" / "north").iterdir())
    north = tmp_path / "crops" / "north"
    for path in (north / first.name, north / ".hidden.png", tmp_path / "crops" / ".trash" / "a.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(first.read_bytes())
    (north / "broken.png").write_bytes(second.read_bytes()[:900])
    (north / "folder.png").mkdir()
    (north / "gone.png").symlink_to(tmp_path / "nowhere.png")
    finished = run(tmp_path, "add", "crops", "--export", export)
    assert finished.returncode == 0 and finished.stdout == "1 pictures in people.qdrant\n"
    told = [line for line in finished.stderr.splitlines() if line.startswith("Left out: ")]
    assert len(told) == 2 and told[0].endswith("nowhere.png: No such file or directory")
    assert told[1] == f"Left out: {north / 'broken.png'}: broken picture"


def test_vectors_of_another_embedding_are_not_mixed_with_these(world, tmp_path):
    _, export, model, _, _ = world
    other = export_model(model, tmp_path / "campus", embedding=small_embedding(model, digest="another"))
    digests = [json.loads((each / CARD).read_text())["embedding"]["digest"] for each in (export, other)]
    assert len(set(digests)) == 2
    again = export_model(model, tmp_path / "campus", embedding=small_embedding(model))
    assert json.loads((again / CARD).read_text())["embedding"]["digest"] == digests[0]
