"""What the scripts share that do their work in steps: commands that go on where they were stopped, and what each took.

A step is a Python program, mostly a `tfnxc` command, that finds in its run folder how far it got. A script can so be
killed at any moment and started again: steps that are done are left out, and the one that was killed goes on.
"""

import ctypes
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from tfnxc import locks
from tfnxc.errors import InputError
from tfnxc.files import write_json

HEARTBEAT = 20.0
"""Seconds between two notes of how long a step has taken: the most that a kill of the script can lose."""

PATIENCE = 10.0
"""Seconds in which a step that was killed with its script has to be gone."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclasses.dataclass(frozen=True)
class Step:
    """A program to be run to its end.

    Args:
        name: Its name in the log.
        arguments: The command line of Python, without Python itself.
        folder: The run folder it works in. Where that is no run, the step has not begun, whatever the log says.
        after: Names of the steps whose outcome it reads: when one of them is done anew, so is this.
    """

    name: str
    arguments: tuple[str, ...]
    folder: pathlib.Path
    after: tuple[str, ...] = ()

    @classmethod
    def of_tfnxc(cls, name, arguments, folder, after=()):
        """A `tfnxc` command as a step; `arguments` are its words, of any type."""
        return cls(name, ("-m", "tfnxc", *map(str, arguments)), folder, after)


class Log:
    """What each step took so far, in a file that a kill leaves whole.

    Args:
        folder: The folder of the script, in which the file is called `steps.json`.
    """

    def __init__(self, folder):
        self._path = pathlib.Path(folder) / "steps.json"
        self._steps = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}

    def __iter__(self):
        """The names of the steps that have begun, in that order."""
        return iter(self._steps)

    def of(self, name):
        """What is known of a step.

        Returns:
            A dict of `seconds` and `peak_mb`, the highest resident set in 10^6 bytes, over all its starts; `arguments`,
            those of its last start, or `None`; and `done`, 0 as long as it is not, else how many were done by then.
        """
        return {"seconds": 0.0, "peak_mb": 0.0, "arguments": None, "done": 0, **self._steps.get(name, {})}

    def note(self, name, **facts):
        """Keeps facts of a step, named as in `of`."""
        self._steps[name] = {**self.of(name), **facts}
        write_json(self._path, self._steps)

    def forget_removed(self, step):
        """Forgets a step whose run folder somebody removed: it begins anew."""
        if step.name in self._steps and not (step.folder / "run.json").exists():
            del self._steps[step.name]

    def is_done(self, step):
        """Whether a step with these arguments is done, after those that it reads."""
        known = self.of(step.name)
        same = known["done"] and known["arguments"] == list(step.arguments)
        return bool(same) and all(self.of(name)["done"] < known["done"] for name in step.after)

    def note_done(self, name):
        """Keeps that a step is done, as the last so far."""
        self.note(name, done=1 + max((each["done"] for each in self._steps.values()), default=0))


def run_or_report(options, steps):
    """Runs the steps, unless the options of `add_folder_options` say to report only; gives the `Log`.

    Raises:
        InputError: If there is nothing to report of, or as `run_steps`.
    """
    if not options.report:
        run_steps(steps, options.to)
    elif not options.to.is_dir():
        raise InputError(f"{options.to}: no such folder, so nothing to report. Say with --to where the runs are.")
    return Log(options.to)


def run_steps(steps, folder):
    """Runs what is left to do, one after the other, with time and memory noted while it runs.

    Args:
        steps: The `Step`s, in order.
        folder: Folder of the script, made if need be, in which no other start works meanwhile.

    Raises:
        InputError: If another start works in the folder, or a step fails.
    """
    with alone_in(folder) as lock:
        log = Log(folder)  # now that nobody else writes it
        for number, step in enumerate(steps, start=1):
            log.forget_removed(step)
            if not log.is_done(step):
                print(f"== {number} of {len(steps)}, {step.name}: python {' '.join(step.arguments)}", flush=True)
                run_step(step, log, lock)


def run_step(step, log, lock=None):
    """Runs a step to its end.

    Args:
        step: The `Step`.
        log: The `Log`.
        lock: A file descriptor that the step keeps open too. Defaults to `None`.

    Raises:
        InputError: If it fails.
    """
    known = log.of(step.name)
    changed = known["arguments"] not in (None, list(step.arguments))
    begin, peak = time.monotonic(), known["peak_mb"]
    child = subprocess.Popen(
        [sys.executable, *step.arguments],
        preexec_fn=_end_with(os.getpid()),
        pass_fds=() if lock is None else (lock,),
    )
    try:
        log.note(step.name, arguments=list(step.arguments), done=0)
        while child.returncode is None:
            peak = max(peak, _wait(child, HEARTBEAT))
            log.note(step.name, seconds=known["seconds"] + time.monotonic() - begin, peak_mb=peak)
    finally:
        if child.returncode is None:
            child.terminate()
            child.wait()
            log.note(step.name, seconds=known["seconds"] + time.monotonic() - begin, peak_mb=peak)
    if child.returncode == 0:
        log.note_done(step.name)
        return
    how = f"exit {child.returncode}" if child.returncode > 0 else f"ended by {signal.Signals(-child.returncode).name}"
    advice = "Once what it says above is mended, the same command goes on here."
    if changed:
        # What it did before with the others still holds.
        log.note(step.name, arguments=known["arguments"], done=known["done"])
        advice = (
            f"Its arguments were others before: {' '.join(known['arguments'])}. Take another folder with --to for "
            f"these, or remove {step.folder} to begin it anew."
        )
    raise InputError(f"{step.name} failed ({how}). {advice}")


def alone_in(folder):
    """Keeps a second start out of a folder, also while a step lives on whose script was killed.

    Gives the descriptor of the locked file, which the steps keep open: the lock is held until the last has ended.

    Raises:
        InputError: If somebody else holds it.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return locks.alone_in(
        folder,
        lambda holder: (
            f"{folder}: another start of this script works here, or a step that outlived one. Wait for it, "
            f"or end it (fuser {folder / locks.LOCK} names it). --report needs no such wait."
        ),
        PATIENCE,
    )


def add_folder_options(parser, default):
    """Adds the options `--to` and `--report` to a parser of arguments."""
    parser.add_argument("--to", default=default, type=pathlib.Path, help="folder of the runs (default %(default)s)")
    parser.add_argument("--report", action="store_true", help="only write the results that are there")


def _end_with(parent):
    """What a new process does first, so that it does not outlive a script that was killed; Linux alone offers it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def end_with_parent():
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os._exit(1)

    return end_with_parent


def _wait(child, seconds):
    """Waits so long for the end of a process; gives its peak memory in MB so far, and sets `returncode` at the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
        time.sleep(0.1)
    return _peak_mb(child.pid)


def _peak_mb(pid):
    """Peak memory of a running process in MB; 0 where the system does not say."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0]) * 1024 / 1e6 if peak else 0.0
