"""Experiments run step by step: what is left out, what goes on after a kill, what is refused, what it will cost."""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from experiments import runner
from experiments.claims import EXPERIMENT as CLAIMS
from experiments.recipe_parts import EXPERIMENT as PARTS
from tfnxc.errors import InputError
from tfnxc.files import write_json

ROOT = pathlib.Path(__file__).resolve().parents[2]

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

# The experiment itself, to be killed.
SCRIPT = """
import pathlib, sys
from experiments import runner
runner.HEARTBEAT, runner.PATIENCE = 0.1, float(sys.argv[3])
program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
words = {"first": "short", "second": "long", "third": "short"}
made = [runner.Step(name, (program, str(folder / name), word), folder / name) for name, word in words.items()]
runner.run_steps(made, folder)
"""

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def steps(monkeypatch):
    monkeypatch.setattr(runner, "PATIENCE", 0.0)
    return runner


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
    with steps.alone_in(tmp_path), pytest.raises(InputError, match="another start of this experiment works here"):
        steps.run_steps([step("a")], tmp_path)
    steps.run_steps([step("a")], tmp_path)


def test_a_report_needs_a_folder(tmp_path):
    options = argparse.Namespace(report=True, to=tmp_path / "nowhere", seeds=1, identities=4, epochs=1, draws=1)
    options.test_identities = 3
    with pytest.raises(InputError, match="nothing to report"):
        CLAIMS.run(options)
    options.to = tmp_path
    CLAIMS.run(options)
    assert (tmp_path / "results.json").exists()


def test_steps_of_version_01_are_known_again(tmp_path):
    """Its `steps.json` calls options otherwise: nothing that it has done is done again."""
    words = "--data", "campus", "--parts", "groups-of-4", "--cuhk03", "set.mat", "--to", str(tmp_path / "parts")
    train, evaluate = PARTS.steps(PARTS.parse(words))
    before = "-m tfnxc train cuhk01 --data campus --split cuhk01-486-01 --recipe grouped --validate 100"
    before += f" --validate-every 4 --with cuhk03-labeled=set.mat --people 4 --passes 3 --run {train.folder}"
    known = {"seconds": 9.0, "peak_mb": 9.0, "done": 1, "arguments": [*before.split(), "--checkpoint-seconds", "60"]}
    write_json(tmp_path / "parts" / "steps.json", {train.name: known})
    log = runner.Log(tmp_path / "parts")
    assert log.is_done(train) and not log.is_done(evaluate)
    words = "--data", "campus", "--parts", "groups-of-4", "--cuhk03", "set.mat", "--epochs", "8"
    assert not log.is_done(PARTS.steps(PARTS.parse((*words, "--to", str(tmp_path / "parts"))))[0])
    train, measure, *_ = CLAIMS.steps(CLAIMS.parse(["--to", str(tmp_path / "claims")]))
    before = f"train {train.folder} --model ahmed --seed 0 --identities 200 --passes 40 --test-identities 100"
    done = [[train.name, before], [measure.name, f"measure {train.folder} --draws 2"]]
    written = {
        name: {
            "seconds": 9.0,
            "peak_mb": 9.0,
            "done": number,
            "arguments": ["/of/old/scripts/dials.py", *words.split()],
        }
        for number, (name, words) in enumerate(done, start=1)
    }
    write_json(tmp_path / "claims" / "steps.json", written)
    log = runner.Log(tmp_path / "claims")
    assert log.is_done(train) and log.is_done(measure)


def test_the_budget_is_said_before_it_starts(steps, step, tmp_path, capfd):
    some = [
        steps.Step(each.name, each.arguments, each.folder, (), 30.0, gb)
        for each, gb in zip((step("a"), step("b")), (1.5, 1.0), strict=True)
    ]
    steps.run_steps(some[:1], tmp_path)
    assert capfd.readouterr().out.startswith("1 of 1 steps to do: about 30 minutes on two cores with the compiled op")
    steps.run_steps(some, tmp_path)
    told = capfd.readouterr().out
    assert told.startswith("1 of 2 steps to do: about 30 minutes") and "up to 1.0 GB of memory" in told
    steps.run_steps(some, tmp_path)
    assert capfd.readouterr().out == "All 2 steps are done.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_script_goes_on_in_the_middle_of_a_step(steps, program, tmp_path):
    """Killed without a chance to say so: nothing trains on by itself, no time is lost, and what was done stays done."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    folder = tmp_path / "runs"
    command = [sys.executable, str(script), str(program), str(folder), "10"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
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
