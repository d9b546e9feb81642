"""Ending a training when its process is asked to: by Ctrl-C, or by SIGTERM, which schedulers send before they kill."""

import contextlib
import os
import pathlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from tfnxc.runs import Run

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_TIMES = 3
"""Asked so often, a training does not wait for its step."""


class _Asked:
    """Whether steps are being made, or something saved, and how the process has been asked to end since they began."""

    steps = saving = at_once = False
    times = 0
    signal: int | None = None


def _note(number: int, _: Any) -> None:
    _Asked.times += 1
    _Asked.signal = _Asked.signal or number
    if _Asked.steps and (_Asked.saving or _Asked.times < _TIMES):
        if _Asked.times == 1:
            with contextlib.suppress(OSError):  # no print: the signal may have come in the middle of one
                os.write(2, b"Stopping: this step, or a ranking under way, is finished and saved first.\n")
        return
    _Asked.at_once = _Asked.steps
    raise SystemExit(_status())


def _status():
    """What the process ends with, as if the signal had ended it."""
    return 128 + int(_Asked.signal or signal.SIGTERM)


@contextlib.contextmanager
def saving_when_asked_to_end() -> Iterator[None]:
    """A block in which Ctrl-C and SIGTERM have a training save after its step, and end the process.

    The status is 130 or 143, as if the signal had ended it. Where no steps are made, the process ends at once; what was
    trained before is saved then. Asked again, it still saves; only the third time does it not wait for the step, and
    never does it leave a file half written. Python handles signals in the main thread alone: elsewhere this changes
    nothing.

    Example:
        >>> with saving_when_asked_to_end():
        ...     print(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
        True
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _forget()
    # What a shell has a process in the background ignore, stays ignored.
    heard = [each for each in SIGNALS if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, _note) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _forget():
    _Asked.times, _Asked.signal, _Asked.at_once = 0, None, False


@contextlib.contextmanager
def steps() -> Iterator[None]:
    """The block in which steps are made; whoever makes them asks `asked_to_end` after each."""
    _forget()
    _Asked.steps = True
    try:
        yield
    finally:
        _Asked.steps = False


@contextlib.contextmanager
def saving() -> Iterator[None]:
    """The block in which a training saves what it reached: whoever asks it to end waits for that, however often."""
    _Asked.saving = True
    try:
        yield
    finally:
        _Asked.saving = False


def asked_to_end() -> bool:
    """Whether the process has been asked to end since the steps began."""
    return _Asked.signal is not None


def end_if_asked() -> None:
    """Ends the process if it has been asked to since the steps began; what was reached is saved."""
    if asked_to_end():
        raise SystemExit(_status())


def where_it_stopped(folder: str | os.PathLike) -> str:
    """What to tell a user whose training in a run folder was asked to end: where it stopped, and how it goes on.

    Example:
        >>> where_it_stopped("runs/none")
        'Stopped before the training began. The same command begins it.'
    """
    folder = pathlib.Path(folder)
    if not (folder / "run.json").exists():
        return "Stopped before the training began. The same command begins it."
    run = Run.open(folder)
    done, epochs = run.epochs_done, run.settings.recipe.epochs
    if run.model_path().exists() and run.unfinished is None:
        return "Stopped after the last epoch, before the embedding was fitted. The same command fits it."
    begun = run.model_path("checkpoint").exists()
    where = f"in epoch {done + 1} of {epochs}" if begun or not done else f"after epoch {done} of {epochs}"
    if _Asked.at_once:
        return f"Stopped at once {where}. The same command goes on from what was saved last."
    if not begun and not done:
        return "Stopped before the first step was saved. The same command begins anew."
    return f"Stopped {where}; saved. The same command goes on from there."
