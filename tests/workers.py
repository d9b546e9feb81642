"""Runs programs of tests as workers of a `tf.distribute` strategy, each in a process of its own."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


def two_workers():
    """The `TF_CONFIG` of two workers on this machine, on free ports."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("localhost", 0))
        other.bind(("localhost", 0))
        cluster = {"worker": [f"localhost:{each.getsockname()[1]}" for each in (one, other)]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(2)]
    return [{"TF_CONFIG": json.dumps(each)} for each in tasks]


def run_workers(program, folder, environments, seconds):
    """What each worker leaves: facts and arrays. One that hangs fails the test and takes the others with it.

    Args:
        program: Words of `python -m`; each worker is told the file to write as the last one.
        folder: Where those files and the logs go.
        environments: Variables of each worker's environment.
        seconds: The most that a worker may take.
    """
    workers = []
    try:
        for index, variables in enumerate(environments):
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", **variables}
            command = [sys.executable, "-m", *program, str(folder / f"{index}.npz")]
            log = open(folder / f"{index}.log", "w+")
            workers.append((subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log), log))
        for worker, log in workers:
            if worker.wait(timeout=seconds):
                log.seek(0)
                pytest.fail(log.read())
    finally:
        for worker, log in workers:
            worker.kill()
            worker.wait()
            log.close()
    for index in range(len(workers)):
        with np.load(folder / f"{index}.npz") as found:
            found = dict(found)
        yield json.loads(str(found.pop("facts"))), found
