"""Ending a training when its process is asked to, by SIGTERM, which schedulers and containers send before they kill."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

STATUS = 128 + signal.SIGTERM
"""What the process ends with, as if the signal had ended it."""


class _Asked:
    """Whether steps are being made, and whether the process has been asked to end since they began."""

    steps = False
    to_end = False


def _note(*_: Any) -> None:
    # Asked a second time, it does not wait for the step.
    if not _Asked.steps or _Asked.to_end:
        raise SystemExit(STATUS)
    _Asked.to_end = True


@contextlib.contextmanager
def saving_when_asked_to_end() -> Iterator[None]:
    """A block in which SIGTERM has a training save after its step, and ends the process with the status 143.

    Where no steps are made, the process ends at once; what was trained before is saved then. Python handles signals in
    the main thread alone: elsewhere this changes nothing.

    Example:
        >>> with saving_when_asked_to_end():
        ...     print(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
        True
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def steps() -> Iterator[None]:
    """The block in which steps are made; whoever makes them asks `asked_to_end` after each."""
    _Asked.steps, _Asked.to_end = True, False
    try:
        yield
    finally:
        _Asked.steps = False


def asked_to_end() -> bool:
    """Whether the process has been asked to end since the steps began."""
    return _Asked.to_end


def end_if_asked() -> None:
    """Ends the process if it has been asked to since the steps began; what was reached is saved."""
    if _Asked.to_end:
        raise SystemExit(STATUS)
