"""`tfnxc report`."""

from __future__ import annotations

import pathlib

import click

from tfnxc.errors import InputError


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.option("--to", "path", type=click.Path(), help="File, .html. Default: report.html in the run's folder.")
@click.option("--data", type=click.Path(), help="Folder or file of the data set. Default: where the run was trained.")
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Pictures of people in the report.")
@click.option(
    "--probes", default=3, show_default=True, type=click.IntRange(1, 20), help="How many probes are pictured."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Draws the probes and the gallery.")
def report(folder, path, data, pictures, probes, seed):
    """Writes what is known of a run as one HTML file: open it in any browser, also offline.

    It shows results beside published figures, training curves, the settings, speed and versions, and for a few probes
    what the model ranks first, the maps of its tower and what its correlation sees. Nothing is trained; a few probes
    are scored, and the scores kept in the run. What the run does not have yet, the report says how to get.

    The file holds no path of this machine. With --no-pictures it holds no picture of a person either, so that it can
    be passed on: docs/report.md.

    \b
    tfnxc report runs/mine
    tfnxc report runs/mine --no-pictures --to mine.html
    tfnxc report runs/cuhk01-normxcorr --data cuhk01/campus --probes 5
    """
    # Before anything is scored.
    path = pathlib.Path(folder, "report.html") if path is None else pathlib.Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path}: the report is an HTML file; give a name that ends in .html.")

    from tfnxc.console import console
    from tfnxc.files import write_text
    from tfnxc.report import report_page
    from tfnxc.training import Run

    run = Run.open(folder)
    if pictures:
        shown = _pictures(run, data, probes, seed)
    else:
        shown = "Left out, as asked for by --no-pictures: this page holds no picture of a person."
    write_text(path, report_page(run, shown))
    console.print(f"Report: {path}")
    if isinstance(shown, str) and pictures:
        console.print(f"Without pictures of people. {shown}", markup=False)


def _pictures(run, data, probes, seed):
    """The `Pictures` of some probes of a run, or why there are none."""
    from tfnxc.datasets import CATALOGUE

    dataset, folder = run.settings["dataset"], data or run.record["data"]
    if not run.model_path().exists():
        return "The run has no model yet. Give the tfnxc train command that began it again: it goes on."
    if dataset not in CATALOGUE:
        return f"The pictures of {dataset} are not at hand: tfnxc reads no data set of that name."
    if data is None and CATALOGUE[dataset].needs_path and (folder is None or not pathlib.Path(folder).exists()):
        title = CATALOGUE[dataset].title
        return f"The pictures of {title} are not at hand. Say where they are: tfnxc report RUN --data FOLDER."

    from tfnxc.cli._plot_options import DATA, PAIRS, subjects_of
    from tfnxc.evaluation.rankings import Choice, find_maps, find_rankings
    from tfnxc.report import Pictures

    options = {**dict.fromkeys((*DATA, *PAIRS)), "data": data, "state": "trained"}
    choice = Choice(count=probes, seed=seed)
    found = find_rankings(subjects_of([run.folder], None, options), choice)
    return Pictures(found.probes(), find_maps(found, [run.folder]), _correlations(run, found))


def _correlations(run, rankings):
    """What the correlation of a run's model computes of each probe and its true match; nothing if it has none."""
    from tfnxc.evaluation.pair_correlation import pair_correlation

    model, _ = run.load_model()
    (ranked,) = rankings.ranked.values()
    pairs = [
        [rankings.picture(index) for index in (probe, of.gallery[of.match_rank - 1])] for probe, of in ranked.items()
    ]
    try:
        return [(*pair, pair_correlation(model, *pair)) for pair in pairs]
    except InputError:  # a model without this layer
        return []
