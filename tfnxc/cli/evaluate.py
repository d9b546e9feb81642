"""`tfnxc evaluate`."""

from __future__ import annotations

import click

from tfnxc.cli._sources import open_source


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.option(
    "--data", type=click.Path(), help="Folder of the data set. Default: the one that the run was trained from."
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice(["cross-camera", "paper"]),
    help="May be given twice. Default: both.",
)
@click.option("--state", default="trained", type=click.Choice(["trained", "initial"]), show_default=True)
@click.option(
    "--repeats", default=10, show_default=True, type=click.IntRange(1), help="How often the gallery is drawn."
)
@click.option("--probes", default=None, type=click.IntRange(1), help="At most so many probes a draw. Default: all.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(1), help="Pairs at a time.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the draws.")
@click.option(
    "--ties",
    default="pessimistic",
    show_default=True,
    type=click.Choice(["pessimistic", "optimistic"]),
    help="Whether a tie counts against the probe.",
)
def evaluate(folder, data, protocols, state, batch_size, **options):
    r"""Measures a run by single-shot CMC on the test identities of its split.

    Two protocols, whose figures do not compare: cross-camera (probes from camera A, gallery from camera B) and
    paper (the gallery from any camera, all other images are probes: easier). The towers run once an image, the head
    once a pair.
    Scores are kept in the run, so that a stopped command goes on and other draws score only what is new.

    \b
    tfnxc evaluate runs/cuhk01-normxcorr                  every draw of both protocols: hours on CUHK01
    tfnxc evaluate runs/cuhk01-normxcorr --repeats 1      one draw
    tfnxc evaluate runs/cuhk01-normxcorr --repeats 1 --probes 100 --state initial
    """
    from tfnxc import training
    from tfnxc.cli._console import cmc_table, progress_bar
    from tfnxc.cli._measure import measure

    run = training.Run.open(folder)
    data = data or run.record["data"]
    people = open_source(run.settings["dataset"], data).of_identities(run.record["split"]["test"])
    with progress_bar("Reading pictures", len(people)) as advance:
        images = people.images(progress=advance)
    results = measure(run, people, images, data, protocols or ("cross-camera", "paper"), state, batch_size, options)
    title = f"{run.settings['dataset']}, split {run.record['split']['name']} ({run.record['split_digest']})"
    cmc_table(title, [(f"{run.settings['model']} {state}", result) for result in results])
