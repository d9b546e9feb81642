"""What the tests of scoring share."""

import numpy as np
import pytest

from tests.distribution.scoring_worker import small_model


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture
def images(rng):
    """Seven pictures of the size that `model` takes."""
    return rng.integers(0, 255, (7, 40, 28, 3), np.uint8)
