"""What TensorFlow Serving is told, as far as it can be checked without it."""

import pathlib

import pytest
from google.protobuf import text_format

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "savedmodels"


def test_the_models_are_a_model_server_config():
    reason = "tensorflow-serving-api is not installed: pip install --no-deps tensorflow-serving-api"
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2", reason=reason)
    text = (FOLDER / "models.config").read_text(encoding="utf-8")
    (model,) = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert (model.base_path, model.model_version_policy.latest.num_versions) == (f"/models/{model.name}", 2)


def test_the_composed_services_name_files_that_are_there():
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    named = {word.split("=/models/")[1].strip('"],') for word in text.split() if "=/models/" in word}
    assert named == {"models.config", "batching.config"}
    assert all((FOLDER / name).is_file() for name in named)
