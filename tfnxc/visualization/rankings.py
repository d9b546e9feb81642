"""What models rank first for some probes (Figures 2 to 6 of the supplement)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tfnxc.visualization.page import GREEN, HEADING, LINE, RED, TEXT, WIDTH, frame, new_page, place, shortened, write

TOP, MOST_ROWS = 20, 40  # pictures in a row, rows in a figure
_MARGIN, _LABEL, _PROBE, _GAP = 0.06, 0.16, 0.54, 0.08
_CELL = (WIDTH - 2 * _MARGIN - _LABEL - _PROBE - _GAP) / TOP
_PICTURE = _CELL - 0.035  # between two pictures there is room for two frames
_BELOW = "#00604A"  # GREEN, dark enough for letters


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking:
    """What one model ranks first for a probe.

    Args:
        label: Name of the model.
        pictures: uint8 array of shape `(k, height, width, 3)`, best first; `k` at most 20.
        scores: `k` probabilities in [0, 1], or cosines.
        matches: `k` booleans: whether the picture shows the probe's person.
        match_rank: Rank of the best true match in the whole gallery, 1 or above.
    """

    label: str
    pictures: np.ndarray
    scores: np.ndarray
    matches: np.ndarray
    match_rank: int


@dataclasses.dataclass(frozen=True, eq=False)
class RankedProbe:
    """A probe with the rankings of some models.

    Args:
        title: The title above it; may be empty.
        picture: uint8 array of shape `(height, width, 3)`.
        rankings: One `Ranking` a model.
    """

    title: str
    picture: np.ndarray
    rankings: Sequence[Ranking]


def plot_rankings(probes: Sequence[RankedProbe]) -> Figure:
    """Draws a row for each probe and model: the probe, then the best of the gallery.

    A true match has a thick green frame and a bold rank, every other picture a red rank; its score is below. Below
    the probe is the rank of its best true match, which may be beyond the row.

    Args:
        probes: `RankedProbe`s, with at most 40 rankings of at most 20 pictures.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide.

    Raises:
        ValueError: If there is no ranking, or more than fit.

    Example:
        >>> matches = np.array([False, True, False])
        >>> row = Ranking("NormXcorr", images[1:4], np.array([0.9, 0.7, 0.1]), matches, match_rank=2)
        >>> plot_rankings([RankedProbe("Probe 0", images[0], [row])]).savefig("ranking.png", dpi=200)

    References:
        Supplement, section 5, Figures 2 to 6.
    """
    rows = [ranking for probe in probes for ranking in probe.rankings]
    if not 1 <= len(rows) <= MOST_ROWS:
        raise ValueError(f"plot_rankings draws 1 to {MOST_ROWS} rows, one a probe and model; got {len(rows)}.")
    longest = max(len(ranking.pictures) for ranking in rows)
    if longest > TOP:
        raise ValueError(f"plot_rankings draws at most {TOP} pictures a row; got {longest}.")
    heights = [[_height(probe, ranking) + 2 * LINE + 0.06 for ranking in probe.rankings] for probe in probes]
    above = [0.19 if probe.title else 0 for probe in probes]
    figure, axes = new_page(_MARGIN + sum(above) + sum(map(sum, heights)) + 0.06 * len(probes))
    top = _MARGIN
    for probe, high, room in zip(probes, heights, above, strict=True):
        top += room
        if probe.title and probe.rankings:
            title = shortened(probe.title, WIDTH - 2 * _MARGIN, HEADING)
            write(axes, title, _MARGIN, top - 0.09, HEADING, ha="left")
        for ranking, row in zip(probe.rankings, high, strict=True):
            _draw_row(axes, probe, ranking, top)
            top += row
        top += 0.06
    return figure


def _height(probe, ranking):
    """Of the pictures of a row, in inches."""
    shapes = [probe.picture.shape, *([ranking.pictures.shape[1:]] if len(ranking.pictures) else [])]
    return max(_PICTURE * high / wide for high, wide, _ in shapes)


def _label(text, height):
    """A label on one line, or on two, as long as the pictures are high, where it is longer and has a comma."""
    whole, (model, comma, scorer) = shortened(text, height + 2 * LINE), text.partition(", ")
    if not comma or "…" not in whole:
        return whole
    return f"{shortened(model + ',', height)}\n{shortened(scorer, height)}"


def _draw_row(axes, probe, ranking, top):
    height = _height(probe, ranking)
    write(axes, _label(ranking.label, height), _MARGIN + _LABEL / 2, top + LINE + height / 2, rotation=90)
    left = _MARGIN + _LABEL + _PROBE + _GAP
    middle = _MARGIN + _LABEL + _PROBE / 2
    write(axes, "probe", middle, top + LINE / 2)
    place(axes, probe.picture, middle - _PICTURE / 2, top + LINE, _PICTURE, height)
    write(axes, f"match: {ranking.match_rank}", middle, top + height + 1.65 * LINE)
    shown = zip(ranking.pictures, ranking.scores, ranking.matches, strict=True)
    for rank, (picture, score, match) in enumerate(shown, start=1):
        middle = left + (rank - 0.5) * _CELL
        corner = middle - _PICTURE / 2, top + LINE
        place(axes, picture, *corner, _PICTURE, height)
        if match:
            frame(axes, *corner, _PICTURE, height, GREEN, 1.8)
        weight, colour = ("bold", _BELOW) if match else ("normal", RED)
        write(axes, str(rank), middle, top + LINE / 2 - 0.01, TEXT, weight=weight, color=colour)
        write(axes, f"{score:.2f}", middle, top + height + 1.65 * LINE)
