"""A small run of drawn people with an embedding, without a training: a second, not minutes."""

import keras
import numpy as np

from tfnxc.datasets import Split, open_dataset
from tfnxc.embedding import Combination, Discriminant, Embedding, EmbeddingCard, pooled
from tfnxc.models import image_size, normxcorr, split
from tfnxc.recipes.recipe import Recipe
from tfnxc.runs import Run, RunSettings
from tfnxc.scoring import embed

SPLIT = Split("few-1", "by hand", tuple(range(10)), (20, 21, 22, 23))
COMBINATION = Combination(log_odds=1.5, cosine=8.0, same_camera=-0.5, slope=0.7, intercept=-1.0)


def small_model(size=(160, 60), **options):
    """A model of images of a height and width, with random weights."""
    keras.utils.set_random_seed(0)
    return normxcorr((*size, 3), filters=(3, 4), units=8, **options)


def embedded_run(folder, model, fitted_on=SPLIT.train, combined_on=(), chosen=SPLIT, **settings):
    """A run whose embedding was fitted on drawn people, and its combination, as the card says, on others."""
    run = Run.start(folder, RunSettings("synthetic", "normxcorr", Recipe(epochs=1), **settings), chosen)
    model.save(run.model_path())
    run.note_progress(1, 10)
    fitted_embedding(model, run.model_digest(), fitted_on, combined_on).save(run.folder)
    return run


def fitted_embedding(model, digest, fitted_on=SPLIT.train, combined_on=()):
    """An embedding of a model, of 6 numbers."""
    people = open_dataset("synthetic").of_identities(fitted_on)
    maps = embed(split(model).tower, people.images(image_size(model)))
    fitted = Discriminant(dimensions=6).fit(pooled(maps), people.identities)
    known = {"fitted_on": (("synthetic", tuple(fitted_on)),), "combination": COMBINATION}
    known |= {"combined_on": (("synthetic", tuple(combined_on)),) if combined_on else ()}
    return Embedding.of(fitted, maps.shape[1:], EmbeddingCard(digest, "discriminant", pictures=len(people), **known))


def vectors_of(embedding, model, images):
    """Unit vectors of pictures, as plainly as can be."""
    return embedding.vectors(embed(split(model).tower, np.asarray(images)))
