"""`tfnxc demo`."""

from __future__ import annotations

import click

from tfnxc.cli._repeatable import add_up_in_order
from tfnxc.cli._sources import SEED
from tfnxc.evaluation.guard import open_source


@click.command()
@click.option("--run", "folder", default="runs/demo", show_default=True, type=click.Path(), help="Run folder.")
@click.option("--to", "savedmodels", default="savedmodels", show_default=True, type=click.Path(), help="Export folder.")
@click.option("--epochs", default=8, show_default=True, type=click.IntRange(1), help="Passes over the images.")
@click.option("--seed", default=0, show_default=True, type=SEED)
def demo(folder, savedmodels, epochs, seed):
    """Does the whole job on drawn people: train, CMC before and after, export, one picture.

    300 people are drawn, each twice by either of two cameras; 200 train a Normalized X-Corr model, 100 test it. A
    colour histogram, which needs no training, is measured beside it. Minutes on two cores; nothing is downloaded.
    """
    import pathlib

    from tfnxc import evaluation, serving, training, visualization
    from tfnxc.console import cmc_tables, console, progress_bar
    from tfnxc.datasets import get_split
    from tfnxc.evaluation.measure import measure, of_colour_histogram, of_run
    from tfnxc.files import replacing

    add_up_in_order()
    people = open_source("synthetic", None)
    split = get_split("random-100-0", people.identities)
    trainees, tested = people.of_identities(split.train), people.of_identities(split.test)
    # The published recipe, tfnxc train's default, was made for days.
    recipe = training.Recipe.named("grouped", batch_size=72, warmup=10, epochs=epochs)
    settings = {"dataset": "synthetic", "model": "normxcorr", "search_size": None, "seed": seed, **vars(recipe)}
    run = training.Run.start(folder, settings, split)
    with progress_bar("Drawing people", len(trainees)) as advance:
        images = trainees.images(progress=advance)
    training.train(
        run, "normxcorr", images, trainees.identities, recipe, seed, cameras=trainees.cameras, console=console
    )

    draws = {"repeats": 1, "probes": None, "seed": 0, "ties": "pessimistic"}
    protocol = "cross-camera"
    pictures = tested.images()
    about = {"dataset": "synthetic", "split": split.name, "split_digest": split.digest}
    subjects = {
        "NormXcorr, untrained": of_run(run, tested, pictures, "initial", evaluation.views()),
        "Colour histogram": of_colour_histogram(tested, pictures, about, run.folder / "results"),
        "NormXcorr, trained": of_run(run, tested, pictures, "trained", evaluation.views()),
    }
    measured = {label: measure(subject, [protocol], draws)[0] for label, subject in subjects.items()}
    results = {label: each.result for label, each in measured.items()}
    rows = [(label, evaluation.Summary.of([each.result]), each.pairs_per_second) for label, each in measured.items()]
    cmc_tables(f"Synthetic set, split {split.name}", rows)
    picture = run.folder / "cmc.png"
    with replacing(picture) as new:
        visualization.plot_cmc(results, "Synthetic set, 100 test identities").savefig(new, dpi=150)
    console.print(f"Picture: {picture}")
    model, digest = run.load_model()
    exported = serving.export_model(model, pathlib.Path(savedmodels) / "demo", card=serving.run_card(run, digest))
    console.print(f"Exported: {exported}")
