"""`tfnxc plot maps`."""

from __future__ import annotations

import click

from tfnxc.cli.plot._options import (
    PAIRS,
    PEOPLE,
    PROTOCOL,
    choice_of,
    choice_options,
    file_options,
    like_evaluate,
    save,
    tested,
)
from tfnxc.errors import InputError


@like_evaluate(*PEOPLE, *PAIRS)
@click.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path())
@choice_options
@PROTOCOL
@click.option(
    "--scale",
    default="shared",
    show_default=True,
    type=click.Choice(["shared", "map"]),
    help="One colour scale a run, or one for each of its maps, the same in all rows.",
)
@file_options("maps.png")
def maps(folders, kind, probes, among, seed, protocol, scale, path, dpi, **options):
    """Draws what the towers of runs make of a probe (Figures 7 and 8).

    Rows are the probe, the picture at rank 1 and the true match, each with its maps after the second stage of the
    tower; several runs stand below each other.

    \b
    tfnxc plot maps runs/normxcorr --kind all-right
    tfnxc plot maps runs/normxcorr runs/fused --kind only-fused --among 200
    tfnxc plot maps runs/mine --probe 12 --scale map --to maps.pdf
    """
    from tfnxc.console import console
    from tfnxc.evaluation import rank_probes
    from tfnxc.visualization import plot_maps
    from tfnxc.visualization.maps import MOST_ROWS

    if len(probes) > 1:
        raise InputError("maps are drawn of one probe: give --probe once.")
    if 3 * len(folders) > MOST_ROWS:
        raise InputError(f"maps of {len(folders)} runs are more than {MOST_ROWS} rows: name at most {MOST_ROWS // 3}.")
    choice, who = choice_of(kind, probes, among, seed), tested(folders, None, **options)
    found = rank_probes(folders, choice=choice, protocol=protocol, console=console, **who)
    (rows,), (title,) = found.maps(), found.titles.values()
    save(plot_maps(rows, scale, title), path, dpi)
