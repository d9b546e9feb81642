"""TensorFlow, imported without the notices that it prints whatever `TF_CPP_MIN_LOG_LEVEL` says."""

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

from tfnxc.cli import _notices
from tfnxc.cli._importing import around_import

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""The environment variable that says from which severity on TensorFlow's messages are seen."""


def keep_notices_back() -> None:
    """Has `import tensorflow`, whoever does it, print no message below the level of the environment.

    Where that is 0, because a user wants to see all, nothing is kept back.
    """
    said = os.environ.get(LEVEL, "")
    level = min(int(said), 3) if said.isdecimal() else 0
    if level and "tensorflow" not in sys.modules:
        around_import("tensorflow", lambda: filtered_errors(level))
        logging.getLogger("tensorflow").setLevel(10 + 10 * (level + 1))  # what its Python says


@contextlib.contextmanager
def filtered_errors(level: int) -> Iterator[None]:
    """A block whose standard error, that of C++ too, lacks TensorFlow's messages below a level.

    A process of its own passes on every other line as it comes, so that none is lost where this process dies.

    Args:
        level: As in `is_notice`.
    """
    with contextlib.ExitStack() as stack:
        try:
            before = os.dup(2)
            stack.callback(os.close, before)
            lines = _filter_into(before, level, stack)
        except OSError:  # no standard error, or no room for a process: then everything is seen
            yield
            return
        os.dup2(lines, 2)
        os.close(lines)
        try:
            yield
        finally:
            with contextlib.suppress(AttributeError, OSError, ValueError):  # there may be none, or a closed one
                sys.stderr.flush()
            os.dup2(before, 2)


def _filter_into(target, level, stack):
    """Starts the process that filters into a descriptor; gives that of its input. The stack waits for its end."""
    read, write = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", _notices.__file__, str(level)]
        filtering = subprocess.Popen(command, stdin=read, stdout=target, stderr=target)
    except OSError:
        os.close(write)
        raise
    finally:
        os.close(read)
    stack.callback(_wait_for, filtering)
    return write


def _wait_for(filtering):
    with contextlib.suppress(subprocess.TimeoutExpired):  # what was started meanwhile may still hold its input
        filtering.wait(10)
