"""What the tests of search share: a small model with its embedding, and a gallery of drawn people."""

import keras
import numpy as np
import pytest
from PIL import Image

from tfnxc import models
from tfnxc.datasets import synthetic
from tfnxc.embedding import Combination, Discriminant, Embedding, EmbeddingCard, pooled
from tfnxc.hashes import file_digest
from tfnxc.scoring import embed
from tfnxc.search import Gallery, Picture

SIZE = (48, 28)


def embedding_of(model_file, dimensions=8, **weights):
    """An embedding fitted to a few drawn people, of the model in a file."""
    people = synthetic(identities=12, seed=9)
    maps = embed(models.split(keras.models.load_model(model_file)).tower, people.images(SIZE))
    fitted = Discriminant(dimensions).fit(pooled(maps), people.identities)
    combination = Combination(**{"log_odds": 1.5, "cosine": 4.0, "slope": 0.7, "intercept": -1.0, **weights})
    fitted_on = (("synthetic", tuple(range(12))),)
    card = EmbeddingCard(file_digest(model_file), "discriminant", fitted_on, len(maps), combination=combination)
    return Embedding.of(fitted, maps.shape[1:], card)


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A model file with its embedding beside it."""
    keras.utils.set_random_seed(0)
    model = models.normxcorr((*SIZE, 3), search_size=(3, None), filters=(4, 5), units=8, initializer="he")
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    embedding_of(path).save(path.parent)
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
