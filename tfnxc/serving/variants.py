"""Smaller forms of a model for export, and what they cost."""

import dataclasses
from typing import Any

import keras
import numpy as np
from rich.console import Console

from tfnxc.datasets import open_dataset
from tfnxc.errors import InputError
from tfnxc.evaluation import Results, default_protocol, evaluate
from tfnxc.models.split import Parts
from tfnxc.runs import Run


class _HalfStored(keras.mixed_precision.Policy):
    """Variables in half precision, which Keras casts up wherever they are read; all arithmetic in float32."""

    def __init__(self):
        super().__init__("float32")

    @property
    def variable_dtype(self):
        return "float16"


def _half_stored(part):
    policy = {"dtype": _HalfStored()}
    small = keras.models.clone_model(part, None, lambda each: type(each).from_config({**each.get_config(), **policy}))
    small.set_weights(part.get_weights())
    return small


VARIANTS = {"float32": lambda part: part, "float16": _half_stored}
"""How the weights of an export are kept: as they are, or in half the bytes."""


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

    Returns:
        Both results and the loss in per cent, as in the card of an export.

    Example:
        >>> found = measure_variant(run, run.load_model(), probes=2)
        >>> found["loss"] == {"rank 1": found["float32"]["rank 1"] - found["float16"]["rank 1"]}
        True
    """
    people = open_dataset(run.settings.dataset, data or run.data)
    protocol = default_protocol(run.settings.dataset, run.split.test_part(people))
    own, results = model.get_weights(), {}
    try:
        for name, weights in (("float32", own), (variant, rounded_weights(model))):
            model.set_weights(weights)
            (result,) = evaluate(
                model, people, split=run.split, protocols=protocol, repeats=1, probes=probes, console=console
            )
            results[name] = dataclasses.replace(result, name=name, label=name, pairs_per_second=None)
    finally:
        model.set_weights(own)
    if console is not None:
        console.print(Results(results.values()))
    ranks = [k for k in (1, 5, 10, 20) if k <= result.gallery]
    figures = {name: {f"rank {k}": 100 * each.rank(k) for k in ranks} for name, each in results.items()}
    about = {"protocol": result.protocol, "draws": 1, "probes": result.probes, "gallery": result.gallery}
    return {**about, **figures, "loss": {k: value - figures[variant][k] for k, value in figures["float32"].items()}}
