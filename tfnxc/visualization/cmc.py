"""CMC curves of several methods (Figure 1 of the supplement)."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfnxc.metrics import Published
from tfnxc.metrics.cmc import CurveLike
from tfnxc.visualization.page import COLOURS, GREY, HEADING, LINE, TEXT, WIDTH, shortened

# 4 and 11 have no common divisor, so that 44 curves differ in style or marker, also in grey.
_STYLES = ("-", "--", "-.", ":")
_MARKERS = ("", "o", "s", "^", "v", "D", "P", "X", "<", ">", "*")
MOST_CURVES = len(_STYLES) * len(_MARKERS)

_LEFT, _RIGHT, _ABOVE, _BELOW = 0.52, 0.12, 0.28, 0.4  # inches around the axes
_ENTRY = 0.13  # inches of a line of a legend
_NAMES = 1.0  # inches between the scale and rank 1, for the names of methods of which only rank 1 is known


@dataclasses.dataclass(frozen=True, eq=False)
class CMCPanel:
    """The curves of one data set.

    Args:
        title: The title; the protocol is added to it.
        curves: `tfnxc.metrics.CMC`s or results by label. All must be of one protocol.
        published: `Published` figures to compare with. Defaults to none.
    """

    title: str
    curves: Mapping[str, CurveLike]
    published: Sequence[Published] = ()


def plot_cmc(
    curves: Mapping[str, CurveLike], title: str, ranks: int = 20, published: Sequence[Published] = ()
) -> Figure:
    """Draws CMC curves of one data set: `plot_cmc_panels` with one `CMCPanel`.

    Args:
        curves: As in `CMCPanel`.
        title: As in `CMCPanel`.
        ranks: As in `plot_cmc_panels`. Defaults to `20`.
        published: As in `CMCPanel`. Defaults to none.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide.

    Raises:
        ValueError: As `plot_cmc_panels`.

    Example:
        >>> result = tfnxc.metrics.cmc(np.eye(4), range(4), range(4))
        >>> plot_cmc({"NormXcorr": result}, "CUHK01, 4 test identities").savefig("cmc.png", dpi=200)
    """
    return plot_cmc_panels([CMCPanel(title, curves, published)], ranks)


def plot_cmc_panels(panels: Sequence[CMCPanel], ranks: int = 20) -> Figure:
    """Draws CMC curves, one panel a data set, legend sorted by rank 1, each entry such as "64.73%  NormXcorr".

    Bands show one standard deviation over repeats. Published methods are points at the known ranks, joined by thin
    lines; if only rank 1 is known, the name stands beside the point. The legend gives their protocol, `?` if unknown.

    Args:
        panels: `CMCPanel`s.
        ranks: Number of ranks shown, at least 2. Defaults to `20`.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide.

    Raises:
        ValueError: If there is no panel; if a panel has neither a curve nor a published figure, more than 44 curves,
            or curves of several protocols; or if `ranks` is below 2.

    Example:
        >>> published = tfnxc.metrics.published_figures("cuhk01", 486)
        >>> result = tfnxc.metrics.cmc(np.eye(4), range(4), range(4))
        >>> panel = CMCPanel("CUHK01, 486 test identities", {"NormXcorr, mine": result}, published)
        >>> plot_cmc_panels([panel]).savefig("cmc.pdf")

    References:
        Supplement, Figure 1.
    """
    _check(panels, ranks)
    labels = list(dict.fromkeys(label for panel in panels for label in panel.curves))
    # One panel has its legend at the right, several stand two in a row with their legends below.
    if len(panels) == 1:
        height = max(3.0, _legend(panels[0]) - _BELOW)
        figure = Figure(figsize=(WIDTH, _ABOVE + height + _BELOW))
        axes = _axes(figure, _LEFT, _ABOVE, 3.65, height)
        _draw_panel(axes, panels[0], panels[0].title, labels, ranks, (1.0, 1.0), (0.12, 0.02))
        return figure
    wide = WIDTH / 2 - _LEFT - _RIGHT
    rows = [panels[start : start + 2] for start in range(0, len(panels), 2)]
    heights = [_ABOVE + 2.3 + _BELOW + max(map(_legend, row)) for row in rows]
    figure = Figure(figsize=(WIDTH, sum(heights)))
    for number, panel in enumerate(panels):
        row, column = divmod(number, 2)
        axes = _axes(figure, _LEFT + column * WIDTH / 2, sum(heights[:row]) + _ABOVE, wide, 2.3)
        letter = chr(ord("a") + number) if number < 26 else number + 1
        title = f"({letter}) {panel.title}"
        _draw_panel(axes, panel, title, labels, ranks, (0.0, 0.0), (-0.1, -_BELOW - 0.02))
    return figure


def _check(panels, ranks):
    if not panels:
        raise ValueError("plot_cmc_panels draws at least one panel; got none.")
    if ranks < 2:
        raise ValueError(f"ranks must be at least 2; got {ranks!r}.")
    for panel in panels:
        protocols = {curve.protocol for curve in panel.curves.values()}
        if len(protocols) > 1 or not (protocols or panel.published):
            raise ValueError(f"a panel takes curves of one protocol; got {sorted(protocols) or 'no curve'}.")
        if len(panel.curves) > MOST_CURVES:
            raise ValueError(f"a panel shows at most {MOST_CURVES} curves; got {len(panel.curves)}.")


def _legend(panel):
    """Height of the legend of a panel, in inches."""
    return _ENTRY * (len(panel.curves) + len(panel.published)) + 0.1


def _axes(figure, left, top, width, height):
    """Axes at a place given in inches from the figure's upper left corner."""
    whole = figure.get_figheight()
    return figure.add_axes((left / WIDTH, 1 - (top + height) / whole, width / WIDTH, height / whole))


