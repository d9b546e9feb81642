"""What the normalized correlation sees: the correlations of a patch in its search window, and best matches."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from tfnxc.datasets.image_set import IMAGE_SIZE
from tfnxc.visualization.page import COLOURS, GREY, HEADING, LINE, WIDTH, frame, new_page, place, write

STEP, FIELD = 4, 16
"""A position of a map of tfnxc's own tower sees `FIELD` pixels, the next those `STEP` pixels on (SPEC section 3)."""

MOST_POSITIONS = 12  # patches on the right
COLOUR_MAP = "RdBu_r"  # red for alike, white for nothing, blue for opposite; told apart with any colour vision
_MARGIN, _TOP = 0.08, 0.42
_PICTURE = 1.02


@dataclasses.dataclass(frozen=True, eq=False)
class PairCorrelation:
    """The correlations that the layer computes for a pair of pictures.

    Args:
        values: Float array of shape `(height, width, channels, rows, columns)`, in (-1, 1): of the patch at each
            position of the probe's maps with the patches of its search window in the gallery picture's maps.
        whole_width: Whether the window spans all columns of the map, rather than those around the patch.
        patch_size: `(height, width)` of a patch, in positions. Defaults to `(5, 5)`.

    Example:
        >>> values = np.zeros((37, 12, 25, 5, 12))
        >>> values[12, 5, :, 3, 4] = 0.5
        >>> PairCorrelation(values, whole_width=True).best((12, 5))
        ((13, 4), 0.5)
    """

    values: np.ndarray
    whole_width: bool
    patch_size: tuple[int, int] = (5, 5)

    def window(self, position: tuple[int, int], channel: int | None = None) -> tuple[np.ndarray, tuple[int, int]]:
        """The correlations over the search window of a position, and where in the map the window begins.

        Args:
            position: `(row, column)` of the probe's maps.
            channel: One of the channels; `None` (default): their mean.

        Returns:
            `(values, (row, column))`: shape `(rows, columns)`, NaN outside the map; its first position, maybe outside.
        """
        height, width, _, rows, columns = self.values.shape
        values = self.values[position]
        values = values.mean(axis=0) if channel is None else values[channel]
        first = position[0] - rows // 2, 0 if self.whole_width else position[1] - columns // 2
        row, column = (begin + np.arange(count) for begin, count in zip(first, (rows, columns), strict=True))
        inside = ((row >= 0) & (row < height))[:, None] & ((column >= 0) & (column < width))
        return np.where(inside, values, np.nan), first

    def best(self, position: tuple[int, int], channel: int | None = None) -> tuple[tuple[int, int], float]:
        """Where the patch at a position finds its best match: `((row, column), correlation)`; arguments as above."""
        values, first = self.window(position, channel)
        row, column = np.unravel_index(np.nanargmax(values), values.shape)
        return (int(first[0] + row), int(first[1] + column)), float(values[row, column])

    def strongest(self, count: int, channel: int | None = None) -> list[tuple[int, int]]:
        """At most `count` positions whose best matches are the strongest, from top to bottom.

        They are far enough apart that their lines do not overlap. Patches that reach over the edge of the map are left
        out if there are others.
        """
        height, width = self.values.shape[:2]
        reach = [size // 2 for size in self.patch_size]
        rows, columns = (
            range(margin, size - margin) if size > 2 * margin else range(size)
            for size, margin in zip((height, width), reach, strict=True)
        )
        found = [((row, column), self.best((row, column), channel)[1]) for row in rows for column in columns]
        apart = max(1, min(self.patch_size[0], height // (count + 1)))
        kept: list[tuple[int, int]] = []
        for position, _ in sorted(found, key=lambda each: -each[1]):
            if len(kept) < count and all(abs(position[0] - row) >= apart for row, _ in kept):
                kept.append(position)
        return sorted(kept)


def position_at(
    pixel: tuple[int, int], shape: tuple[int, int], picture: tuple[int, int] = IMAGE_SIZE
) -> tuple[int, int]:
    """The position of a map of `shape` (height, width) whose field is centred nearest to a pixel (row, column).

    `picture` is the height and width of the picture, by default those that tfnxc's own tower takes.

    Example:
        >>> position_at((60, 30), (37, 12)), position_at((60, 30), (10, 4))
        ((13, 6), (3, 2))
    """
    steps, firsts = np.transpose([_steps(*each) for each in zip(picture, shape, strict=True)])
    row, column = np.clip(np.rint((np.array(pixel) + 0.5 - firsts) / steps), 0, np.array(shape) - 1)
    return int(row), int(column)


def _steps(pixels, positions):
    """How far apart the fields of positions are, and where the middle of the first is, in pixels."""
    if 0 <= pixels - (STEP * (positions - 1) + FIELD) < STEP:
        return STEP, FIELD / 2
    # Of another tower only the size of its maps is known: they are laid evenly over the picture.
    return pixels / positions, pixels / positions / 2


def plot_correlation(
    probe: np.ndarray,
    gallery: np.ndarray,
    correlation: PairCorrelation,
    patch: tuple[int, int] | None = None,
    positions: int | Sequence[tuple[int, int]] = 6,
    channel: int | None = None,
) -> Figure:
    """Draws where patches of a probe find their best matches: the "inexact matching" of the paper.

    On the left, one patch of the probe and its correlations over the search window, on the gallery picture and enlarged
    beside it, the best framed; below, those of each channel. On the right, numbered lines join patches with their best
    matches, with the correlations below. A position of the maps is drawn as the 4 x 4 pixels in the middle of the
    16 x 16 that it sees; maps of a tower other than tfnxc's own are laid evenly over the picture.

    Args:
        probe: uint8 array of shape `(height, width, 3)`.
        gallery: uint8 array of the same shape.
        correlation: The `PairCorrelation` of the two.
        patch: `(row, column)` in the maps of the patch on the left. Defaults to `None`: that with the strongest match.
        positions: `(row, column)` of the patches on the right, at most 12; or how many with the strongest matches.
            Defaults to `6`.
        channel: One of the channels, from 0. Defaults to `None`: the mean over all.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide.

    Raises:
        ValueError: If a position or the channel is not in the maps, or there are too many positions.

    Example:
        >>> correlation = tfnxc.evaluation.pair_correlation(model, images[0], images[2])
        >>> plot_correlation(images[0], images[2], correlation, patch=(12, 5)).savefig("correlation.png", dpi=200)

    References:
        Subramaniam, Chatterjee, Mittal, "Deep Neural Networks with Inexact Matching for Person Re-Identification",
        NIPS 2016.
    """
    height, width, channels = correlation.values.shape[:3]
    if channel is not None and not 0 <= channel < channels:
        raise ValueError(f"channel must be 0 to {channels - 1}; got {channel!r}.")
    if isinstance(positions, int | np.integer):
        positions = correlation.strongest(min(positions, MOST_POSITIONS + 1), channel)
    if not 1 <= len(positions) <= MOST_POSITIONS:
        raise ValueError(f"plot_correlation joins 1 to {MOST_POSITIONS} patches; got {len(positions)}.")
    patch = max(positions, key=lambda each: correlation.best(each, channel)[1]) if patch is None else patch
    for row, column in (patch, *positions):
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"positions must be within {height} x {width}; got {(row, column)}.")
    high = _PICTURE * probe.shape[0] / probe.shape[1]
    figure, axes = new_page(_TOP + high + LINE * (-(-len(positions) // 6)) + 0.12)
    what = f"mean of {channels} channels" if channel is None else f"channel {channel + 1} of {channels}"
    _draw_patch(axes, probe, gallery, correlation, patch, channel, what)
    _draw_matches(axes, probe, gallery, correlation, positions, channel)
    return figure


class _Picture:
    """A picture on the page, and where on it the positions of its maps are."""

    def __init__(self, axes, picture, left, heading, maps):
        self.left, self.scale = left, _PICTURE / picture.shape[1]
        self._steps = [_steps(*each) for each in zip(picture.shape[:2], maps, strict=True)]
        self.high = self.scale * picture.shape[0]
        place(axes, picture, left, _TOP, _PICTURE, self.high)
        write(axes, heading, left + _PICTURE / 2, _TOP - LINE / 2 - 0.01)

    def middle(self, position):
        """`(x, y)` of the middle of a position's field."""
        y, x = (step * at + first for at, (step, first) in zip(position, self._steps, strict=True))
        return self.left + self.scale * x, _TOP + self.scale * y

    def box(self, first, shape):
        """`(left, top, width, height)` of `shape` positions from `first` on, a step each."""
        x, y = self.middle(first)
        down, across = (self.scale * step for step, _ in self._steps)
        return x - across / 2, y - down / 2, across * shape[1], down * shape[0]


def _draw_patch(axes, probe, gallery, correlation, patch, channel, what):
    """The left half: one patch, its search window on the gallery picture, and the correlations there."""
    write(axes, "One patch and its search window", _MARGIN, 0.13, HEADING, ha="left")
    maps = correlation.values.shape[:2]
    first = _Picture(axes, probe, _MARGIN, "probe", maps)
    second = _Picture(axes, gallery, _MARGIN + _PICTURE + 0.12, "gallery", maps)
    values, begin = correlation.window(patch, channel)
    limit = float(np.nanmax(np.abs(values))) or 1.0
    options = {"cmap": COLOUR_MAP, "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
    window = second.box(begin, values.shape)
    place(axes, values, *window, alpha=0.85, **options).set_clip_path(axes.patch)
    best, value = correlation.best(patch, channel)
    corner = [at - size // 2 for at, size in zip(patch, correlation.patch_size, strict=True)]
    for box in (first.box(corner, correlation.patch_size), second.box(best, (1, 1))):
        frame(axes, *box, "white", 2.4)
        frame(axes, *box, "black", 1.0)

    left, wide = second.left + _PICTURE + 0.14, 1.28
    cell = wide / max(values.shape[1], 12)
    high = cell * values.shape[0]
    write(axes, what, left + wide / 2, _TOP - LINE / 2 - 0.01)
    place(axes, values, left, _TOP, cell * values.shape[1], high, **options)
    row, column = best[0] - begin[0], best[1] - begin[1]
    frame(axes, left + column * cell, _TOP + row * cell, cell, cell, "black", 1.0)
    bar = _TOP + high + 0.08
    place(axes, np.linspace(-limit, limit, 65)[None], left + 0.3, bar, wide - 0.6, 0.08, **options)
    write(axes, f"−{limit:.2f}", left + 0.27, bar + 0.04, ha="right")
    write(axes, f"+{limit:.2f}", left + wide - 0.27, bar + 0.04, ha="left")
    write(axes, f"best: {value:.2f}", left + wide / 2, bar + 0.18)
    _draw_channels(axes, correlation, patch, left, bar + 0.42, wide, first.high - (bar + 0.42 - _TOP))


def _draw_channels(axes, correlation, patch, left, top, wide, high):
    """The same window in each channel, in rows of five, from -1 to 1."""
    channels = correlation.values.shape[2]
    lines = -(-channels // 5)
    write(axes, "each channel, −1 to +1", left + wide / 2, top - LINE / 2)
    across, down = wide / 5, min(0.25, high / lines)
    for channel in range(channels):
        values, _ = correlation.window(patch, channel)
        line, column = divmod(channel, 5)
        corner = left + column * across, top + line * down
        size = across - 0.03, down - 0.03
        place(axes, values, *corner, *size, cmap=COLOUR_MAP, vmin=-1, vmax=1, interpolation="nearest")
        frame(axes, *corner, *size, "#BBBBBB", 0.4)


def _draw_matches(axes, probe, gallery, correlation, positions, channel):
    """The right half: lines from patches of the probe to their best matches."""
    left = 4.2
    write(axes, "Patches and their best matches", left, 0.13, HEADING, ha="left")
    maps = correlation.values.shape[:2]
    first = _Picture(axes, probe, left, "probe", maps)
    second = _Picture(axes, gallery, WIDTH - _MARGIN - _PICTURE, "gallery", maps)
    words = []
    for number, position in enumerate(positions, start=1):
        colour = COLOURS[(number - 1) % len(COLOURS)]
        match, value = correlation.best(position, channel)
        begin, end = first.middle(position), second.middle(match)
        for line, thickness in (("white", 2.4), (colour, 1.2)):
            axes.plot(*zip(begin, end, strict=True), color=line, linewidth=thickness, solid_capstyle="round")
        for x, y in (begin, end):
            style = {"boxstyle": "circle,pad=0.18", "facecolor": "white", "edgecolor": colour, "linewidth": 1.0}
            write(axes, str(number), x, y, bbox=style)
        words.append(f"{number}: {value:.2f}")
    middle, y = (left + WIDTH - _MARGIN) / 2, _TOP + first.high + 0.1
    for start in range(0, len(words), 6):
        write(axes, "   ".join(words[start : start + 6]), middle, y + LINE * (start // 6), color=GREY)
