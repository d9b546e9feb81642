"""`tfnxc plot correlation`."""

import click

from tfnxc.cli.plot._options import PAIRS, PEOPLE, file_options, like_evaluate, save, tested
from tfnxc.errors import InputError


@like_evaluate(*PEOPLE)
@click.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.argument("probe")
@click.argument("gallery")
@click.option("--patch", metavar="ROW,COLUMN", help="Pixel of the probe. Default: where the match is strongest.")
@click.option("--patches", default=6, show_default=True, type=click.IntRange(1, 12), help="How many are joined.")
@click.option("--channel", type=click.IntRange(1), help="One of the maps, from 1. Default: the mean over all.")
@file_options("correlation.png")
def correlation(folder, probe, gallery, patch, patches, channel, path, dpi, **options):
    """Draws where patches of a probe find their best matches in a gallery picture.

    PROBE and GALLERY are positions in the test part, as titles of tfnxc plot ranking have them, or file names there, or
    picture files of yours; GALLERY may be "match": the probe's person by another camera. On the left: one patch, and
    its normalized correlation with every patch of its search window. On the right: lines join patches with their best
    matches. Models without the layer, such as ahmed, are refused.

    \b
    tfnxc plot correlation runs/mine 0 match
    tfnxc plot correlation runs/mine probe.png gallery.png --patch 60,30 --channel 7
    tfnxc plot correlation runs/mine 0042_a_00.png 0042_b_01.png --to correlation.pdf
    """
    from tfnxc.console import console
    from tfnxc.evaluation import find_correlation
    from tfnxc.visualization import plot_correlation, position_at

    pixel = None if patch is None else _pixel(patch)
    who = tested([folder], None, **options, **dict.fromkeys(PAIRS))
    who = {name: value for name, value in who.items() if name not in PAIRS}
    *pictures, found = find_correlation(folder, probe, gallery, **who, console=console)
    shape, channels = found.values.shape[:2], found.values.shape[2]
    if channel is not None and channel > channels:
        raise InputError(f"--channel {channel}: this run has {channels} maps.")
    position = None if pixel is None else position_at(pixel, shape)
    figure = plot_correlation(*pictures, found, position, patches, None if channel is None else channel - 1)
    save(figure, path, dpi)


def _pixel(text):
    """`(row, column)` of a pixel, of the form `60,30`."""
    try:
        row, column = map(int, text.split(","))
    except ValueError:
        raise InputError(f"--patch takes the row and the column of a pixel, such as 60,30; got {text!r}.") from None
    if not (0 <= row < 160 and 0 <= column < 60):
        raise InputError(f"--patch {text}: pictures have 160 rows and 60 columns, counted from 0.")
    return row, column
