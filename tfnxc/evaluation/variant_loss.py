"""What the weights of a smaller export cost, measured before it is written."""

from __future__ import annotations

import numpy as np

from tfnxc import evaluation, serving
from tfnxc.console import cmc_tables, progress_bar
from tfnxc.datasets import Split
from tfnxc.evaluation.guard import default_protocol, open_source
from tfnxc.scoring.pair_scorer import PairScorer


def measure_variant(run, model, variant, data, probes):
    """Measures a model with its own weights and with those of a variant, prints both, and leaves the model as it was.

    Args:
        run: The `Run`; its test people are measured, under the protocol of its data set, one draw.
        model: Its trained model.
        variant: `"float16"`.
        data: Folder or file of the data set. Defaults to `None`: where the run was trained from.
        probes: The most probes.

    Returns:
        What the card says of it, in per cent.
    """
    dataset = run.settings["dataset"]
    people = open_source(dataset, data or run.record["data"])
    tested = Split.from_dict(run.record["split"]).test_part(people)
    with progress_bar("Reading pictures", len(tested)) as advance:
        images = tested.images(progress=advance)
    protocol = default_protocol(dataset, tested)
    plan = evaluation.EvaluationPlan.of(protocol, tested, repeats=1, probes=probes)
    own = model.get_weights()
    results = {"float32": _measured(model, images, plan)}
    try:
        model.set_weights(serving.rounded_weights(model))
        results[variant] = _measured(model, images, plan)
    finally:
        model.set_weights(own)
    rows = [(name, evaluation.Summary.of([result]), None) for name, result in results.items()]
    cmc_tables(f"{dataset}, weights of the export", rows)
    ranks = [k for k in (1, 5, 10, 20) if k <= results[variant].gallery]
    figures = {name: {f"rank {k}": 100 * result.rank(k) for k in ranks} for name, result in results.items()}
    about = {"protocol": protocol, "draws": 1, "probes": results[variant].probes, "gallery": results[variant].gallery}
    return {**about, **figures, "loss": {k: value - figures[variant][k] for k, value in figures["float32"].items()}}


def _measured(model, images, plan):
    needed = plan.needed()
    scores = np.full(needed.shape, np.nan, np.float32)
    with progress_bar("Pairs", int(needed.sum())) as advance:
        scores[needed] = PairScorer(model, images).score(np.argwhere(needed), advance)
    return plan.measure(scores)
