"""A run with an embedding, for tests of what measures it."""

import pytest

from tests.evaluation.embedded_run import embedded_run, small_model


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture
def run(tmp_path, model):
    return embedded_run(tmp_path / "mine", model)
