"""A table of a training that grows while it runs, or lines where the output is no terminal."""

import atexit
import math
import time
from collections.abc import Callable
from typing import Any, Self

import keras
from rich import box
from rich.console import Console
from rich.live import Live
from rich.measure import Measurement
from rich.table import Table

from tfnxc.callbacks.learning_rate import learning_rate
from tfnxc.console import plain

_SECONDS_BETWEEN_DRAWINGS = 0.5
_SECONDS_BETWEEN_LINES, _LINES_AN_EPOCH = 30.0, 10
_RATE_IN_LOGS = ("learning_rate", "lr")  # left out: the table has a column for the learning rate


class LiveTable(keras.callbacks.Callback):
    """Shows a training as a table: a row for each of the last epochs, and a live one for the current.

    The columns are the epoch, its steps, pairs per second, loss and metrics (means over the epoch), learning rate,
    whatever begins with `val_`, and the time left, which includes validation and pauses. Pairs per second leave out
    the first step of an epoch, which waits for the pipeline and for tracing, unless it is the only one. If the console
    is too narrow, the last `val_` columns are left out first, then the last of the others. Where the output is no
    terminal, it prints one line an epoch instead, and within a long one at most ten more, 30 seconds apart or more.

    Call `fit` with `verbose=0`, and put this last in the list of callbacks, so that it sees what the others add to the
    logs. A console holds one live display at a time: run no progress bar beside it. `fit` tells callbacks nothing of
    an error or Ctrl-C: use the table as a context manager, or call `close`, to end the display there too.

    Args:
        console: The `rich.console.Console` to print to.
        batch_size: Pairs in a step.
        pairs_per_epoch: Pairs in an epoch; its last step may be smaller. Defaults to `None`: all steps are full.
        first_step: Step of the first epoch at which a resumed training begins. Defaults to `0`.
        rows: Finished epochs that stay visible, 1 or more. Defaults to `10`.
        steps_left: Function that gives the steps to come, `None` where that is not known yet. Defaults to `None`: all
            epochs have as many.

    Raises:
        ValueError: If `batch_size` or `rows` is below 1, or `first_step` below 0.
        rich.errors.LiveError: When the training begins, if the console shows another live display (rich before 14.1).

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> with LiveTable(Console(force_terminal=False), batch_size=4) as table:
        ...     fitted = model.fit(np.ones((8, 2)), np.ones((8, 1)), 4, epochs=2, verbose=0, callbacks=[table])
        epoch 1/2  steps 2/2  pairs/s ...  loss ...  learning rate 0.01  time left 0:00:...
        epoch 2/2  steps 2/2  pairs/s ...  loss ...  learning rate 0.01  time left 0:00:00
    """

    _now = staticmethod(time.monotonic)

    def __init__(
        self,
        console: Console,
        batch_size: int,
        pairs_per_epoch: int | None = None,
        first_step: int = 0,
        rows: int = 10,
        steps_left: Callable[[], int | None] | None = None,
    ):
        super().__init__()
        if batch_size < 1 or rows < 1 or first_step < 0:
            raise ValueError(
                "batch_size and rows must be 1 or more and first_step 0 or more; "
                f"got {batch_size}, {rows} and {first_step}."
            )
        self._console, self._visible, self._skipped = console, rows, first_step
        self._batch_size, self._pairs_per_epoch, self._steps_left = batch_size, pairs_per_epoch, steps_left
        self._live: Live | None = None
        self._steps: int | None = None  # of an epoch, once known
        self._begin: float | None = None  # of the first step's end
        self._finished: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Ends the live display, if there is one; it stays on the screen as it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            atexit.unregister(self.close)

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the table."""
        self.close()
        self._finished, self._begin, self._steps_since = [], None, 0
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            # No refresh thread: it would read what the training is changing.
            self._live = Live(console=self._console, auto_refresh=False)
            atexit.register(self.close)
            self._live.start()

    def on_train_end(self, logs: Any = None) -> None:
        """Ends the table."""
        self.close()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the live row."""
        self._epoch = epoch
        if self.params["steps"] is not None:
            self._steps = self._skipped + self.params["steps"]
        # Moments (time, step) of the epoch: its begin, the end of its first step, the end of its last one so far.
        self._moments = [(self._now(), self._skipped)]
        self._said = self._moments[0]
        self._draw({})

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Notes the time, and draws the live row if that is due."""
        moment = self._now(), self._skipped + batch + 1
        if self._begin is None:
            self._begin = moment[0]
        else:
            self._steps_since += moment[1] - self._moments[-1][1]
        self._moments = [*self._moments[:2], moment]
        if self._live is None:
            self._say_if_due(logs)
        elif moment[0] - self._drawn >= _SECONDS_BETWEEN_DRAWINGS:
            self._draw(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Turns the live row into a finished one."""
        if self._steps is None:  # unknown until now
            self._steps = self._moments[-1][1]
        row = self._row(logs)
        self._finished, self._skipped = [*self._finished, row][-self._visible :], 0
        if self._live is None:
            self._say(row)
        else:
            self._live.update(self._table(self._finished), refresh=True)

    def _say_if_due(self, logs):
        """Prints a line within an epoch; its last step has the line of the epoch."""
        (begin, first), (now, step) = self._said, self._moments[-1]
        enough = self._steps is None or first + self._steps / _LINES_AN_EPOCH <= step < self._steps
        if enough and now - begin >= _SECONDS_BETWEEN_LINES:
            self._said = now, step
            self._say(self._row(logs))

    def _say(self, row):
        line = "  ".join(f"{name} {text}" for name, text in row.items() if text)
        self._console.print(plain(line), soft_wrap=True)

    def _draw(self, logs):
        self._drawn = self._now()
        if self._live is not None:
            self._live.update(self._table([*self._finished, self._row(logs)]), refresh=True)

    def _row(self, logs):
        """The texts of a row by the names of its columns, in their order."""
        figures = {name: f"{float(value):.4f}" for name, value in logs.items() if name not in _RATE_IN_LOGS}
        means = {name: text for name, text in figures.items() if not name.startswith("val_")}
        return {
            "epoch": f"{self._epoch + 1}/{self.params['epochs']}",
            "steps": f"{self._moments[-1][1]}" + ("" if self._steps is None else f"/{self._steps}"),
            "pairs/s": self._speed(),
            "loss": means.pop("loss", ""),
            **means,
            "learning rate": f"{learning_rate(self.model.optimizer):.3g}",
            **{name: text for name, text in figures.items() if name.startswith("val_")},
            "time left": self._time_left(),
        }

    def _speed(self):
        if len(self._moments) < 2:
            return ""
        (begin, first), (end, last) = self._moments[-2:]
        most = math.inf if self._pairs_per_epoch is None else self._pairs_per_epoch
        pairs = min(last * self._batch_size, most) - min(first * self._batch_size, most)
        return f"{pairs / max(end - begin, 1e-9):.1f}"

    def _time_left(self):
        """Hours, minutes and seconds that the steps to come take at the speed so far."""
        if self._steps is None or not self._steps_since:
            return ""
        if self._steps_left is None:
            steps = (self.params["epochs"] - self._epoch) * self._steps - self._moments[-1][1]
        else:
            steps = self._steps_left()
        if steps is None:
            return ""
        steps = 0 if self.model.stop_training else steps
        minutes, seconds = divmod(round(steps * (self._now() - self._begin) / self._steps_since), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"

    def _table(self, rows):
        """The table of some rows, without the last columns that the console is too narrow for."""
        # Each column where the longest row has it, or behind the others of its kind.
        names = list(dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row))
        names.sort(key="time left".__eq__)
        while True:
            table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
            for name in names:
                table.add_column(plain(name.replace("_", " ")), justify="right")  # headings may wrap between words
            for row in rows:
                table.add_row(*(row.get(name, "") for name in names))
            needed = Measurement.get(self._console, self._console.options.update(width=10_000), table).minimum
            if needed <= self._console.width or len(names) == 1:
                return table
            names.remove(([name for name in names if name.startswith("val_")] or names)[-1])
