"""What the tests of the service share: clients of a small gallery, and pictures to send."""

import contextlib
import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from tests.search.conftest import gallery, model_file, pictures  # noqa: F401
from tfnxc.search import Gallery
from tfnxc.service import Settings, application

if importlib.util.find_spec("prometheus_client") is None:  # no server: pip install "tfnxc[service]"
    collect_ignore_glob = ["test_*.py"]


def png(image):
    """A picture file, as bytes."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def asking(gallery, tmp_path):  # noqa: F811
    """Makes clients of the service with some settings."""
    from fastapi.testclient import TestClient

    with contextlib.ExitStack() as stack:

        def make(**settings):
            served = application(gallery, Settings(**settings), tmp_path / "private")
            return stack.enter_context(TestClient(served))

        yield make


@pytest.fixture(scope="module")
def standing(tmp_path_factory, model_file, pictures):  # noqa: F811
    """A client of a gallery that no test changes."""
    from fastapi.testclient import TestClient

    found = Gallery.start(tmp_path_factory.mktemp("standing") / "index", model_file)
    found.add(pictures)
    with TestClient(application(found, Settings(requests_per_minute=None))) as client:
        yield client


@pytest.fixture
def client(asking):
    return asking()


@pytest.fixture
def probe(pictures):  # noqa: F811
    """A picture of the first person, by camera a, which the gallery has as `synthetic/0000_a_00.png`."""
    return png(pictures[0].image)
