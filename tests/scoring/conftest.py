"""What the tests of scoring share."""

import numpy as np
import pytest

from tests.distribution.scoring_worker import small_model


@pytest.fixture(scope="package")
def model():
    return small_model()


@pytest.fixture
def images(rng):
    """7 images of the size that the small model takes."""
    return rng.integers(0, 255, (7, 40, 28, 3), np.uint8)
