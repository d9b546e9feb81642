"""`tfnxc demo`."""

import click

from tfnxc.cli._options import SEED


@click.command(context_settings={"show_default": True})
@click.option("--run", "folder", default="runs/demo", type=click.Path(), help="Run folder.")
@click.option("--to", "savedmodels", default="savedmodels", type=click.Path(), help="Export folder.")
@click.option("--epochs", default=5, type=click.IntRange(1), help="Epochs over the images.")
@click.option("--seed", default=0, type=SEED)
def demo(folder, savedmodels, epochs, seed):
    """Does the whole job on drawn people: train, CMC of what ranks them, export, pictures.

    300 people are drawn, each twice by either of two cameras; 200 train a Normalized X-Corr model, 100 test it. A
    colour histogram, which needs no training, is measured beside it. A minute on two cores; nothing is downloaded.
    """
    from tfnxc import training
    from tfnxc.console import console
    from tfnxc.demo import demo

    training.make_deterministic()
    made = demo(folder, savedmodels, epochs=epochs, seed=seed, console=console)
    console.print(f"CMC curves: {made.curves}")
    console.print(f"Exported: {made.exported}")
    console.print(f"What it ranks first, and what colours alone do: {made.ranking}")
    console.print("Look at it. What to type next:")
    console.print(f"  tfnxc report {made.run.folder}")
    console.print(f"  tfnxc plot ranking {made.run.folder} --scorer both --kind false-match")
    console.print("  tfnxc train --help")
