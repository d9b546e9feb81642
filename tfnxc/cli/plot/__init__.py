"""`tfnxc plot`, one picture a file."""

import click

from tfnxc.cli.plot.cmc import cmc
from tfnxc.cli.plot.correlation import correlation
from tfnxc.cli.plot.probes import maps, ranking


@click.group()
def plot():
    """Draws the paper's pictures of runs, and what their correlation sees.

    \b
    tfnxc plot cmc runs/split-* --to cmc.pdf             Figure 1: CMC curves beside published figures
    tfnxc plot ranking runs/normxcorr runs/fused         Figures 2-6: the best of the gallery for some probes
    tfnxc plot maps runs/normxcorr                       Figures 7-8: what the tower makes of pictures
    tfnxc plot correlation runs/normxcorr 0 match        which patches match where

    All are 7 inches wide, two columns of a paper. Nothing is trained; scores are kept in the run, as tfnxc evaluate
    keeps them. docs/pictures.md shows examples. In Python: tfnxc.visualization.
    """


for _command in (cmc, ranking, maps, correlation):
    plot.add_command(_command)
