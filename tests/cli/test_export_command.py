"""`tfnxc export`, on a small data set on disk."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.cli.run_command import error_of, run
from tests.serving.small_export import small_embedding
from tfnxc import models
from tfnxc.datasets import Split, open_dataset
from tfnxc.files import write_json
from tfnxc.metrics import EvaluationPlan, cmc
from tfnxc.models import split
from tfnxc.runs import Result
from tfnxc.scoring import embed
from tfnxc.serving import CARD, embedding_card, export_run, verify_export
from tfnxc.training import Recipe, Run, RunSettings


@pytest.fixture
def trained(campus, tmp_path):
    """A run that is finished, of a small model for pictures of the usual size."""
    settings = RunSettings("cuhk01", "normxcorr", Recipe(epochs=1))
    split = Split.from_dict({"name": "mine", "train": [1, 2], "test": [7, 8, 9]})
    run = Run.start(tmp_path / "run", settings, split, campus)
    models.normxcorr(filters=(2, 3), units=4).save(run.model_path())
    run.note_progress(1, 16)
    return run


def add_result(run, state, digest, protocol="cross-camera"):
    """A result of two probes, one of whom is found at rank 1."""
    curve = cmc([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], [0, 0], [1, 1], protocol, repeats=1)
    about = {"dataset": "cuhk01", "split": "mine", "split_digest": run.split.digest, "model_digest": digest}
    Result.of(curve, "normxcorr", state=state, **about).save(run.folder / "results")


def test_float16_prints_what_it_costs_and_keeps_it(trained, tmp_path):
    digest = trained.model_digest()
    add_result(trained, "trained", digest)
    add_result(trained, "trained", "of another model", protocol="market")
    arguments = ["export", trained.folder, "--name", "mine", "--to", tmp_path / "served"]
    found = run(*arguments, "--variant", "float16", "--probes", 4)
    assert found.exit_code == 0, found.output
    rows = [line.split() for line in found.output.splitlines() if line.split()[:1] in (["float32"], ["float16"])]
    assert [row[0] for row in rows] == ["float32", "float16"]
    assert " ".join(found.output.split()).count("4 probes, gallery 3, 1 draw") == 2
    path = tmp_path / "served" / "mine" / "1"
    card = json.loads((path / CARD).read_text())
    assert card["variant"] == "float16" and card["variant_loss"]["probes"] == 4
    loss, figures = card["variant_loss"]["loss"], card["variant_loss"]
    assert loss == {"rank 1": figures["float32"]["rank 1"] - figures["float16"]["rank 1"]}
    about = {"dataset": "cuhk01", "split": "mine", "split_digest": trained.split.digest, "protocol": "cross-camera"}
    draws = {"ties": "pessimistic", "repeats": 1, "probes": 2, "gallery": 2}
    assert card["cmc"] == [{**about, **draws, "rank 1": 50.0}]
    assert card["data"] == [{"dataset": "cuhk01", "training_identities": 2}]
    assert "embed_bytes" in tf.saved_model.load(str(path)).signatures


def test_the_embedding_of_the_run_is_exported_and_what_float16_costs_its_vectors(trained, tmp_path):
    embedding = small_embedding(trained.load_model(), trained.model_digest())
    embedding.save(trained.folder)
    arguments = ["export", trained.folder, "--name", "mine", "--to", tmp_path / "served"]
    found = run(*arguments, "--variant", "float16")
    assert found.exit_code == 0 and "No signatures of vectors" not in found.output, found.output
    path = tmp_path / "served" / "mine" / "1"
    card = json.loads((path / CARD).read_text())
    assert card["embedding"] == embedding_card(embedding)
    vectors = card["variant_loss"]["vectors"]
    assert set(vectors["loss"]) == {"rank 1", "mAP"} and 0.99 < vectors["least_cosine"] < 1
    for name in ("rank 1", "mAP"):
        assert vectors["loss"][name] == vectors["float32"][name] - vectors["float16"][name]
    # The same by hand: the best match of each probe among one picture of each of the three tested, in the same draw.
    people = trained.split.test_part(open_dataset("cuhk01", trained.data))
    plan = EvaluationPlan.of("cross-camera", people, repeats=1, probes=100)
    of_tower = embedding.vectors(embed(split(trained.load_model()).tower, people.images()))
    assert vectors["float32"]["rank 1"] == pytest.approx(100 * plan.measure(of_tower @ of_tower.T).rank(1))
    assert f"{vectors['least_cosine']:.6f}" in found.output
    asked = tf.saved_model.load(str(path)).signatures["embed_vector"]
    picture = people.images()[:1] / np.float32(255)
    cosine = asked(image=tf.constant(picture))["vector"].numpy()[0] @ of_tower[0]
    assert cosine >= vectors["least_cosine"] - 1e-5


def test_an_embedding_of_other_weights_is_refused_and_none_is_said(trained, tmp_path):
    arguments = ["export", trained.folder, "--name", "mine", "--to", tmp_path / "served"]
    found = run(*arguments)
    (line,) = [line for line in found.output.splitlines() if "vectors" in line]
    assert line.startswith("No signatures of vectors: none") and f"tfnxc embed fit {trained.folder} fits one" in line
    assert json.loads((tmp_path / "served" / "mine" / "1" / CARD).read_text())["embedding"] in line
    small_embedding(trained.load_model(), "of other weights").save(trained.folder)
    assert f"tfnxc embed fit {trained.folder}" in error_of(*arguments)
    assert not (tmp_path / "served" / "mine" / "2").exists()


def test_the_best_model_is_exported_with_a_card_of_its_own(trained, tmp_path):
    models.normxcorr(filters=(2, 3), units=4).save(trained.model_path("best"))
    write_json(trained.folder / "best.json", {"pass": 4, "val_rank_1": 0.5, "val_mAP": 0.5})
    digest = trained.model_digest("best")
    for state in ("trained", "best"):
        add_result(trained, state, trained.model_digest(state))
    found = run("export", trained.folder, "--name", "mine", "--to", tmp_path / "served", "--state", "best")
    assert found.exit_code == 0, found.output
    card = json.loads((tmp_path / "served" / "mine" / "1" / CARD).read_text())
    assert card["model_digest"] == digest and card["training"]["epochs_done"] == 5 and len(card["cmc"]) == 1


def test_what_cannot_be_measured_is_not_written(trained, tmp_path):
    arguments = ["export", trained.folder, "--name", "mine", "--to", tmp_path / "served", "--variant", "float16"]
    assert "no such folder" in error_of(*arguments, "--data", tmp_path / "nowhere")
    assert not (tmp_path / "served").exists()


def test_the_library_call_is_the_command_without_a_word(trained, tmp_path, capsys):
    path = export_run(trained.folder, "mine", tmp_path / "served", version=3)
    verified = json.loads(run("export", "--verify", path, "--json").stdout)
    assert verified == {"export": str(path), "files": verify_export(path)}
    assert path == tmp_path / "served" / "mine" / "3" and capsys.readouterr().out == ""
    assert json.loads((path / CARD).read_text())["model_digest"] == trained.model_digest()
    for name in ("no name", "../up", ""):
        assert "takes letters, digits" in error_of("export", trained.folder, "--name", name)
