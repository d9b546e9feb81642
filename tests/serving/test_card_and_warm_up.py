import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tests.embedding.small_calibration import calibration_of
from tests.evaluation.embedded_run import embedded_run
from tests.serving.small_export import DIMENSIONS, graph_of, small_embedding, small_model
from tfnxc.datasets import Split
from tfnxc.embedding import Combination
from tfnxc.embedding.combination import PRIOR
from tfnxc.errors import InputError
from tfnxc.metrics import cmc
from tfnxc.recipes import Recipe
from tfnxc.runs import Result, Run, RunSettings
from tfnxc.scoring import views
from tfnxc.serving import CARD, WARM_UP, export_model, export_run, run_card


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    model, folder = small_model(), tmp_path_factory.mktemp("models") / "campus"
    return export_model(model, folder, card={"licence": "mine"}, embedding=small_embedding(model))


def test_the_card_says_what_it_is_and_what_it_is_not_for(path):
    card = json.loads((path / CARD).read_text())
    assert (card["name"], card["version"], card["architecture"], card["variant"]) == (
        "campus",
        1,
        "normxcorr",
        "float32",
    )
    assert card["licence"] == "mine" and card["data"] == "not said by whoever exported it"
    assert "decides" in card["intended_use"] and "proof of identity" in card["misuse"]
    assert set(card["signatures"]) | {"serving_default"} == set(graph_of(path).signature_def) - {
        "__saved_model_init_op"
    }
    assert card["versions"]["tensorflow"] == tf.__version__


def test_the_card_says_what_the_vectors_are_and_how_they_go_with_the_pair_head(path):
    card = json.loads((path / CARD).read_text())["embedding"]
    assert (card["dimensions"], card["method"], card["regularization"], card["pictures"]) == (
        DIMENSIONS,
        "discriminant",
        0.2,
        24,
    )
    assert card["model_digest"] == "a1b2c3" and len(card["digest"]) == 12
    assert card["fitted_on"] == [{"dataset": "grid", "identities": 5}, {"dataset": "viper", "identities": 1}]
    tried = [{"regularization": 0.2, "dimensions": DIMENSIONS, "rank 1": 0.25}]
    assert card["choice"] == {"held_back": [{"dataset": "grid", "identities": 2}], "tried": tried}
    combination = card["combination"]
    assert combination.pop("how").startswith("score = log_odds * mean of log(p / (1 - p))")
    assert Combination(**combination) == PRIOR


def test_without_an_embedding_the_card_says_so(tmp_path):
    card = json.loads((export_model(small_model(), tmp_path) / CARD).read_text())
    assert card["embedding"] == "none was given to the export"


def test_warm_up_requests_are_those_of_tensorflow_serving_and_can_be_answered(path):
    reason = "tensorflow-serving-api is not installed: pip install --no-deps tensorflow-serving-api"
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2", reason=reason)
    asked, warmed = tf.saved_model.load(str(path)).signatures, set()
    for record in tf.data.TFRecordDataset(str(path / WARM_UP)):
        request = logs.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == "campus"
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        assert asked[request.model_spec.signature_name](**inputs)
        warmed.add(request.model_spec.signature_name)
    assert warmed == set(json.loads((path / CARD).read_text())["signatures"])


def test_without_the_api_there_are_no_requests(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None)
    path = export_model(small_model(), tmp_path)
    assert not (path / WARM_UP).exists() and (path / CARD).exists()


def test_the_card_of_a_run_has_the_results_of_the_very_model(tmp_path):
    split = Split("mine", "by hand", (1, 2), (3, 4))
    run = Run.start(tmp_path, RunSettings("viper", "normxcorr", Recipe(epochs=2)), split, before=[("grid", (7, 8, 9))])
    small_model().save(run.model_path("best"))
    (tmp_path / "best.json").write_text('{"epoch": 4, "val_rank_1": 0.5, "val_mAP": 0.5}')
    assert run_card(run, "best")["cmc"] == "not measured: tfnxc evaluate does"
    curve = cmc([[0.9, 0.1], [0.8, 0.7]], [3, 4], [3, 4], [0, 0], [1, 1], repeats=1)
    about = {"dataset": "viper", "split": "mine", "split_digest": split.digest, "views": views(flips=True)}
    own = run.model_digest("best")
    for state, digest in (("best", own), ("best", "another"), ("trained", own)):
        of = {"prefix": f"{state}-{digest}", "state": state, "model_digest": digest, **about}
        Result.of(curve, "normxcorr", **of).save(tmp_path / "results")
    card = run_card(run, "best")
    kept = {"split": "mine", "split_digest": split.digest, "protocol": "cross-camera", "ties": "pessimistic"}
    kept |= {"dataset": "viper", "repeats": 1, "probes": 2, "gallery": 2, "rank 1": 50.0}
    assert card["cmc"] == [{**kept, "views": [[False, [False, False]], [False, [True, False]]]}]
    assert card["data"] == [
        {"dataset": "viper", "training_identities": 2},
        {"dataset": "grid", "training_identities": 3},
    ]
    assert card["split"] == {"name": "mine", "digest": split.digest} and "viper" in card["licence"]["weights"]
    training = {"recipe": "published", "epochs_done": 5, "settings": run.settings.to_dict(), "versions": run.versions}
    assert card["training"] == training and card["model_digest"] == own
    assert card["embedding"] == f"none, because the run has none; tfnxc embed fit {tmp_path} fits one"
    assert card["thresholds"] == f"none, because the run has none; tfnxc calibrate {tmp_path} makes them"
    with pytest.raises(InputError, match=r"model.keras: no such model"):
        run_card(run)


def test_the_card_of_a_result_with_strangers_says_who_was_found_at_which_rate(tmp_path):
    run = embedded_run(tmp_path / "run", small_model())
    people = np.arange(20)
    curve = cmc(np.eye(20), people, people, protocol="open-set", repeats=1)
    about = {"dataset": "synthetic", "split": "few-1", "state": "trained", "model_digest": run.model_digest()}
    Result.of(curve, "normxcorr", **about).save(run.folder / "results")
    (found,) = run_card(run)["cmc"]
    assert found["open_set"]["strangers"] == 10 and set(found["open_set"]) == {"strangers", "rates"}


def test_an_export_says_the_thresholds_of_its_run_and_refuses_those_of_another_embedding(tmp_path):
    run = embedded_run(tmp_path / "run", small_model())
    calibration = calibration_of(run.embedding())
    calibration.save(run.folder)
    card = json.loads((export_run(run, "campus", tmp_path / "models") / CARD).read_text())["thresholds"]
    assert card["people"] == [{"dataset": "synthetic", "identities": 2}]
    assert (card["strangers"], card["smallest"]) == (10_000, 1.0) and "exp(" in card["how"]
    both = card["scorers"]["both"]
    assert [(each["false_matches"], each["score"]) for each in both["thresholds"]] == [(1, 9), (10, 8), (300, -9)]
    assert both["brier"] == {"before": None, "after": calibration.scorers["both"].after.brier}
    dataclasses.replace(calibration, of="ffffff").save(run.folder)
    with pytest.raises(InputError, match="of another model or embedding than those beside it"):
        export_run(run, "campus", tmp_path / "models")
