"""The feature maps of the tower (Figures 7 and 8 of the supplement)."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from tfnxc.visualization.page import HEADING, LINE, TEXT, WIDTH, new_page, place, shortened, write

MOST_ROWS = 40  # pictures in a figure
COLOUR_MAP = "viridis"  # its lightness rises all the way: readable in grey and with any colour vision
_ACROSS = 25  # maps in a line, as published
_MARGIN, _LABEL, _GAP = 0.06, 0.16, 0.06
_CELL = (WIDTH - 2 * _MARGIN - _LABEL - _GAP) / (_ACROSS + 1)
_MAP = _CELL - 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class MapRow:
    """A picture with its maps.

    Args:
        role: What the picture is, e.g. `"probe"`, `"rank 1"` or `"match, rank 3"`.
        picture: uint8 array of shape `(height, width, 3)`.
        maps: Float array of shape `(height, width, channels)`: its maps from the tower.
    """

    role: str
    picture: np.ndarray
    maps: np.ndarray


def plot_maps(
    models: Mapping[str, Sequence[MapRow]], scale: Literal["shared", "map"] = "shared", title: str = ""
) -> Figure:
    """Draws a row for each picture: the picture itself, then its maps after the second stage of the tower.

    Args:
        models: A list of `MapRow`s by label of the model that made them, all with maps of one shape.
        scale: `"shared"` (default): one colour scale for all maps of a model, from 0 (or the least value, if below) to
            the greatest. `"map"`: one for each map, the same in all rows of the model, its greatest value below.
        title: Title of the figure. Defaults to none.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide.

    Raises:
        ValueError: If there is no row or more than 40, if maps of a model differ in shape, or `scale` is unknown.

    Example:
        >>> maps = tfnxc.scoring.embed(tfnxc.models.split(model).tower, images[:1])
        >>> plot_maps({"NormXcorr": [MapRow("probe", images[0], maps[0])]}).savefig("maps.png", dpi=200)

    References:
        Supplement, section 5, Figures 7 and 8, which have the rows of all models together, probes first.
    """
    rows = sum(map(len, models.values()))
    if not 1 <= rows <= MOST_ROWS:
        raise ValueError(f"plot_maps draws 1 to {MOST_ROWS} rows, one a model and picture; got {rows}.")
    if scale not in ("shared", "map"):
        raise ValueError(f"scale must be 'shared' or 'map'; got {scale!r}.")
    for label, pictures in models.items():
        shapes = {row.maps.shape for row in pictures}
        if len(shapes) > 1:
            raise ValueError(f"all maps of {label} must be of one shape; got {sorted(shapes)}.")
    top = _MARGIN + (0.2 if title else 0)
    figure, axes = new_page(top + sum(_block_height(pictures, scale) for pictures in models.values()))
    write(axes, shortened(title, WIDTH - 2 * _MARGIN, HEADING), _MARGIN, 0.13, HEADING, ha="left")
    for label, pictures in models.items():
        _draw_block(axes, label, pictures, scale, top)
        top += _block_height(pictures, scale)
    return figure


def _row_shape(row, scale):
    """Height of a map, of a line of maps with the words around it, and of the whole row, in inches."""
    high = _MAP * row.picture.shape[0] / row.picture.shape[1]
    pitch = high + LINE * (1 + (scale == "map"))
    return high, pitch, -(-row.maps.shape[-1] // _ACROSS) * pitch + 0.02


def _block_height(pictures, scale):
    return sum(_row_shape(row, scale)[2] for row in pictures) + 0.28 if pictures else 0


def _draw_block(axes, label, pictures, scale, top):
    """The rows of one model under its name."""
    if not pictures:
        return
    stacked = np.stack([row.maps for row in pictures]).astype(float)
    least, greatest = np.minimum(stacked.min((0, 1, 2)), 0), stacked.max((0, 1, 2))
    if scale == "shared":
        least, greatest = np.full_like(least, least.min()), np.full_like(greatest, greatest.max())
    write(axes, shortened(label, WIDTH / 2), _MARGIN, top + 0.09, ha="left", weight="bold")
    if scale == "shared":
        _draw_bar(axes, least[0], greatest[0], top + 0.09)
    top += 0.2
    for row in pictures:
        _draw_row(axes, row, least, greatest, scale, top)
        top += _row_shape(row, scale)[2]


def _draw_row(axes, row, least, greatest, scale, top):
    high, pitch, _ = _row_shape(row, scale)
    write(axes, shortened(row.role, high + LINE), _MARGIN + _LABEL / 2, top + LINE + high / 2, rotation=90)
    left = _MARGIN + _LABEL
    place(axes, row.picture, left, top + LINE, _MAP, high)
    left += _CELL + _GAP
    for channel in range(row.maps.shape[-1]):
        line, column = divmod(channel, _ACROSS)
        x, y = left + column * _CELL, top + LINE + line * pitch
        limits = {"vmin": least[channel], "vmax": max(greatest[channel], least[channel] + 1e-12)}
        drawn = row.maps[..., channel].astype(float)
        place(axes, drawn, x, y, _MAP, high, cmap=COLOUR_MAP, interpolation="nearest", **limits)
        write(axes, str(channel + 1), x + _MAP / 2, y - LINE / 2)
        if scale == "map":
            write(axes, _short(greatest[channel]), x + _MAP / 2, y + high + LINE / 2 - 0.01)


def _draw_bar(axes, least, greatest, y):
    """The colour scale, at the right end of a block's first line."""
    wide, right = 1.2, WIDTH - _MARGIN - 0.3
    ramp = np.linspace(0, 1, 64)[None]
    place(axes, ramp, right - wide, y - 0.045, wide, 0.09, cmap=COLOUR_MAP, vmin=0, vmax=1)
    write(axes, _short(least), right - wide - 0.04, y, TEXT, ha="right")
    write(axes, _short(greatest), right + 0.04, y, TEXT, ha="left")


def _short(value):
    """A number in about four characters."""
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
