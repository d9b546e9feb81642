"""Reliability diagrams: how often pairs of a predicted probability show one person."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from tfnxc.metrics import Reliability
from tfnxc.visualization.page import COLOURS, GREY, HEADING, TEXT, WIDTH

_HEIGHT = 3.3
_STYLES = (("before", "s", "--"), ("after", "o", "-"))


def plot_reliability(scorers: Mapping[str, tuple[Reliability | None, Reliability]]) -> Figure:
    """Draws a reliability diagram for each of several scorers, before and after calibration.

    A point is a bin of predicted probabilities: their mean, and the share of matches among its pairs, matches and
    strangers weighing as much as each other. On the diagonal probabilities are true.

    Args:
        scorers: `(before, after)` by the name of one to four scorers; before is `None` where it gave no probability.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide, with a panel a scorer.

    Raises:
        ValueError: If there is no scorer, or more than fit.

    Example:
        >>> found = tfnxc.metrics.Reliability.of([0.9, 0.1, 0.2], [True, False, False])
        >>> plot_reliability({"head": (None, found)})
        <Figure size 700x...>
    """
    if not 1 <= len(scorers) <= 4:
        raise ValueError(f"plot_reliability draws 1 to 4 scorers; got {len(scorers)}.")
    figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
    panels = figure.subplots(1, len(scorers), squeeze=False)[0]
    for axes, (name, both) in zip(panels, scorers.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for found, colour, (when, marker, style) in zip(both, COLOURS[1::-1], _STYLES, strict=True):
            if found is None:
                continue
            points = [(each.predicted, each.observed) for each in found.bins]
            label = f"{when}: Brier {found.brier:.3f}, log loss {found.log_loss:.3f}"
            options = {"linestyle": style, "marker": marker, "color": colour, "linewidth": 1.2, "markersize": 3}
            axes.plot(*zip(*points, strict=True), label=label, **options)
        axes.set_title(name, fontsize=HEADING)
        axes.set_xlabel("Predicted probability", fontsize=TEXT + 0.5)
        axes.tick_params(labelsize=TEXT)
        axes.grid(alpha=0.3)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        # Below its panel, where it hides no point.
        axes.legend(fontsize=TEXT, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22))
    panels[0].set_ylabel("Share of matches", fontsize=TEXT + 0.5)
    return figure
