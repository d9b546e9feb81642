"""Writing HTML so that nothing gets into it unescaped."""

import base64
import dataclasses
import html
import io
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from matplotlib.figure import Figure

from tfnxc.visualization.page import FORMS

_INCH = 96  # pixels of CSS
_DOTS = 200  # an inch of a PNG: about two for a pixel of CSS, sharp on most screens
_EMPTY = frozenset({"img"})  # elements without an end tag


class Markup(str):
    """Text that is HTML already. Whatever else goes into an element is escaped."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    """A value as `Markup`, escaped unless it is that already; a `?` for what UTF-8 or HTML cannot hold."""
    if isinstance(value, Markup):
        return value
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return Markup(html.escape(re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "?", text)))


def joined(parts: Iterable[object]) -> Markup:
    """Several values as one `Markup`."""
    return Markup("".join(map(escaped, parts)))


def element(name: str, *children: object, **attributes: object) -> Markup:
    """An HTML element with text and `Markup` inside.

    Attributes named like a word of Python end with `_`; `_` elsewhere stands for `-`.

    Example:
        >>> element("td", "a < b", class_="number")
        '<td class="number">a &lt; b</td>'
    """
    shown = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{escaped(value)}"' for key, value in attributes.items()
    )
    end = "" if name in _EMPTY else f"{joined(children)}</{name}>"
    return Markup(f"<{name}{shown}>{end}")


def paragraph(*children: object) -> Markup:
    """A paragraph."""
    return element("p", *children)


def code(text: str) -> Markup:
    """A command, or a name in the code."""
    return element("code", text)


def table(
    name: str,
    caption: str,
    heads: Sequence[str],
    groups: Iterable[tuple[str | None, Iterable[Sequence[object]]]],
    words: bool = False,
) -> Markup:
    """A table in a box.

    Args:
        name: A name that is unique in the page.
        caption: What it shows.
        heads: Heads of the columns; the first column is that of the rows' heads.
        groups: `(title or None, rows)` of each group of rows; each row as many values as there are heads.
        words: Whether it holds words, which may break, rather than numbers. Defaults to `False`.
    """
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in heads)))
    bodies = [_body(title, rows, len(heads)) for title, rows in groups]
    # The caption is as wide as the table, the text in it as wide as the box.
    kind = {"class_": "words"} if words else {}
    return _box(name, element("table", element("caption", element("span", caption, id=name)), head, *bodies, **kind))


def image(figure: Figure, alt: str, form: Literal["svg", "png"]) -> Markup:
    """A figure inside an `img` element: `"svg"` for lines and text, `"png"` for pictures; `alt` describes it."""
    file = io.BytesIO()
    figure.savefig(file, format=form, dpi=_DOTS, metadata=FORMS[f".{form}"])
    data = base64.b64encode(file.getvalue()).decode()
    source = f"data:image/{'svg+xml' if form == 'svg' else form};base64,{data}"
    width, height = (round(_INCH * inches) for inches in figure.get_size_inches())
    return element("img", src=source, alt=alt, width=width, height=height)


def figure(name: str, image: Markup, caption: str) -> Markup:
    """An image in a box with its caption below; `name` as in `table`."""
    return element("figure", _box(name, image), element("figcaption", caption, id=name))


def missing(*children: object) -> Markup:
    """A paragraph in the place of something that the run does not have: why, and how to get it."""
    return element("p", *children, class_="missing")


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report under its heading; the contents link to its name."""

    name: str
    heading: str
    content: Markup

    def markup(self) -> Markup:
        """The section as HTML."""
        heading = element("h2", self.heading, id=self.name, tabindex="-1")
        return element("section", heading, self.content, aria_labelledby=self.name)


def _body(title, rows, columns):
    head = element("th", element("span", title), scope="rowgroup", colspan=columns)
    group = [] if title is None else [element("tr", head)]
    lines = [
        element("tr", element("th", first, scope="row"), *(element("td", each) for each in rest))
        for first, *rest in rows
    ]
    return element("tbody", *group, *lines)


def _box(name, content):
    """Scrolls sideways on a narrow screen, so that the page does not; by keyboard when focused."""
    return element("div", content, class_="box", role="group", tabindex="0", aria_labelledby=name)
