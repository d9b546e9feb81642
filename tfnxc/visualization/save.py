"""Writing a figure in the form that its name asks for."""

import os
import pathlib

import matplotlib
from matplotlib.figure import Figure

from tfnxc.errors import InputError
from tfnxc.files import replacing

FORMS = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Endings of files that figures are written to; what else would change a file from one day to the next is left out."""


def check_form(path: str | os.PathLike) -> str:
    """The ending of a file name, which says the form of a figure; raises `InputError` where no figure has that form."""
    ending = pathlib.Path(path).suffix.lower()
    if ending not in FORMS:
        raise InputError(f"{path}: pictures are written as {', '.join(FORMS)}; give a name that ends so.")
    return ending


def save_figure(figure: Figure, path: str | os.PathLike, dpi: int = 200) -> None:
    """Writes a figure, whole or not at all: the same figure always gives the same file.

    Args:
        figure: A `matplotlib.figure.Figure`.
        path: File; `.png`, `.svg` or `.pdf`, which keep letters and lines sharp at any size.
        dpi: Pixels an inch, of a PNG file. Defaults to `200`.

    Raises:
        InputError: If the name ends otherwise.

    Example:
        >>> figure = tfnxc.visualization.plot_training({"epoch": [0, 1], "loss": [0.69, 0.42]})
        >>> save_figure(figure, "training.pdf")
    """
    metadata = FORMS[check_form(path)]
    # Type 42: many a publisher refuses the fonts that matplotlib puts into PDF files by default.
    with matplotlib.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "tfnxc"}), replacing(path) as new:
        figure.savefig(new, dpi=dpi, metadata=metadata)
