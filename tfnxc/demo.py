"""The whole job on drawn people, in a minute: trained, measured, exported, and shown."""

import os
import pathlib
from typing import Any, NamedTuple

from rich.console import Console

from tfnxc import evaluation, serving, training, visualization
from tfnxc.datasets import ImageSet, open_dataset
from tfnxc.evaluation.results import printed
from tfnxc.runs import Run

_BASELINE = "colour-histogram"
_SCORERS = ("head", "embedding", "both")


class Demo(NamedTuple):
    """What `demo` leaves."""

    run: Run
    results: evaluation.Results
    curves: pathlib.Path
    """The CMC curves, a PNG file."""
    exported: pathlib.Path
    """The version of the SavedModel."""
    ranking: pathlib.Path
    """What is ranked first for some probes, a PNG file."""


def demo(
    run: str | os.PathLike = "runs/demo",
    savedmodels: str | os.PathLike = "savedmodels",
    *,
    epochs: int = 5,
    seed: int = 0,
    people: ImageSet | None = None,
    batch_size: int = 72,
    console: Console | None = None,
) -> Demo:
    """Trains a Normalized X-Corr model on drawn people, measures, exports and pictures it.

    300 people are drawn, each twice by either of two cameras; 200 train, 100 test. Pair head, embedding, both together
    and a colour histogram, which needs no training, rank the same gallery. After `make_deterministic` the same seed
    gives the same weights.

    Args:
        run: The run folder; a training that was stopped there goes on. Defaults to `"runs/demo"`.
        savedmodels: Folder of the exports. Defaults to `"savedmodels"`.
        epochs: Epochs over the images. Defaults to `5`.
        seed: Initialization, pairs, augmentation. Defaults to `0`.
        people: Others than those 300; a third of them test. Defaults to `None`.
        batch_size: Pairs a batch, a multiple of 9. Defaults to `72`.
        console: A rich `Console` for progress and the table. Defaults to `None`: nothing is shown.

    Returns:
        The `Demo`.

    Raises:
        InputError: If the folder holds a run of other settings, or cannot be written.

    Example:
        >>> few = tfnxc.datasets.synthetic(identities=12)
        >>> made = demo("runs/shown", "shown", epochs=1, people=few, batch_size=9)
        >>> [result.label for result in made.results]
        ['colour histogram', 'normxcorr', 'normxcorr, embedding', 'normxcorr, both']
        >>> made.ranking.name
        'ranking.png'
    """
    people = open_dataset("synthetic") if people is None else people
    data = training.TrainingData(people, f"random-{len(people.people) // 3}-0")
    tested = len(data.chosen_split.test)
    how: dict[str, Any] = {
        "split": data.chosen_split,
        "protocols": "cross-camera",
        "repeats": 1,
        "probes": 100,
        "console": console,
    }
    # First, because it needs no model: the compiled op may still be in the making.
    colours = evaluation.evaluate(_BASELINE, people, **how)
    # The rate is higher than that of the recipe because the epochs are few.
    recipe = training.Recipe.named("grouped", batch_size=batch_size, learning_rate=0.005, warmup=10, epochs=epochs)
    execution = training.Execution(console=console, verbose=0)
    trained = training.train(run, data, recipe, start=training.Start(seed=seed), execution=execution)
    models = evaluation.evaluate(trained, people, scorer=_SCORERS, **how)
    results = evaluation.Results.join([colours, models])
    results.save(trained.folder / "results")
    if console is not None:
        console.print(results)
    curves, ranking = trained.folder / "cmc.png", trained.folder / "ranking.png"
    of_each = {printed(each.label): each for each in results}
    visualization.save_figure(
        visualization.plot_cmc(of_each, f"Synthetic set, {tested} test identities"), curves, dpi=150
    )
    exported = serving.export_run(trained, "demo", savedmodels, console=console)
    ranked = evaluation.rank_probes([trained, _BASELINE], people, split=data.chosen_split, scorer="both")
    visualization.save_figure(visualization.plot_rankings(ranked.probes()), ranking)
    return Demo(trained, results, curves, exported, ranking)
