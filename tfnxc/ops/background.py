"""Building the compiled library in a process of its own, while this one reads pictures."""

import contextlib
import os
import pathlib
import subprocess
import sys
import traceback

import tensorflow as tf
from rich.console import Console

from tfnxc.console import plain, progress_bar
from tfnxc.errors import InputError
from tfnxc.files import write_text, writing
from tfnxc.ops import _library
from tfnxc.ops.implementation import VARIABLE, chosen

_started: list["_Build"] = []  # kept, because Python complains of a process that nobody waits for
_COMMAND = "from tfnxc.ops import background; background.build_and_tell()"


def build_in_background(console: Console | None = None, wait: bool = True) -> bool:
    """Starts to build the compiled library in a process of its own, unless it is there, and returns at once.

    The first operation that would use the library waits until it is built, so that a program gives the same numbers
    whether it was there before or not. The build goes on if this process ends before. Nothing is built where
    `TFNXC_OPS` is `python`, there is no compiler or a GPU, or a build failed before: `build_library` tries that again.

    Args:
        console: Where one line says that it is built, another if that fails, and a bar how far it is. Defaults to
            `None`: nothing is said.
        wait: Whether the first operation waits. Defaults to `True`; otherwise this process does without, and the next
            has it.

    Returns:
        Whether a build was started.

    Example:
        >>> tfnxc.ops.build_in_background()
        False
    """
    if chosen() == "python" or tf.config.list_physical_devices("GPU"):
        return False
    try:
        target = _library.library_path()
        bundled = _library.bundled_folder() / target.parent.name / target.name
        if target.exists() or bundled.exists() or _library.failure_path(target).exists():
            return False
        _library.find_compiler()
    except InputError:  # no sources or no compiler: whoever needs the library says so
        return False
    build = _Build(target, console)
    if not build.start(wait):
        _library.before_loading(lambda: True)
        return False
    _library.before_loading(build.wait if wait else lambda: True)
    _started.append(build)
    return True


class _Build:
    """A process that builds the library of a path, and what is said of it on a console."""

    def __init__(self, target, console):
        self._target, self._console = target, console
        self._process = None

    def start(self, heard):
        """Starts the process, whose steps are `heard` by `wait`; says why not where the system refuses that."""
        folder = self._target.parent
        try:
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK):
                    raise PermissionError(13, os.strerror(13), os.fspath(folder))
            # The tfnxc that runs here, wherever the process is started from.
            package = os.fspath(pathlib.Path(__file__).resolve().parents[2])
            path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-c", _COMMAND],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if heard else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                text=True,
            )
        except OSError as error:
            self._say(
                f"The compiled op cannot be built: {error.filename or folder}: {error.strerror}. Plain TensorFlow "
                "computes, slower; TFNXC_CACHE names another folder."
            )
            return False
        self._say(
            f"Building the compiled op once for this machine, about half a minute; {VARIABLE}=python does without."
        )
        return True

    def wait(self):
        """Waits for the process, behind a bar; says why where it fails, and returns whether it does."""
        shown = self._console if self._console is not None and self._console.is_terminal else None
        with self._process as process, progress_bar("Compiling", None, shown) as advance:
            for line in process.stdout or ():
                done, steps = line.split()
                advance(int(done), total=int(steps))
        if process.returncode == 0:
            return False
        log = _library.failure_path(self._target)
        why = f"{log} says why" if log.exists() else f"the process ended with {process.returncode}"
        self._say(
            f"The compiled op could not be built: {why}; plain TensorFlow computes, slower. "
            f"Try again with: {_library.BUILD_COMMAND}"
        )
        return True

    def _say(self, text):
        if self._console is not None:
            self._console.print(plain(text), soft_wrap=True)


def build_and_tell() -> None:
    """Builds the library, tells each step on standard output, and keeps what the compiler said where it fails."""

    def tell(done, steps):
        with contextlib.suppress(OSError):  # whoever started this may have ended
            os.write(1, f"{done} {steps}\n".encode())

    failure = _library.failure_path(_library.library_path())

    def check(library):
        # This is a process of its own already. Where it dies here, that is the reason not to try again.
        write_text(failure, f"the process that loaded the new library died of it: run `{_library.BUILD_COMMAND}`\n")
        tf.load_op_library(library)

    try:
        _library.build_and_check(None, False, False, tell, check)
    except Exception as error:
        write_text(failure, (str(error) if isinstance(error, InputError) else traceback.format_exc()) + "\n")
        raise SystemExit(1) from None
