"""Figures as images inside the page."""

from __future__ import annotations

import base64
import io

from tfnxc.report.markup import element
from tfnxc.visualization.save import FORMS

_INCH = 96
"""Pixels of CSS."""

_DOTS = 200
"""Dots of a PNG an inch: about two for a pixel of CSS, sharp on most screens."""


def image(figure, alt, form):
    """A figure as an `img` element that holds it: nothing is loaded from elsewhere.

    Args:
        figure: A `matplotlib.figure.Figure`.
        alt: What it shows, for who does not see it.
        form: `"svg"` for lines and text, `"png"` for pictures.

    Returns:
        `Markup`.
    """
    file = io.BytesIO()
    figure.savefig(file, format=form, dpi=_DOTS, metadata=FORMS[f".{form}"])
    kind = {"svg": "svg+xml"}.get(form, form)
    source = f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
    width, height = (round(_INCH * inches) for inches in figure.get_size_inches())
    return element("img", src=source, alt=alt, width=width, height=height)