def _draw_panel(axes, panel, title, labels, ranks, anchor, offset):
    lengths = [len(curve.mean) for curve in panel.curves.values()]
    last = max(2, min(ranks, max(lengths, default=ranks)))
    handles = []
    for label, curve in panel.curves.items():
        line = _draw_curve(axes, curve, labels.index(label), len(labels), last)
        handles.append((curve.rank(1), f"{100 * curve.rank(1):.2f}%  {label}", line))
    alone = [each for each in panel.published if set(each.ranks) == {1}]
    for number, each in enumerate(panel.published):
        line = _draw_published(axes, each, number)
        text = f"{each.ranks[1]:.2f}%  {each.method} (published: {each.protocol or '?'})"
        handles.append((each.ranks[1] / 100, text, line))
    axes.set_ylim(0, 100)
    _set_ranks(axes, last, room=bool(alone))
    _name_points(axes, alone)
    protocols = sorted({curve.protocol for curve in panel.curves.values()})
    size = axes.get_position().size * axes.get_figure().get_size_inches()
    beside = 0.42  # inches before the axes, over the words at the scale
    heading = shortened(f"{title} ({protocols[0]})" if protocols else title, size[0] + beside, HEADING)
    axes.set_title(heading, fontsize=HEADING, loc="left", pad=5, x=-beside / size[0])
    axes.set_xlabel("Rank", fontsize=TEXT + 0.5, labelpad=2)
    axes.set_ylabel("Probes matched (%)", fontsize=TEXT + 0.5, labelpad=3)
    axes.tick_params(labelsize=TEXT)
    axes.grid(alpha=0.3, linewidth=0.5)
    axes.set_axisbelow(True)
    handles.sort(key=lambda each: each[0])
    room = (WIDTH - _LEFT - size[0] if anchor[0] else WIDTH / 2) - 0.5  # of the words of the legend, in inches
    place = np.asarray(anchor) + np.asarray(offset) / size
    axes.legend(
        [line for _, _, line in handles],
        [shortened(text, room) for _, text, _ in handles],
        loc="upper left",
        bbox_to_anchor=tuple(place),
        borderaxespad=0,
        borderpad=0,
        frameon=False,
        fontsize=TEXT,
        handlelength=2.6,
        labelspacing=_ENTRY * 72 / TEXT - 1.06,  # a line of letters is 1.06 times their size high
    )


