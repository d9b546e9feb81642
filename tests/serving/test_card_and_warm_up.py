import json

import pytest
import tensorflow as tf

from tests.serving.small_export import graph_of, small_model
from tfnxc.serving import CARD, WARM_UP, export_model


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return export_model(small_model(), tmp_path_factory.mktemp("models") / "campus", card={"licence": "mine"})


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
