"""The model that a training begins with: built, or given, or built on a tower that is given."""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

import keras

from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.files import writing
from tfnxc.models.compatibility import leaf_layers
from tfnxc.recipes import Recipe, model_options
from tfnxc.runs import load_model
from tfnxc.training.options import Start


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """A block whose layers are made under a dtype policy, which they keep, also in a file."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def built(start: Start, shape: tuple[int, int, int], recipe: Recipe) -> keras.Model:
    """The model of images of a shape, not compiled; what is given is copied, so that training leaves it as it is."""
    if isinstance(start.model, keras.Model):
        _check_precision(start.model, recipe, "model")
        return _copied(start.model)
    options = model_options(recipe)
    options |= {} if start.search_size is None else {"search_size": start.search_size}
    if start.tower is None:
        options["input_shape"] = shape
    else:
        _check_precision(start.tower, recipe, "tower")
        del options["scaling"]
        options["tower"] = start.tower
    with precision(recipe.precision):
        model = models.BUILDERS[start.model](**options)
    return model if start.tower is None else _copied(model)


def _copied(model):
    """A model by way of a file, as every later step of its run will read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "given.keras"
        with writing(path):
            model.save(path)
        try:
            return load_model(path)[0]
        except InputError as error:
            raise InputError(
                f"the given tower or model cannot be read back from a file, so that its run would be useless: {error} "
                "Layers of its own have to be registered with keras.saving.register_keras_serializable; Lambda layers "
                "are not loaded."
            ) from None


def _check_precision(given, recipe, what):
    """Raises `InputError` where what is given computes in another precision than the recipe takes for granted."""
    computed = {layer.compute_dtype for layer in leaf_layers(given)}
    asked = recipe.precision.removeprefix("mixed_")
    if "float16" in computed and asked != "float16":
        raise InputError(
            f"the given {what} computes in float16, where the loss has to be scaled: precision must be mixed_float16; "
            f"got {recipe.precision}."
        )
    if what == "model" and asked != "float32" and asked not in computed:
        raise InputError(
            f"precision is of layers that tfnxc makes, and the given model computes in {', '.join(sorted(computed))}; "
            f"got {recipe.precision}. Make the model under that policy: keras.mixed_precision.set_global_policy."
        )
