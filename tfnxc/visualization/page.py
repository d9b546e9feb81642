"""A page measured in inches, on which pictures, frames and words are placed; and the file that a figure is saved to."""

import os
import pathlib
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.textpath import TextPath

from tfnxc.console import readable
from tfnxc.errors import InputError
from tfnxc.files import replacing

WIDTH = 7.0  # inches: two columns of a paper
LINE = 0.125  # inches: the height of a line of text
TEXT, HEADING = 6.5, 8.0  # sizes of letters in points, readable in print at that width

# Okabe and Ito's colours, which people with any colour vision tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREEN, RED, GREY = "#009E73", "#B2182B", "#555555"


FORMS = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Endings of files that figures are written to, without the metadata that would make each file differ."""


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
    """Puts a picture, or a map with the `options` of `Axes.imshow`, on a page."""
    return axes.imshow(picture, extent=(left, left + width, top + height, top), aspect="auto", **options)


def frame(axes: Axes, left: float, top: float, width: float, height: float, colour: str, thickness: float) -> None:
    """Draws a frame round a rectangle, half a point over its edge, so that no gap shows; `thickness` in points."""
    half = (thickness - 1) / 2 / 72
    size = width + 2 * half, height + 2 * half
    style: dict[str, Any] = {"fill": False, "edgecolor": colour, "linewidth": thickness, "joinstyle": "miter"}
    axes.add_patch(Rectangle((left - half, top - half), *size, **style))


def write(axes: Axes, text: str, x: float, y: float, size: float = TEXT, **options: Any) -> Text:
    """Writes words, by default centred on `(x, y)`."""
    return axes.text(x, y, text, fontsize=size, **{"ha": "center", "va": "center", **options})


def shortened(text: str, inches: float, size: float = TEXT) -> str:
    """`text`, or as much of its beginning and end as fits into so many inches; `readable`, never read as a formula."""
    text = readable(text)
    room = 72 * inches / 1.08  # at few dots an inch, letters are set on whole dots and become that much wider
    wide = _wide(text, size)
    if wide <= room:
        return _literal(text)
    half = max(1, int(room / wide * len(text) / 2) + 2)
    while half > 1 and _wide(_middle_out(text, half), size) > room:
        half -= 1
    return _literal(_middle_out(text, half))


def _literal(text):
    """Escaped for matplotlib, to which text between two dollars is a formula."""
    return text.replace("$", r"\$")


def _wide(text, size):
    """Width of words in points."""
    return TextPath((0, 0), _literal(text), size=size).get_extents().width if text.strip() else 0


def _middle_out(text, half):
    return f"{text[:half]}…{text[len(text) - half :]}"


def check_form(path: str | os.PathLike) -> str:
    """The ending of a file name, which decides the form of a figure; raises `InputError` if it is no such form."""
    ending = pathlib.Path(path).suffix.lower()
    if ending not in FORMS:
        raise InputError(f"{path}: pictures are written as {', '.join(FORMS)}; give a name that ends so.")
    return ending


def save_figure(figure: Figure, path: str | os.PathLike, dpi: int = 200) -> None:
    """Writes a figure atomically; the same figure always gives the same file.

    Args:
        figure: A `matplotlib.figure.Figure`.
        path: File; `.png`, or `.svg` or `.pdf`, which stay sharp at any size.
        dpi: Pixels an inch, of a PNG file. Defaults to `200`.

    Raises:
        InputError: If the name ends otherwise.

    Example:
        >>> figure = tfnxc.visualization.plot_training({"epoch": [0, 1], "loss": [0.69, 0.42]})
        >>> save_figure(figure, "training.pdf")
    """
    metadata = FORMS[check_form(path)]
    # Type 42: many publishers refuse matplotlib's default fonts in PDF files.
    with matplotlib.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "tfnxc"}), replacing(path) as new:
        figure.savefig(new, dpi=dpi, metadata=metadata)
