"""Training curves of one run."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfnxc.visualization.page import COLOURS, GREY, HEADING, TEXT, WIDTH

_HEIGHT = 2.7

# Title, unit, how many of it the history has for one, and the lines by name in the history: label and style.
_PANELS = (
    ("Loss of the training pairs", "Loss", 1, {"loss": ("Loss", "-")}),
    ("Training pairs judged right", "Pairs (%)", 100, {"accuracy": ("Accuracy", "-")}),
    (
        "People held back",
        "Probes matched, mAP (%)",
        100,
        {
            "val_rank_1": ("Rank 1", "-"),
            "val_mAP": ("mAP", "--"),
            "val_rank_5": ("Rank 5", "-."),
            "val_rank_10": ("Rank 10", ":"),
            "val_rank_20": ("Rank 20", (0, (5, 1, 1, 1, 1, 1))),
        },
    ),
)


def plot_training(history: Mapping[str, Sequence[float]], best: int | None = None) -> Figure:
    """Draws the history of a training by epochs: loss, accuracy and, where people were held back, their ranking.

    Args:
        history: One sequence of equal length a name: `"epoch"`, counted from 0, and any of `"loss"`, `"accuracy"`
            (a share in [0, 1]), `"val_rank_1"`, `"val_rank_5"`, `"val_rank_10"`, `"val_rank_20"`, `"val_mAP"` (shares);
            NaN where an epoch has no such figure.
        best: Epoch of the best model, which a line marks among the people held back. Defaults to `None`: no line.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide, of one panel for each of the three that has a figure; no display is
        needed. Epochs count from 1, shares are in per cent.

    Raises:
        ValueError: If there is no epoch, no figure that is known, or the sequences differ in length.

    Example:
        >>> history = {"epoch": [0, 1], "loss": [0.69, 0.42], "accuracy": [0.5, 0.81]}
        >>> plot_training(history).savefig("training.png", dpi=200)
    """
    lengths = {len(values) for values in history.values()}
    panels = [panel for panel in _PANELS if panel[-1].keys() & history.keys()]
    if len(lengths) != 1 or 0 in lengths or "epoch" not in history or not panels:
        raise ValueError(
            f"history must hold 'epoch' and figures of it, equally many and at least one; got {sorted(history)} of "
            f"lengths {sorted(lengths)}."
        )
    figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
    epochs = np.asarray(history["epoch"]) + 1
    for axes, (title, unit, scale, lines) in zip(np.ravel(figure.subplots(1, len(panels))), panels, strict=True):
        there = [name for name in lines if name in history]
        for name, colour in zip(there, COLOURS, strict=False):
            _draw_line(axes, epochs, scale * np.asarray(history[name], float), colour, *lines[name])
        _dress(axes, title, unit, epochs)
        if scale == 1:
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(0 if len(lines) > 1 else None, 102)  # so that 100 is seen
        if len(lines) > 1:
            if best is not None:
                axes.axvline(best + 1, color=GREY, linewidth=0.8, label=f"Best: epoch {best + 1}")
            # Below all panels, where it hides no line.
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(handles, labels, fontsize=TEXT, ncols=6, frameon=False, loc="outside lower right")
    return figure


def _draw_line(axes, epochs, values, colour, label, style):
    # Epochs that were not ranked are no gaps in the line, and a single one is still seen.
    there = ~np.isnan(values)
    marker = "o" if there.sum() == 1 else ""
    axes.plot(epochs[there], values[there], linestyle=style, color=colour, marker=marker, label=label, linewidth=1.4)


def _dress(axes, title, unit, epochs):
    axes.set_title(title, fontsize=HEADING)
    axes.set_xlabel("Epoch", fontsize=TEXT + 0.5)
    axes.set_ylabel(unit, fontsize=TEXT + 0.5)
    axes.tick_params(labelsize=TEXT)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
