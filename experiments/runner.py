"""Runs an experiment step by step: steps can be killed and resumed, and the time and memory of each are kept."""

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

HEARTBEAT = 20.0  # seconds between two notes of how long a step has taken: the most that a kill can lose
PATIENCE = 10.0  # seconds in which a step that was killed with its experiment has to be gone
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_OLD_WORDS = {"--passes": "--epochs", "--people": "--identities-per-group", "dials.py": "experiments.claims"}
"""What `steps.json` of version 0.1 calls an option or a program."""


@dataclasses.dataclass(frozen=True)
class Step:
    """A Python program, mostly a `tfnxc` command, that finds in its run folder how far it got."""

    name: str
    arguments: tuple[str, ...]  # of Python
    folder: pathlib.Path  # the run folder; where that is no run, the step has not begun, whatever the log says
    after: tuple[str, ...] = ()  # names of the steps whose outcome it reads: when one is done anew, so is this
    minutes: float = 0.0  # what it is expected to take on two cores
    memory_gb: float = 2.0


class Log:
    """What each step took so far, kept in `steps.json` of a folder; iterating gives names in the order of beginning."""

    def __init__(self, folder):
        self._path = pathlib.Path(folder) / "steps.json"
        self._steps = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}

    def __iter__(self):
        return iter(self._steps)

    def of(self, name):
        """What is known of a step: `seconds` and `peak_mb` over all its starts, `arguments` of the last one or `None`,
        and `done`, 0 as long as it is not, else how many were done by then.
        """
        return {"seconds": 0.0, "peak_mb": 0.0, "arguments": None, "done": 0, **self._steps.get(name, {})}

    def taken(self):
        """What all steps took, without their arguments, which hold paths of this machine."""
        return {name: {key: self.of(name)[key] for key in ("seconds", "peak_mb", "done")} for name in self}

    def note(self, name, **facts):
        """Keeps facts of a step, named as in `of`."""
        self._steps[name] = {**self.of(name), **facts}
        write_json(self._path, self._steps)

    def forget_removed(self, step):
        """Forgets a step whose run folder somebody removed: it begins anew."""
        if not (step.folder / "run.json").exists():
            self._steps.pop(step.name, None)

    def is_done(self, step):
        """Whether a step with these arguments is done, after those that it reads."""
        known = self.of(step.name)
        same = known["done"] and _meaning(known["arguments"]) == _meaning(step.arguments)
        return bool(same) and all(self.of(name)["done"] < known["done"] for name in step.after)


def _meaning(arguments):
    """Options with their values, in whatever order and wherever the program lies, as they are called today."""
    options = [[]]
    for word in (word for word in arguments if word != "-m"):
        word = pathlib.PurePath(word).name if word.endswith(".py") else word
        word = _OLD_WORDS.get(word, word)
        if word.startswith("--"):
            options.append([])
        options[-1].append(word)
    return sorted(options)


def run_steps(steps, folder):
    """Says what is left to do in a folder and what it will cost, and does it, one step after the other.

    Raises:
        InputError: If another start works in the folder, or a step fails.
    """
    with alone_in(folder) as lock:
        log = Log(folder)  # now that nobody else writes it
        for step in steps:
            log.forget_removed(step)
        left = [step for step in steps if not log.is_done(step)]
        if left:
            minutes, memory = sum(step.minutes for step in left), max(step.memory_gb for step in left)
            cost = f"{minutes:.0f} minutes on two cores with the compiled op (tfnxc build-ops), up to {memory:.1f} GB"
            print(f"{len(left)} of {len(steps)} steps to do: about {cost} of memory.", flush=True)
        else:
            print(f"All {len(steps)} steps are done.", flush=True)
        for number, step in enumerate(steps, start=1):
            if not log.is_done(step):
                print(f"== {number} of {len(steps)}, {step.name}: python {' '.join(step.arguments)}", flush=True)
                run_step(step, log, lock)


def run_step(step, log, lock):
    """Runs a step to its end; raises an `InputError` if it fails. The step keeps the file descriptor `lock` open."""
    known = log.of(step.name)
    begin, peak = time.monotonic(), known["peak_mb"]
    child = subprocess.Popen([sys.executable, *step.arguments], preexec_fn=_end_with(os.getpid()), pass_fds=(lock,))

    def note_cost():
        log.note(step.name, seconds=known["seconds"] + time.monotonic() - begin, peak_mb=peak)

    try:
        log.note(step.name, arguments=list(step.arguments), done=0)
        while child.returncode is None:
            peak = max(peak, _wait(child, HEARTBEAT))
            note_cost()
    finally:
        if child.returncode is None:
            child.terminate()
            child.wait()
            note_cost()
    if child.returncode == 0:
        log.note(step.name, done=1 + max(log.of(name)["done"] for name in log))
        return
    how = f"exit {child.returncode}" if child.returncode > 0 else f"ended by {signal.Signals(-child.returncode).name}"
    advice = "Once what it says above is mended, the same command goes on here."
    if known["arguments"] is not None and _meaning(known["arguments"]) != _meaning(step.arguments):
        log.note(step.name, arguments=known["arguments"], done=known["done"])  # what it did before still holds
        advice = (
            f"Its arguments were others before: {' '.join(known['arguments'])}. Take another folder with --to for "
            f"these, or remove {step.folder} to begin it anew."
        )
    raise InputError(f"{step.name} failed ({how}). {advice}")


def alone_in(folder):
    """Keeps a second start out of a folder, also while a step lives on whose experiment was killed.

    Gives the descriptor of the locked file, which the steps keep open: the lock is held until the last has ended.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    busy = (
        f"{folder}: another start of this experiment works here, or a step that outlived one. Wait for it, "
        f"or end it (fuser {folder / locks.LOCK} names it). --report needs no such wait."
    )
    return locks.alone_in(folder, lambda holder: busy, PATIENCE)


def _end_with(parent):
    """What a new process does first, so that it does not outlive a killed experiment; Linux alone offers it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def end_with_parent():
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os._exit(1)

    return end_with_parent


def _wait(child, seconds):
    """Waits so long for the end of a process; gives its peak memory in MB so far, and sets `returncode` at the end.

    The peak is 0 where the system does not say that of a running process.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
        time.sleep(0.1)
    status = pathlib.Path(f"/proc/{child.pid}/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))
