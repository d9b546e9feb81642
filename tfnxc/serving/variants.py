"""Smaller forms of a model for export, and what they cost."""

import dataclasses
from typing import Any

import keras
import numpy as np
from rich.console import Console

from tfnxc.console import progress_bar
from tfnxc.datasets import open_dataset
from tfnxc.embedding import Embedding
from tfnxc.errors import InputError
from tfnxc.evaluation import EvaluationPlan, Results, default_protocol, evaluate
from tfnxc.evaluation.tested import refuse_other_people
from tfnxc.models.split import Parts, split
from tfnxc.runs import Run
from tfnxc.scoring import Embedder


class _HalfStored(keras.mixed_precision.Policy):
    """Variables in half precision, which Keras casts up wherever they are read; all arithmetic in float32."""

    def __init__(self):
        super().__init__("float32")

    @property
    def variable_dtype(self):
        return "float16"


def _half_stored(part):
    small = keras.models.clone_model(part, None, _half_stored_layer)
    small.set_weights(part.get_weights())
    return small


def _half_stored_layer(layer):
    if isinstance(layer, keras.Model):
        return _half_stored(layer)
    # Keras 3 has operations without weights among the layers, which have no policy.
    policy = {"dtype": _HalfStored()} if isinstance(layer, keras.layers.Layer) else {}
    return type(layer).from_config({**layer.get_config(), **policy})


VARIANTS = {"float32": lambda part: part, "float16": _half_stored}
"""How the weights of tower and head are kept in an export: as they are, or in half the bytes.

Those of an embedding stay as they are: half precision cannot hold the weights of a pooled number that hardly varies.
"""


def variant(parts: Parts, name: str) -> Parts:
    """The tower and the head of a model in a form of `VARIANTS`; raises `InputError` if there is no such form.

    Example:
        >>> tower, head = variant(tfnxc.models.split(model), "float16")
    """
    if name not in VARIANTS:
        raise InputError(f"variant must be one of {', '.join(VARIANTS)}; got {name!r}.")
    return Parts(*map(VARIANTS[name], parts))


def rounded_weights(model: keras.Model) -> list[np.ndarray]:
    """The weights of a model as the variant "float16" keeps them, in float32: to measure what that costs.

    Example:
        >>> rounded_weights(model)[0].dtype
        dtype('float32')
    """
    return [each.astype("float16").astype(each.dtype) for each in model.get_weights()]


def measure_variant(
    run: Run,
    model: keras.Model,
    variant: str = "float16",
    data: str | None = None,
    probes: int | None = 100,
    console: Console | None = None,
    embedding: Embedding | None = None,
) -> dict[str, Any]:
    """Measures a model of a run with its own weights and with those of a variant; the model is left unchanged.

    Both are measured on the test people of the run, under the protocol of its data set, in one draw.

    Args:
        run: The `Run`.
        model: Its model, in any state.
        variant: Name of the variant. Defaults to `"float16"`.
        data: As in `export_run`. Defaults to `None`.
        probes: The most probes. Defaults to 100.
        console: Where a table of both is shown. Defaults to `None`: nowhere.
        embedding: The `Embedding` of the model, whose vectors are measured alike, by their cosines. Defaults to `None`:
            it has none.

    Returns:
        Both results and the loss in per cent, as in the card of an export; those of vectors under `"vectors"`, with the
        least cosine of the two vectors of one picture.

    Example:
        >>> found = measure_variant(run, run.load_model(), probes=2)
        >>> found["loss"] == {"rank 1": found["float32"]["rank 1"] - found["float16"]["rank 1"]}
        True
    """
    people = open_dataset(run.settings.dataset, data or run.data)
    refuse_other_people(run, people)
    protocol = default_protocol(run.settings.dataset, run.split.test_part(people))
    own, results, vectors = model.get_weights(), {}, {}
    plan = EvaluationPlan.of(protocol, run.split.test_part(people), repeats=1, probes=probes)
    try:
        for name, weights in (("float32", own), (variant, rounded_weights(model))):
            model.set_weights(weights)
            (result,) = evaluate(
                model, people, split=run.split, protocols=protocol, repeats=1, probes=probes, console=console
            )
            results[name] = dataclasses.replace(result, name=name, label=name, pairs_per_second=None)
            if embedding is not None:
                vectors[name] = _vectors(embedding.of_images(split(model).tower), run, people, plan, console)
    finally:
        model.set_weights(own)
    if console is not None:
        console.print(Results(results.values()))
    about = {"protocol": result.protocol, "draws": 1, "probes": result.probes, "gallery": result.gallery}
    found = {**about, **_compared({name: _figures(each, result.gallery) for name, each in results.items()})}
    if vectors:
        found["vectors"] = _compared_vectors(vectors, plan, result.gallery)
        if console is not None:
            console.print(_told(found["vectors"], variant))
    return found


def _vectors(model, run, people, plan, console):
    """The unit vectors of the test pictures that a plan reads; 0 of others."""
    part, needed = run.split.test_part(people), plan.needed_part()
    read = np.union1d(plan.rows[needed.any(axis=1)], plan.columns[needed.any(axis=0)])
    images = part.take(read).images(model.input_shape[1:3])
    found = np.zeros((len(part), model.output_shape[-1]), np.float32)
    with progress_bar("Vectors", len(read), console=console) as progress:
        found[read] = Embedder(model)(images, progress)
    return found


def _compared_vectors(vectors, plan, gallery):
    figures = {}
    for name, each in vectors.items():
        curves = plan.measure_part(each[plan.rows] @ each[plan.columns].T)
        figures[name] = {**_figures(curves, gallery), "mAP": 100 * curves.mean_average_precision}
    own, smaller = vectors.values()
    read = own.any(axis=1)
    cosines = np.sum(own[read] * smaller[read], axis=1, dtype=np.float64)
    return {**_compared(figures), "least_cosine": float(cosines.min())}


def _figures(measured, gallery):
    return {f"rank {k}": 100 * measured.rank(k) for k in (1, 5, 10, 20) if k <= gallery}


def _compared(figures):
    """Figures of float32 and of a variant, with what the variant loses."""
    (_, own), (_, smaller) = figures.items()
    return {**figures, "loss": {name: value - smaller[name] for name, value in own.items()}}


def _told(vectors, variant):
    told = ", ".join(
        f"{name} {vectors['float32'][name]:.2f} and {vectors[variant][name]:.2f}" for name in ("rank 1", "mAP")
    )
    return f"Vectors alone, float32 and {variant}: {told}; least cosine of the two {vectors['least_cosine']:.6f}."
