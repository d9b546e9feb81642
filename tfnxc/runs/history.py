"""`history.csv`: the figures of each finished epoch; `best.json`: which epoch made the best model."""

import csv
import math
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from tfnxc.errors import InputError
from tfnxc.files import parse_json, write_json, write_text

RANKED_BY = ("val_rank_1", "val_mAP")
"""The figure that decides which model is best, and the one that breaks a tie."""

_NEEDED = {"epoch", "loss", "accuracy"}  # columns that every history has


class History(Mapping[str, list]):
    """The figures of the finished epochs of a training, as lists by the names of their columns.

    The first column is `"epoch"`, whole numbers from 0 on; the others are floats, NaN where an epoch lacks the figure,
    as those that begin with `val_` without validation.

    Args:
        path: The file, which errors name.
        names: The columns in their order, `"epoch"` first.
        rows: For each epoch the figures that it has, by name.

    Example:
        >>> history = History("history.csv", ("epoch", "loss", "val_mAP"), [{"epoch": 0, "loss": 0.5}])
        >>> dict(history)
        {'epoch': [0], 'loss': [0.5], 'val_mAP': [nan]}
    """

    def __init__(self, path: str | os.PathLike, names: Sequence[str], rows: Sequence[Mapping[str, float]]):
        self._path, self._rows = pathlib.Path(path), list(rows)
        self._columns = {name: [row.get(name, math.nan) for row in self._rows] for name in names}

    def __getitem__(self, name: str) -> list:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def figures(self, epoch: int, names: Sequence[str]) -> dict[str, float]:
        """Figures of an epoch by name: all of `names`, or none; raises `InputError` if it has only some."""
        rows = [row for row in self._rows if row["epoch"] == epoch]
        found = {name: row[name] for row in rows for name in names if name in row}
        if found and len(found) != len(names):
            raise _damaged(self._path)
        return found

    @classmethod
    def read(cls, path: str | os.PathLike) -> Self | None:
        """The history in a file, `None` where no epoch is finished; raises `InputError` where the file is damaged."""
        path = pathlib.Path(path)
        if not path.exists():
            return None
        try:
            with path.open(encoding="utf-8", newline="") as file:
                table = csv.DictReader(file)
                if not _NEEDED <= set(table.fieldnames or ()):
                    raise ValueError
                # More cells than columns are a list under the name None; `float` refuses it.
                rows = [{name: float(text) for name, text in row.items() if text} for row in table]
            rows = [{**row, "epoch": int(row["epoch"])} for row in rows]
        except (TypeError, ValueError, KeyError, OverflowError, csv.Error):
            raise _damaged(path) from None
        names = ("epoch", *(name for name in table.fieldnames or () if name != "epoch"))
        return cls(path, names, rows) if rows else None

    @staticmethod
    def append(path: str | os.PathLike, epoch: int, figures: Mapping[str, float]) -> None:
        """Appends the row of an epoch, counted from 0, to those of earlier epochs; later ones are dropped."""
        path = pathlib.Path(path)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        names = ",".join(("epoch", *figures))
        # An epoch without validation may have fewer figures than those before it.
        heading = lines[0] if lines and lines[0].startswith(names) else names
        earlier = {str(each) for each in range(epoch)}
        rows = [line for line in lines if line.partition(",")[0] in earlier]
        rows.append(",".join(map(str, (epoch, *figures.values()))))
        write_text(path, "\n".join([heading, *rows, ""]))


def _damaged(path):
    return InputError(f"{path}: damaged. Delete it, and the history begins anew.")


def read_best(folder: str | os.PathLike) -> tuple[int, tuple[float, ...]] | None:
    """The best epoch so far, from 0, and its `RANKED_BY` figures, or `None`; raises `InputError` on a damaged file."""
    path = pathlib.Path(folder) / "best.json"
    try:
        kept = parse_json(path.read_text(encoding="utf-8"))
        epoch = kept["epoch"] if "epoch" in kept else kept["pass"]
        figures = tuple(float(kept[name]) for name in RANKED_BY)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OverflowError):
        epoch, figures = None, ()
    if type(epoch) is not int or epoch < 0 or not all(map(math.isfinite, figures)):
        raise InputError(f"{path}: damaged. Delete it, and the next epoch is the best so far.")
    return epoch, figures


def write_best(folder: str | os.PathLike, epoch: int, figures: Mapping[str, float]) -> None:
    """Notes the epoch of the best model and its validation figures by name."""
    write_json(pathlib.Path(folder) / "best.json", {"epoch": epoch, **figures})
