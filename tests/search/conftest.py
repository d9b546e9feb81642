"""What the tests of search share: a small model in a file, and a gallery of drawn people."""

import keras
import numpy as np
import pytest
from PIL import Image

from tfnxc import models
from tfnxc.datasets import synthetic
from tfnxc.search import Gallery, Picture


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = models.normxcorr((48, 28, 3), search_size=(3, None), filters=(4, 5), units=8, initializer="he")
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def pictures():
    """12 pictures: three people, two cameras, a time each, named `synthetic/0000_a_00.png` and so on."""
    people = synthetic(identities=3, seed=3)
    columns = zip(people.paths, people.images(), people.identities, people.cameras, strict=True)
    return [
        Picture(name, image, str(who), "ab"[camera], float(at)) for at, (name, image, who, camera) in enumerate(columns)
    ]


@pytest.fixture
def gallery(tmp_path, model_file, pictures):
    found = Gallery.start(tmp_path / "index", model_file)
    found.add(pictures)
    return found


@pytest.fixture
def crops(tmp_path, pictures):
    """The folder `crops/CAMERA/NAME.png` of the same pictures, and one file that is broken."""
    folder = tmp_path / "crops"
    for picture in pictures:
        path = folder / picture.camera / picture.name.split("/")[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(picture.image)).save(path)
    (folder / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing of the kind")
    return folder
