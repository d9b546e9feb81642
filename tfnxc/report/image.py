"""Figures as images inside the page."""

import base64
import io
from typing import Literal

from matplotlib.figure import Figure

from tfnxc.report.markup import Markup, element
from tfnxc.visualization.save import FORMS

_INCH = 96
"""Pixels of CSS."""

_DOTS = 200
"""Dots of a PNG an inch: about two for a pixel of CSS, sharp on most screens."""


def image(figure: Figure, alt: str, form: Literal["svg", "png"]) -> Markup:
    """A figure as an `img` element that holds it: `"svg"` for lines and text, `"png"` for pictures.

    `alt` says what it shows, for those who do not see it.
    """
    file = io.BytesIO()
    figure.savefig(file, format=form, dpi=_DOTS, metadata=FORMS[f".{form}"])
    kind = {"svg": "svg+xml"}.get(form, form)
    data = f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
    width, height = (round(_INCH * inches) for inches in figure.get_size_inches())
    return element("img", src=data, alt=alt, width=width, height=height)
