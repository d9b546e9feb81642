"""`tfnxc plot cmc`."""

import click

from tfnxc.cli._measuring import measured
from tfnxc.cli._options import check_options, check_scorers
from tfnxc.cli.plot._options import PAIRS, PEOPLE, RUNS, file_options, like_evaluate, save
from tfnxc.errors import InputError


@like_evaluate(*PEOPLE, "baselines", "protocols", "repeats", "probes", "seed", "ties", "scorer", "shortlist", *PAIRS)
@click.command()
@RUNS
@click.option("--scores", "files", multiple=True, type=click.Path(), help="Scores that tfnxc evaluate saved.")
@click.option("--ranks", default=20, show_default=True, type=click.IntRange(2), help="How many ranks are shown.")
@click.option("--published/--no-published", default=True, show_default=True, help="Published figures beside.")
@file_options("cmc.png")
def cmc(folders, baselines, files, ranks, published, path, dpi, **options):
    """Draws CMC curves, a panel for each data set and protocol (Figure 1).

    The legend is sorted by rank 1. A band is one standard deviation: over splits where runs with the same settings were
    trained on several, otherwise over the draws of the gallery; with --probes it is the 95 % interval over the
    identities of the probes. Without --scorer the pair head of a run is drawn, and
    beside it each other scorer that tfnxc evaluate has measured on these people. Of published methods there are points
    at the ranks that are known; the legend says under which protocol, ? where the source does not say. Do not compare
    across protocols.

    \b
    tfnxc plot cmc runs/cuhk01-normxcorr runs/cuhk01-fused
    tfnxc plot cmc runs/split-* --protocol paper --to cmc.pdf
    tfnxc plot cmc runs/mine --baseline colour-histogram --probes 100 --no-published
    tfnxc plot cmc runs/mine --baseline lomo-xqda --baseline lomo-kissme
    """
    from tfnxc.console import console
    from tfnxc.evaluation import Results
    from tfnxc.visualization import plot_cmc_panels

    if not folders and not files and not baselines:
        raise InputError("nothing to draw: name a run folder, --scores FILE.npz, or --baseline colour-histogram.")
    check_options(folders, baselines, files, options)
    check_scorers(options)
    found = Results.join(measured(folders, baselines, files, console=console, known_scorers=True, **options))
    save(plot_cmc_panels(found.panels(published), ranks), path, dpi)
