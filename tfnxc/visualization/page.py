"""A page that is measured in inches: pictures, frames and words stand where they are put, and none needs a display."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.textpath import TextPath

WIDTH = 7.0
"""Inches: the width of two columns of a paper."""

TEXT, HEADING = 6.5, 8.0
"""Sizes of letters in points, readable in print at that width."""

LINE = 0.125
"""Height of a line of text, in inches."""

# Okabe and Ito's colours, which people with any colour vision tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREEN, RED, GREY = "#009E73", "#B2182B", "#555555"


def new_page(height: float) -> tuple[Figure, Axes]:
    """A figure `height` inches high with axes over all of it, in inches from its upper left corner."""
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


def place(
    axes: Axes, picture: np.ndarray, left: float, top: float, width: float, height: float, **options: Any
) -> AxesImage:
    """Puts a picture, or a map with the `options` of `Axes.imshow`, on a page; gives the `AxesImage`."""
    return axes.imshow(picture, extent=(left, left + width, top + height, top), aspect="auto", **options)


def frame(axes: Axes, left: float, top: float, width: float, height: float, colour: str, thickness: float) -> Rectangle:
    """Draws a frame round a rectangle, half a point over its edge, so that no gap shows; `thickness` in points."""
    half = (thickness - 1) / 2 / 72
    size = width + 2 * half, height + 2 * half
    style: dict[str, Any] = {"fill": False, "edgecolor": colour, "linewidth": thickness, "joinstyle": "miter"}
    rectangle = Rectangle((left - half, top - half), *size, **style)
    axes.add_patch(rectangle)
    return rectangle


def write(axes: Axes, text: str, x: float, y: float, size: float = TEXT, **options: Any) -> Text:
    """Writes words, by default centred on `(x, y)`."""
    return axes.text(x, y, text, fontsize=size, **{"ha": "center", "va": "center", **options})


def shortened(text: str, inches: float, size: float = TEXT) -> str:
    """`text`, or as much of its beginning and end as fits into so many inches, with dots between; no formula in it."""
    room = 72 * inches / 1.08  # at few dots an inch, letters are set on whole dots and become that much wider
    wide = _wide(text, size)
    if wide <= room:
        return _literal(text)
    half = max(1, int(room / wide * len(text) / 2) + 2)
    while half > 1 and _wide(_middle_out(text, half), size) > room:
        half -= 1
    return _literal(_middle_out(text, half))


def _literal(text):
    """As matplotlib draws it as it is: what stands between two dollars would be a formula."""
    return text.replace("$", r"\$")


def _wide(text, size):
    """Width of words in points."""
    return TextPath((0, 0), _literal(text), size=size).get_extents().width if text.strip() else 0


def _middle_out(text, half):
    return f"{text[:half]}…{text[len(text) - half :]}"
