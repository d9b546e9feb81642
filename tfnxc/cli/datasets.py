"""`tfnxc datasets`."""

from __future__ import annotations

import click

from tfnxc.cli._sources import SOURCES, open_source


@click.group()
def datasets():
    """What can be trained on, and whether what is on disk is whole."""


@datasets.command("list")
def list_():
    """Lists the data sets and their splits, with the digest that names a split in every result.

    tfnxc datasets list
    """
    from tfnxc.cli._console import console
    from tfnxc.datasets import published_splits

    console.print("Data sets")
    for name, about in SOURCES.items():
        console.print(f"  {name:22} {about}")
    console.print("Splits")
    for name, split in published_splits().items():
        console.print(f"  {name:22} {len(split.train)} train, {len(split.test)} test, {split.digest}: {split.source}")
    console.print("  random-TEST-SEED       TEST identities test, drawn with SEED, e.g. random-100-0")
    console.print('  FILE.json              your own: {"train": [...], "test": [...]}, lists of identities')


@datasets.command()
@click.argument("dataset", type=click.Choice(list(SOURCES)))
@click.option("--data", type=click.Path(), help="Folder of the data set.")
def check(dataset, data):
    """Reads every picture, counts, and names each one that is broken."""
    import numpy as np

    from tfnxc.cli._console import console, progress_bar
    from tfnxc.datasets.cuhk01 import OFFICIAL_COUNTS
    from tfnxc.errors import InputError

    people = open_source(dataset, data)
    broken = []
    with progress_bar("Reading pictures", len(people)) as advance:
        for index in range(len(people)):
            try:
                people.read(index)
            except InputError as error:
                broken.append(str(error))
            advance(1)
    identities = len(np.unique(people.identities))
    console.print(f"{dataset}: {len(people)} pictures of {identities} identities, {len(broken)} broken")
    for line in broken:
        console.print(f"  {line}")
    if dataset == "cuhk01":
        whole = (len(people), identities) == OFFICIAL_COUNTS
        verdict = "equal" if whole else "NOT equal"
        console.print(f"  official: {OFFICIAL_COUNTS[0]} pictures of {OFFICIAL_COUNTS[1]} identities: {verdict}")
        if not whole:
            broken.append("counts")
    if broken:
        raise click.exceptions.Exit(1)
