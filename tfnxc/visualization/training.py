"""Training curves of one run."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfnxc.visualization.page import COLOURS, GREY, HEADING, TEXT, WIDTH

_HEIGHT = 2.7

# Title, unit, scale from the history to that unit, and by name in the history the label and style of each line.
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
    """Draws the history of a training by epochs: loss, accuracy and, if people were held back, their ranking.

    Args:
        history: Sequences of equal length by name: `"epoch"`, counted from 0, and any of `"loss"`, `"accuracy"`,
            `"val_rank_1"`, `"val_rank_5"`, `"val_rank_10"`, `"val_rank_20"`, `"val_mAP"`, all but the loss shares in
            [0, 1]; NaN where an epoch has no such figure.
        best: Epoch of the best model, marked by a line in the ranking panel. Defaults to `None`: no line.

    Returns:
        A `matplotlib.figure.Figure`, 7 inches wide, with a panel for loss, accuracy and ranking each, as far as the
        history has them. Epochs count from 1, shares are in per cent.

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
            label, style = lines[name]
            values = scale * np.asarray(history[name], float)
            ranked = ~np.isnan(values)  # other epochs leave no gap in the line
            marker = "o" if ranked.sum() == 1 else ""  # or a single one would not be seen
            options = {"linestyle": style, "color": colour, "marker": marker, "label": label, "linewidth": 1.4}
            axes.plot(epochs[ranked], values[ranked], **options)
        axes.set_title(title, fontsize=HEADING)
        axes.set_xlabel("Epoch", fontsize=TEXT + 0.5)
        axes.set_ylabel(unit, fontsize=TEXT + 0.5)
        axes.tick_params(labelsize=TEXT)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
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
