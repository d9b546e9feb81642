"""The service does what its OpenAPI document says, as schemathesis asks it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.conftest import png
from tfnxc.datasets import synthetic
from tfnxc.search import Gallery
from tfnxc.service import Settings, application

schemathesis = pytest.importorskip("schemathesis", reason="no schemathesis: pip install schemathesis")

PICTURES = st.sampled_from([png(image) for image in synthetic(identities=2, seed=3).images()] + [b"no picture"])
for kind in ("image/png", "image/jpeg", "image/bmp", "image/webp"):
    schemathesis.openapi.media_type(kind, PICTURES)

CONFIG = """
[checks]
# A picture that is none, and a time that is none, are of their schemas.
positive_data_acceptance.expected-statuses = [200, 201, 404, 409, 422]
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory, model_file, pictures):
    gallery = Gallery.start(tmp_path_factory.mktemp("asked") / "index", model_file)
    gallery.add(pictures)
    served = application(gallery, Settings(requests_per_minute=None))
    config = schemathesis.Config.from_str(CONFIG)
    return schemathesis.openapi.from_asgi("/openapi.json", served, config=config)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_it_does_what_the_document_says(document, mode):
    for operation in (each.ok() for each in document.get_all_operations()):
        if mode is schemathesis.GenerationMode.NEGATIVE and "parameters" not in operation.definition.raw:
            continue  # nothing of it can be wrong

        @settings(
            max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            case.call_and_validate()

        check()
