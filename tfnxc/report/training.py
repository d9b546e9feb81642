"""How the training went."""

import math

from tfnxc.report.markup import Section, code, element, figure, image, joined, missing, table
from tfnxc.runs import Run
from tfnxc.visualization import plot_training


def training(run: Run) -> Section:
    """The section on the training: curves, and the same numbers as a table."""
    return Section("training", "Training", _content(run.history(), run.best))


def _content(history, best):
    if history is None:
        again = " command that began the run again: it goes on."
        return missing("No epoch is finished yet. Give the ", code("tfnxc train"), again)
    heads, rows = ["Epoch", *map(_title, list(history)[1:])], list(_rows(history))
    caption = "Loss and accuracy over the training pairs of each epoch"
    if any(name.startswith("val_") for name in history):
        caption += "; the ranking of the people held back after it"
    caption += f". The best model is that of epoch {best + 1}." if best is not None else "."
    curves = figure("curves", image(plot_training(history, best), _alt(heads, rows), "svg"), caption)
    numbers = table("history", "The training, epoch by epoch; shares in per cent", heads, [(None, rows)])
    return joined([curves, element("details", element("summary", "The numbers of the curves"), numbers)])


def _title(name):
    """What a column of the history is called in print."""
    return name.replace("val_", "validation ").replace("_", " ").capitalize().replace("map", "mAP")


def _rows(history):
    for number, epoch in enumerate(history["epoch"]):
        figures = [(name, values[number]) for name, values in history.items() if name != "epoch"]
        yield int(epoch) + 1, *(_number(name, value) for name, value in figures)


def _number(name, value):
    if math.isnan(value):
        return "–"
    return f"{value:.4f}" if name == "loss" else f"{100 * value:.2f}"


def _alt(heads, rows):
    first, last = rows[0], rows[-1]
    changes = [f"{head} from {a} to {b}" for head, a, b in zip(heads[1:], first[1:], last[1:], strict=True)]
    return f"Curves over epochs {first[0]} to {last[0]}, shares in per cent: {'; '.join(changes)}."
