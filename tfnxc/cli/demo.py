"""`tfnxc demo`."""

import click

from tfnxc.cli._options import SEED
from tfnxc.datasets import open_dataset


@click.command(context_settings={"show_default": True})
@click.option("--run", "folder", default="runs/demo", type=click.Path(), help="Run folder.")
@click.option("--to", "savedmodels", default="savedmodels", type=click.Path(), help="Export folder.")
@click.option("--epochs", default=8, type=click.IntRange(1), help="Epochs over the images.")
@click.option("--seed", default=0, type=SEED)
def demo(folder, savedmodels, epochs, seed):
    """Does the whole job on drawn people: train, CMC before and after, export, one picture.

    300 people are drawn, each twice by either of two cameras; 200 train a Normalized X-Corr model, 100 test it. A
    colour histogram, which needs no training, is measured beside it. Minutes on two cores; nothing is downloaded.
    """
    from tfnxc import evaluation, serving, training, visualization
    from tfnxc.console import console

    training.make_deterministic()
    people = open_dataset("synthetic")
    data = training.TrainingData(people, "random-100-0")
    # The published recipe, tfnxc train's default, was made for days.
    recipe = training.Recipe.named("grouped", batch_size=72, warmup=10, epochs=epochs)
    where = training.Execution(console=console)
    run = training.train(folder, data, recipe, start=training.Start(seed=seed), execution=where)

    options = {"split": data.chosen_split, "protocols": "cross-camera", "repeats": 1, "console": console}
    measured = {
        "NormXcorr, untrained": evaluation.evaluate(run, people, state="initial", **options),
        "Colour histogram": evaluation.evaluate("colour-histogram", people, **options),
        "NormXcorr, trained": evaluation.evaluate(run, people, **options),
    }
    results = evaluation.Results.join(measured.values())
    results.save(run.folder / "results")
    console.print(results)
    picture = run.folder / "cmc.png"
    curves = {label: found[0] for label, found in measured.items()}
    visualization.save_figure(visualization.plot_cmc(curves, "Synthetic set, 100 test identities"), picture, dpi=150)
    console.print(f"Picture: {picture}")
    exported = serving.export_run(run, "demo", savedmodels, console=console)
    console.print(f"Exported: {exported}")
