"""Scripts that work in steps: what is left out, what goes on after a kill, what is refused."""

import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tfnxc.errors import InputError

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "scripts"

# A program that counts its starts and wants to be begun twice, as a training that is killed in its middle.
PROGRAM = """
import json, os, pathlib, sys, time
folder, word = pathlib.Path(sys.argv[1]), sys.argv[2]
folder.mkdir(exist_ok=True)
(folder / "run.json").touch()
with open(folder / "starts", "a") as file:
    print(os.getpid(), word, file=file)
if word == "refused":
    sys.exit("holds a run with other settings")
if word == "long" and len((folder / "starts").read_text().splitlines()) == 1:
    time.sleep(600)
"""

# The script itself, to be killed.
SCRIPT = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import steps
steps.HEARTBEAT, steps.PATIENCE = 0.1, float(sys.argv[4])
program, folder = sys.argv[2], pathlib.Path(sys.argv[3])
words = {"first": "short", "second": "long", "third": "short"}
made = [steps.Step(name, (program, str(folder / name), word), folder / name) for name, word in words.items()]
steps.run_steps(made, folder)
"""

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def steps(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    module = importlib.import_module("steps")
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    return module


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def step(steps, program, tmp_path):
    """Makes a step of a name that does as a word says."""

    def make(name, word="short", after=()):
        return steps.Step(name, (str(program), str(tmp_path / name), word), tmp_path / name, after)

    return make


def starts(folder, name):
    path = folder / name / "starts"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_steps_run_in_order_and_once(steps, step, tmp_path, capfd):
    some = [step("b"), step("a")]
    for _ in range(2):
        steps.run_steps(some, tmp_path)
    assert list(steps.Log(tmp_path)) == ["b", "a"]
    assert len(starts(tmp_path, "a")) == len(starts(tmp_path, "b")) == 1
    assert capfd.readouterr().out.count("== ") == 2
    known = steps.Log(tmp_path).of("a")
    assert known["done"] == 2 and known["seconds"] > 0 and known["peak_mb"] > 1


def test_other_arguments_and_what_was_done_anew_before_it_run_again(steps, step, tmp_path):
    steps.run_steps([step("a"), step("b", after=("a",)), step("c")], tmp_path)
    steps.run_steps([step("a", "other"), step("b", after=("a",)), step("c")], tmp_path)
    assert [word for _, word in starts(tmp_path, "a")] == ["short", "other"]
    assert len(starts(tmp_path, "b")) == 2 and len(starts(tmp_path, "c")) == 1


def test_a_removed_run_begins_anew_with_its_time(steps, step, tmp_path):
    steps.run_steps([step("a"), step("b")], tmp_path)
    log = steps.Log(tmp_path)
    log.note("a", seconds=1000.0)
    log.note("b", seconds=1000.0)
    (tmp_path / "a" / "run.json").unlink()
    steps.run_steps([step("a"), step("b")], tmp_path)
    assert steps.Log(tmp_path).of("a")["seconds"] < 1000 <= steps.Log(tmp_path).of("b")["seconds"]
    assert len(starts(tmp_path, "a")) == 2


def test_refused_arguments_say_what_to_do_and_leave_what_was_done(steps, step, tmp_path):
    steps.run_steps([step("a")], tmp_path)
    before = steps.Log(tmp_path).of("a")
    with pytest.raises(
        InputError, match=r"a failed \(exit 1\).*were others before: .*short.*--to.*remove .*a to begin"
    ):
        steps.run_steps([step("a", "refused")], tmp_path)
    after = steps.Log(tmp_path).of("a")
    assert {**after, "seconds": before["seconds"]} == {**before, "peak_mb": after["peak_mb"]}
    steps.run_steps([step("a")], tmp_path)
    assert len(starts(tmp_path, "a")) == 2


def test_a_failed_step_stops_the_script_and_goes_on_next_time(steps, step, tmp_path):
    with pytest.raises(InputError, match="the same command goes on here"):
        steps.run_steps([step("a", "refused"), step("b")], tmp_path)
    assert not steps.Log(tmp_path).of("a")["done"] and not starts(tmp_path, "b")


def test_a_second_start_is_kept_out(steps, step, tmp_path):
    with steps.alone_in(tmp_path), pytest.raises(InputError, match="another start of this script works here"):
        steps.run_steps([step("a")], tmp_path)
    steps.run_steps([step("a")], tmp_path)


def test_a_report_needs_a_folder(steps, tmp_path):
    class Options:
        report, to = True, tmp_path / "nowhere"

    with pytest.raises(InputError, match="nothing to report"):
        steps.run_or_report(Options, [])
    Options.to = tmp_path
    assert list(steps.run_or_report(Options, [])) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_script_goes_on_in_the_middle_of_a_step(steps, program, tmp_path):
    """Killed without a chance to say so: nothing trains on by itself, no time is lost, and what was done stays done."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    folder = tmp_path / "runs"
    command = [sys.executable, str(script), str(SCRIPTS), str(program), str(folder), "10"]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent)}
    with subprocess.Popen(command, env=environment) as process:
        wait_until(lambda: starts(folder, "second") and steps.Log(folder).of("second")["seconds"] > 0.3)
        ((child, _),) = starts(folder, "second")
        assert alive(child)
        # In the middle, a second start is kept out.
        with pytest.raises(InputError, match="another start"):
            steps.run_steps([], folder)
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not alive(child))
    seconds = steps.Log(folder).of("second")["seconds"]
    assert not steps.Log(folder).of("second")["done"] and not starts(folder, "third")
    subprocess.run(command, env=environment, check=True)
    assert [len(starts(folder, name)) for name in ("first", "second", "third")] == [1, 2, 1]
    log = json.loads((folder / "steps.json").read_text())
    assert log["second"]["seconds"] > seconds > 0.3
    assert [log[name]["done"] for name in ("first", "second", "third")] == [1, 2, 3]


def test_an_orphan_that_lives_on_keeps_the_next_start_out(steps, tmp_path):
    """Where the system does not end it, the lock that it inherited tells."""
    with steps.alone_in(tmp_path) as lock:
        orphan = subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=(lock,), stdin=subprocess.PIPE)
    with orphan, pytest.raises(InputError, match="outlived"):
        steps.run_steps([], tmp_path)
    steps.run_steps([], tmp_path)


def test_an_interrupt_ends_the_step_and_keeps_its_time(steps, step, tmp_path, monkeypatch):
    def interrupt(child, seconds):
        wait_until(lambda: starts(tmp_path, "a"))
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        steps.run_steps([step("a", "long")], tmp_path)
    ((child, _),) = starts(tmp_path, "a")
    assert not alive(child) and steps.Log(tmp_path).of("a")["seconds"] > 0