def _draw_curve(axes, curve, number, count, last):
    """Draws a curve with its band; returns the line."""
    mean, deviation = 100 * curve.mean[:last], 100 * curve.deviation[:last]
    shown = np.arange(1, len(mean) + 1)
    colour, style = COLOURS[number % len(COLOURS)], _STYLES[number % len(_STYLES)]
    marker = _MARKERS[number % len(_MARKERS)] if count > len(_STYLES) else ""
    points = {"marker": marker, "markersize": 3.5, "markevery": (number % 3, 3)}
    (line,) = axes.plot(shown, mean, style, color=colour, linewidth=1.4, **points)
    interval = getattr(curve, "probe_interval", None)
    if interval is None:
        low, high = np.clip([mean - deviation, mean + deviation], 0, 100)
    else:
        low, high = (np.asarray(interval[end][: len(shown)]) for end in ("low", "high"))
    axes.fill_between(shown[: len(low)], low, high, color=colour, alpha=0.2, linewidth=0)
    return line


def _draw_published(axes, published, number):
    """Draws points at the known ranks, joined by a thin line; returns the line."""
    ranks = sorted(published.ranks)
    marker, colour = _MARKERS[1 + number % (len(_MARKERS) - 1)], COLOURS[number % len(COLOURS)]
    points = {"marker": marker, "markersize": 4, "markerfacecolor": "white", "markeredgewidth": 0.9}
    style = {"linestyle": (0, (1, 2)), "color": colour, "linewidth": 0.7, "clip_on": len(ranks) > 1, "zorder": 3}
    (line,) = axes.plot(ranks, [published.ranks[rank] for rank in ranks], **style, **points)
    return line


def _set_ranks(axes, last, room):
    """The scale of ranks from 1 on, with room before it for names where there are any."""
    wide = axes.get_position().width * WIDTH
    begin = 1 - (last - 1) * _NAMES / (wide - _NAMES) if room else 1
    axes.set_xlim(begin, last)
    ticks = MaxNLocator(integer=True, steps=[1, 2, 5, 10]).tick_values(1, last)
    axes.set_xticks([1, *(tick for tick in ticks if 1 < tick <= last)])
    if room:
        axes.axvline(1, color=GREY, linewidth=0.8)


def _name_points(axes, published):
    """Names at the left of points on the line of rank 1, moved apart where they would touch."""
    high = LINE * 0.9  # inches of a name
    line = 100 * high / (axes.get_position().height * axes.get_figure().get_figheight())
    lead = {"arrowstyle": "-", "linewidth": 0.4, "color": GREY, "relpos": (1, 0.5), "shrinkA": 0, "shrinkB": 3}
    style = {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": TEXT, "arrowprops": lead}
    ordered = sorted(published, key=lambda each: each.ranks[1])
    for each, y in zip(ordered, _apart([each.ranks[1] for each in ordered], line), strict=True):
        offset = -12, (y - each.ranks[1]) * high * 72 / line
        axes.annotate(shortened(each.method, _NAMES - 0.2), (1, each.ranks[1]), xytext=offset, **style)


def _apart(wanted, distance):
    """Places in [0, 100], at least `distance` apart and as near as possible to those wanted, which ascend."""
    groups = []  # of places that touch: [mean of what they want, less the room for those below; how many]
    for number, value in enumerate(wanted):
        groups.append([value - number * distance, 1])
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            mean, count = groups.pop()
            below, more = groups[-1]
            groups[-1] = [(mean * count + below * more) / (count + more), count + more]
    first = np.repeat([mean for mean, _ in groups], [count for _, count in groups])
    first = np.clip(first, distance / 2, 100 - distance * (len(wanted) - 0.5))
    return first + distance * np.arange(len(wanted))
