"""What the weights of a smaller export cost, measured before it is written."""

import dataclasses
from typing import Any

import keras
from rich.console import Console

from tfnxc.datasets import open_dataset
from tfnxc.evaluation import Results, default_protocol, evaluate
from tfnxc.runs import Run
from tfnxc.serving.variants import rounded_weights


def measure_variant(
    run: Run,
    model: keras.Model,
    variant: str = "float16",
    data: str | None = None,
    probes: int | None = 100,
    console: Console | None = None,
) -> dict[str, Any]:
    """Measures a model of a run with its own weights and with those of a variant, and leaves it as it was.

    Both are measured on the test people of the run, under the protocol of its data set, in one draw.

    Args:
        run: The `Run`.
        model: Its model, in any state.
        variant: Name of the variant. Defaults to `"float16"`.
        data: As in `export_run`, like the arguments that follow. Defaults to `None`.
        probes: The most probes. Defaults to 100.
        console: Where a table of both is shown. Defaults to `None`: nowhere.

    Returns:
        What the card of the export says of it, in per cent.

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
