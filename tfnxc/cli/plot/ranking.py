"""`tfnxc plot ranking`."""

from __future__ import annotations

import click

from tfnxc.cli.plot._options import (
    PAIRS,
    PEOPLE,
    PROTOCOL,
    RUNS,
    choice_of,
    choice_options,
    file_options,
    like_evaluate,
    save,
    tested,
)
from tfnxc.errors import InputError


@like_evaluate(*PEOPLE, "baseline", *PAIRS)
@click.command()
@RUNS
@choice_options
@click.option("--count", default=4, show_default=True, type=click.IntRange(1), help="The most probes.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1, 20), help="Pictures of the gallery a row.")
@PROTOCOL
@file_options("ranking.png")
def ranking(folders, baseline, kind, probes, among, seed, count, top, protocol, path, dpi, **options):
    """Draws what runs rank first for some probes (Figures 2 to 6).

    A row is the probe and the best of its gallery: the true match in a thick green frame, the rank of every other
    picture in red, probabilities below; several runs stand below each other. A row ends after 20 pictures; under the
    probe stands where its true match is.

    \b
    tfnxc plot ranking runs/ahmed runs/normxcorr runs/fused --kind only-fused
    tfnxc plot ranking runs/mine --kind false-match --among 200 --seed 1
    tfnxc plot ranking runs/mine --probe 12 --probe 0042_a_00.png
    tfnxc plot ranking runs/mine --kind occlusion --to occlusion.pdf

    \b
    --kind  all-right     every run has the true match at rank 1 (the title says so, as for all kinds)
            only-fused    only the run of the model fused has
            false-match   the run of the model normxcorr has somebody else there
            all-fail      no run has the true match in its row
            occlusion, light, viewpoint   the hardest in this respect, best known first: synthetic set only
    """
    from tfnxc.console import console
    from tfnxc.evaluation import rank_probes
    from tfnxc.visualization import plot_rankings
    from tfnxc.visualization.rankings import MOST_ROWS

    subjects = [*folders, *([] if baseline is None else [baseline])]
    if not subjects:
        raise InputError("nothing to draw: name a run folder, or --baseline colour-histogram.")
    choice = choice_of(kind, probes, among, seed, count)
    rows = len(subjects) * (len(probes) or count)
    if rows > MOST_ROWS:
        raise InputError(f"{rows} rows, one a run and probe, are more than {MOST_ROWS}: take fewer with --count.")
    who = tested(folders, baseline, **options)
    found = rank_probes(subjects, choice=choice, protocol=protocol, top=top, console=console, **who)
    save(plot_rankings(found.probes()), path, dpi)
