"""How the training went."""

from __future__ import annotations

import csv
import math

from tfnxc.callbacks.keep_best import read_best
from tfnxc.errors import InputError
from tfnxc.report.image import image
from tfnxc.report.markup import code, element, figure, joined, table
from tfnxc.report.section import Section, missing
from tfnxc.visualization import plot_training


def training(run):
    """The section on the training of a `Run`: curves, and the same numbers as a table."""
    return Section("training", "Training", _content(read_history(run), _best(run)))


def _content(history, best):
    if history is None:
        again = " command that began the run again: it goes on."
        return missing("No pass is finished yet. Give the ", code("tfnxc train"), again)
    heads, rows = ["Pass", *map(_title, list(history)[1:])], list(_rows(history))
    drawn = image(plot_training(history, best), _alt(heads, rows), "svg")
    numbers = table("history", "The training, pass by pass; shares in per cent", heads, [(None, rows)])
    return joined(
        [
            figure("curves", drawn, _caption(history, best)),
            element("details", element("summary", "The numbers of the curves"), numbers),
        ]
    )


def read_history(run):
    """What a run wrote down of each pass.

    Args:
        run: The `Run`.

    Returns:
        A list of numbers a column of `history.csv`, by its name: `"epoch"`, counted from 0, then the figures, NaN where
        a pass has none. `None` where no pass is finished.

    Raises:
        InputError: If the file is damaged.
    """
    path = run.folder / "history.csv"
    if not path.exists():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, restval="nan")
            if not {"epoch", "loss", "accuracy"} <= set(table.fieldnames or ()):
                raise ValueError
            rows = [{name: float(text or "nan") for name, text in row.items()} for row in table]
        epochs = [int(row["epoch"]) for row in rows]
    except (TypeError, ValueError, csv.Error):
        raise InputError(f"{path}: damaged. Delete it, and the history begins anew.") from None
    if not rows:
        return None
    return {"epoch": epochs, **{name: [row[name] for row in rows] for name in rows[0] if name != "epoch"}}


def _best(run):
    """The epoch of the best model, where people were held back."""
    best = read_best(run)
    return None if best is None else best[0]


def _title(name):
    """What a column of the history is called in print."""
    return name.replace("val_", "validation ").replace("_", " ").capitalize().replace("map", "mAP")


def _rows(history):
    for number, epoch in enumerate(history["epoch"]):
        figures = [(name, values[number]) for name, values in history.items() if name != "epoch"]
        yield epoch + 1, *(_number(name, value) for name, value in figures)


def _number(name, value):
    if math.isnan(value):
        return "–"
    return f"{value:.4f}" if name == "loss" else f"{100 * value:.2f}"


def _caption(history, best):
    caption = "Loss and accuracy over the training pairs of each pass"
    if any(name.startswith("val_") for name in history):
        caption += "; the ranking of the people held back after it"
    return caption + (f". The best model is that of pass {best + 1}." if best is not None else ".")


def _alt(heads, rows):
    first, last = rows[0], rows[-1]
    changes = [f"{head} from {a} to {b}" for head, a, b in zip(heads[1:], first[1:], last[1:], strict=True)]
    return f"Curves over epochs {first[0]} to {last[0]}, shares in per cent: {'; '.join(changes)}."
