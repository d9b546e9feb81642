"""What a search found, as a figure. `plot_rankings` is for test sets: it marks the right picture, not known here."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from tfnxc.datasets.image_set import IMAGE_SIZE, resize
from tfnxc.search.picture import Match, Picture
from tfnxc.visualization.page import HEADING, LINE, WIDTH, new_page, place, shortened, write
from tfnxc.visualization.rankings import MOST_ROWS, TOP

_MARGIN, _GAP = 0.06, 0.1


def plot_matches(probes: Sequence[Picture], found: Sequence[Sequence[Match]]) -> Figure:
    """Draws a row for each probe: it, then what was found, rank above, probability (or cosine) and camera below.

    Args:
        probes: `Picture`s, at most 40.
        found: A list of `Match`es for each, as `Gallery.search` gives them, at most 20, whose names are files.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide.

    Raises:
        InputError: If a file cannot be read any more; the message names it.
        ValueError: If there is no probe, or more than fit.

    Example:
        >>> plot_matches([Picture.of_file("probe.png")], [[Match("probe.png", 3.5, 0.97, None, "b", None)]])
        <Figure size 700x...>
    """
    longest = max(map(len, found), default=0)
    if not 1 <= len(found) <= MOST_ROWS or longest > TOP:
        raise ValueError(f"plot_matches draws 1 to {MOST_ROWS} rows of at most {TOP}; got {len(found)} of {longest}.")
    cell = (WIDTH - 2 * _MARGIN - _GAP) / (TOP // 2 + 1 if longest <= TOP // 2 else TOP + 1)
    width = cell - 0.04
    height = width * IMAGE_SIZE[0] / IMAGE_SIZE[1]
    row = height + 4.5 * LINE
    figure, axes = new_page(_MARGIN + len(found) * row)

    def draw(picture, left, top, above, *below):
        place(axes, resize(picture.read(), IMAGE_SIZE), left, top + LINE, width, height)
        middle = left + width / 2
        write(axes, shortened(above, cell), middle, top + LINE / 2)
        for line, text in enumerate(below, start=1):
            write(axes, shortened(text, cell), middle, top + height + (line + 0.6) * LINE)

    for number, (probe, matches) in enumerate(zip(probes, found, strict=True)):
        top = _MARGIN + number * row
        write(axes, shortened(probe.name, WIDTH - 2 * _MARGIN, HEADING), _MARGIN, top + LINE / 2, HEADING, ha="left")
        draw(probe, _MARGIN, top + LINE, "probe", probe.camera or "")
        for rank, match in enumerate(matches, start=1):
            left = _MARGIN + cell * rank + _GAP
            known = f"{match.shown:.2f}", match.camera or ""
            draw(Picture(match.name, match.name), left, top + LINE, str(rank), *known)
    return figure
