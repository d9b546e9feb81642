"""How long a training is: as many steps as its recipe says, or as many as there is time for."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras

from tfnxc.errors import InputError
from tfnxc.recipes import Recipe

_AIM = 0.97
"""Share of the time that a plan takes: machines slow down more often than they speed up."""

_TOO_EARLY = 0.9
"""Share of the time before whose end no plan may end, or another is made."""

_LOOKS = 20
"""How often the pace is compared with the plan."""

_WINDOW = 4
"""The pace is that since so many of these comparisons."""

_FIRST_PART = 0.1
"""Share of the time by whose end there is a plan, also where the warm-up takes longer."""

_FEWEST_MEASURED = 3
"""Steps that the first plan measures, besides the very first, which traces the model."""


STATE = ("total", "first", "since", "place", "seconds", "changes")
"""What `Length.state` gives, by name."""


def check_minutes(minutes: float | None) -> float | None:
    """The minutes of a training as a number, or `None`; raises `InputError` where they are no time."""
    if minutes is None:
        return None
    try:
        number = float(minutes)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError(f"minutes must be a number above 0; got {minutes!r}.")
    return number


@dataclasses.dataclass
class Length:
    """The steps of a training.

    Args:
        recipe: Its `Recipe`.
        pairs: Its pipeline.
        minutes: The time that it has, in the place of the recipe's epochs. Defaults to `None`.
        kept: What `state` gave when it was saved. Defaults to `None`: it begins.

    Attributes:
        total: Steps of the whole training; `None` where the time decides and no plan is made yet.
        seconds: Time that was used before this start.
        changes: How often a plan changed the schedule of the steps that were made already, or how fast the rest of it
            falls, so that the number of steps alone does not repeat the training.
    """

    recipe: Recipe
    pairs: Any
    minutes: float | None = None
    kept: dataclasses.InitVar[Mapping[str, float] | None] = None

    def __post_init__(self, kept):
        self.seconds, self.changes = 0.0, 0
        # Places on the schedule, which is that of the first plan: at step `_since` the training is at `_place`.
        self._first: int | None = None
        self._since, self._place = 0, 0.0
        self.total: int | None = None
        if self.minutes is None:
            self.total = self._first = self.recipe.steps or self.recipe.epochs * self.pairs.steps_per_epoch
        elif kept is not None:
            self.seconds, self.changes = kept["seconds"], int(kept["changes"])
            self.total, self._first = (int(kept[name]) or None for name in ("total", "first"))
            self._since, self._place = int(kept["since"]), kept["place"]

    def state(self, seconds: float) -> dict[str, float]:
        """What the next start needs to know, after so much time."""
        where = {"total": self.total or 0, "first": self._first or 0, "since": self._since, "place": self._place}
        return {"seconds": seconds, "changes": self.changes, **where}

    @property
    def is_open(self) -> bool:
        """Whether steps, or the time, say where it ends, and not the epochs of the recipe."""
        return self.minutes is not None or self.recipe.steps > 0

    @property
    def sets_rates(self) -> bool:
        """Whether the learning rate follows this length, and no schedule that the optimizer has for itself."""
        return self.is_open and self.recipe.schedule == "cosine"

    @property
    def epochs(self) -> int:
        """Epochs, the last of which may be cut short; those of the recipe where nothing is planned yet."""
        return self.recipe.epochs if self.total is None else math.ceil(self.total / self.pairs.steps_per_epoch)

    def is_over(self, step: int) -> bool:
        """Whether nothing is left to do after so many steps."""
        return self.total is not None and step >= self.total

    def progress(self, step: int) -> tuple[int, int]:
        """`(epochs, pairs)` that are done after so many steps: the last epoch counts where the training is over."""
        epochs, rest = divmod(step, self.pairs.steps_per_epoch)
        if rest and self.is_over(step):
            return epochs + 1, self.pairs_until(step)
        return epochs, epochs * self.pairs.pairs_per_epoch

    def pairs_until(self, step: int) -> int:
        """Pairs of so many steps."""
        epochs, rest = divmod(step, self.pairs.steps_per_epoch)
        return epochs * self.pairs.pairs_per_epoch + min(rest * self.pairs.batch_size, self.pairs.pairs_per_epoch)

    def rate(self, step: int) -> float:
        """The learning rate of a step from 0 on, where `sets_rates`: as `make_optimizer` has it, within rounding."""
        highest, warmup = self.recipe.learning_rate, self._warmup()
        if self._first is None:  # nothing falls before there is a plan
            return highest * min(step, warmup) / warmup if warmup else highest
        place = self._first
        if self.total > self._since:
            place = self._place + (self._first - self._place) * (step - self._since) / (self.total - self._since)
        if place < warmup:
            return highest * place / warmup
        fallen = min(1.0, (place - warmup) / max(1, self._first - warmup))
        return highest * (1 + math.cos(math.pi * fallen)) / 2

    def _warmup(self):
        """Steps of the warm-up, which takes a quarter of a training at most."""
        return self.recipe.warmup if self._first is None else min(self.recipe.warmup, self._first // 4)

    def plan(self, step: int, total: int) -> None:
        """Decides after a step how many there are in all; the rate goes on from where it is."""
        rises = step <= self.recipe.warmup and not self.changes
        if self._first is None or rises or not self.sets_rates:
            self._first = self.total = total
            self.changes += self.sets_rates and not (rises and self._warmup() == self.recipe.warmup)
            return
        if self.total > self._since:
            self._place += (self._first - self._place) * (step - self._since) / (self.total - self._since)
        self._since, self.total = step, total
        self.changes += 1


class KeepToTime(keras.callbacks.Callback):
    """Ends a training after its `Length`, which it plans by the pace where the time decides; sets the learning rate.

    Rankings and whatever else is done between epochs count. It stands first among the callbacks: what the others save
    after a step knows then whether that was the last, and has the rate of the next.

    Args:
        length: The `Length`.
        between: Gives the seconds that are expected between two epochs, for a ranking, say; it is called before the
            first plan, with the seconds that are left.
        planned: Called whenever a plan is made or changed.
    """

    _now = staticmethod(time.monotonic)

    def __init__(self, length: Length, between: Callable[[float], float], planned: Callable[[], None]):
        super().__init__()
        self.length, self._between, self._planned = length, between, planned
        self._begin: float | None = None
        self._gaps: list[float] = []  # seconds between epochs
        self._gap_from: float | None = None
        self._expected_gap: float | None = None
        self._paused = 0.0  # seconds that were no steps
        # Moments (seconds of steps, step): the end of the first step, and the last looks, at which the pace counts.
        self._moments: list[tuple[float, int]] = []
        self._first_step: int | None = None
        self._next_look = 0.0

    def elapsed(self) -> float:
        """Seconds of training so far, those of earlier starts included."""
        return self.length.seconds + (0.0 if self._begin is None else self._now() - self._begin)

    def state(self) -> dict[str, float] | None:
        """What the next start needs to know; `None` where the time does not decide."""
        return None if self.length.minutes is None else self.length.state(self.elapsed())

    def plan_in_words(self) -> str:
        """What the clock says of the steps to come."""
        length = self.length
        used = f"After {self.elapsed() / 60:.2g} of {length.minutes:g} minutes"
        again = "" if length.changes == 0 else " now, because the pace has changed"
        return (
            f"{used}: {length.total:,} steps in all, {length.total / length.pairs.steps_per_epoch:.3g} epochs{again}."
        )

    def end_in_words(self, made: int) -> str:
        """What the clock says at the end, after so many steps."""
        took = f"{made:,} steps in {self.elapsed() / 60:.3g} minutes"
        if self.length.changes == 0:
            return f"{took}: --steps {made} in the place of --minutes does the same again."
        return f"{took}. The pace changed, and the learning rate with it: --steps {made} repeats that only roughly."

    def on_train_begin(self, logs: Any = None) -> None:
        """The clock goes on; the first step gets its rate."""
        self._begin = self._now()
        self._set_rate()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """What follows until the next step is no step."""
        self._gap_from = self._now()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The time between epochs is over."""
        if self._gap_from is not None:
            self._gaps.append(self._now() - self._gap_from)
            self._paused += self._gaps[-1]
            self._gap_from = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Looks at the clock, sets the rate of the next step, and ends the training after the last one."""
        step = self._step()
        if self._first_step is None:
            self._first_step, self._moments = step, [self._moment(step)]
        if self.length.minutes is not None:
            self._keep_to_time(step)
        self._set_rate()
        if self.length.is_over(step):
            self.model.stop_training = True

    def _step(self):
        return int(self.model.optimizer.iterations)

    def _set_rate(self):
        if self.length.sets_rates:
            self.model.optimizer.learning_rate = self.length.rate(self._step())

    def _keep_to_time(self, step):
        budget, elapsed, measured = 60 * self.length.minutes, self.elapsed(), step - self._first_step
        if self.length.total is None:
            # By the end of the warm-up, before the rate begins to fall, or as soon as that would take too long.
            enough = {0: 1.0, 1: 0.5, 2: 0.5}.get(measured, _FIRST_PART)
            if measured < max(_FEWEST_MEASURED, self.length.recipe.warmup - 1) and elapsed < enough * budget:
                return
            begin = self._now()
            self._expected_gap = self._between(budget - elapsed)
            self._paused += self._now() - begin
        elif elapsed < self._next_look or (measured < _FEWEST_MEASURED and elapsed < budget):
            return
        self._next_look = self.elapsed() + budget / _LOOKS
        end = self._projected_end(step)
        self._moments = [*self._moments, self._moment(step)][-_WINDOW:]
        if self.length.total is None or not _TOO_EARLY * budget <= end <= budget:
            total = self._affordable(step, _AIM * budget)
            if total != self.length.total:
                self.length.plan(step, total)
                self._planned()

    def _pace(self, step):
        """Seconds a step; of the very first one where there is no other yet."""
        (begin, first), (now, _) = self._moments[0], self._moment(step)
        return max(now if step == first else (now - begin) / (step - first), 1e-9)

    def _moment(self, step):
        """The time that steps have taken since this start, and the step."""
        return self._now() - self._begin - self._paused, step

    def _gap(self):
        """Seconds between two epochs."""
        return sum(self._gaps) / len(self._gaps) if self._gaps else self._expected_gap or 0.0

    def _projected_end(self, step):
        """Seconds of training, if it ends as planned at the pace so far."""
        if self.length.total is None:
            return 0.0
        per_epoch = self.length.pairs.steps_per_epoch
        gaps = self.length.epochs - step // per_epoch
        return self.elapsed() + (self.length.total - step) * self._pace(step) + gaps * self._gap()

    def _affordable(self, step, end):
        """Steps of the whole training, if it ends then; at least those that are made."""
        per_epoch, pace, gap = self.length.pairs.steps_per_epoch, self._pace(step), self._gap()
        seconds = end - self.elapsed() - gap  # of what follows the last epoch
        return step + max(0, int(seconds / (pace + gap / per_epoch)))
