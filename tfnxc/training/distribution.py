"""Runs and pipelines of a training on several devices or machines."""

import atexit
import dataclasses
import pathlib
import shutil
import tempfile

import numpy as np

from tfnxc.distribution import Meeting, is_chief, told_by_chief, worker_of
from tfnxc.errors import InputError
from tfnxc.hashes import checksum
from tfnxc.runs import Run

_SHARED = "The run folder has to be on a disk that all workers share, under the same name."
_PICTURES = ("pictures", "pixels", "people", "sets", "cameras", "drawing")


def start_run(strategy, folder, *arguments, **options):
    """`Run.start`, by the chief, with the other arguments of `Run.start`; the other workers open what it made."""
    run = None
    try:
        if is_chief(strategy):
            run = Run.start(folder, *arguments, **options)
    finally:
        started = told_by_chief(strategy, run is not None)
    if run is not None:
        return run
    if not started:
        raise InputError("the chief could not start the run; it says why.")
    if not (pathlib.Path(folder) / "run.json").exists():
        raise InputError(f"{folder}: no run here, where the chief sees one. {_SHARED}")
    return Run.start(folder, *arguments, **options, take_over=False)


def share_of(pairs, strategy, accumulate=1):
    """The pipeline of this worker's share of each batch, which a replica computes in `accumulate` parts."""
    if strategy is None:
        return pairs
    # A pipeline refuses what it cannot share out: here also among the devices of one worker, and their parts.
    dataclasses.replace(pairs, shard=(0, strategy.num_replicas_in_sync * accumulate))
    number, of = worker_of(strategy)
    return pairs if of == 1 else dataclasses.replace(pairs, shard=(number, of))


def written_run(run, strategy):
    """The run that this worker writes: the chief's is the run itself, the others' goes with the process."""
    if is_chief(strategy):
        return run
    folder = tempfile.mkdtemp(prefix="tfnxc-worker-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return run.elsewhere(folder)


def check_same_start(strategy, model, pictures, **numbers):
    """Compares what all workers begin with, once all of them have read it and before the chief writes.

    `pictures` are digests by name, some of which a worker with other arguments lacks; `numbers` are other integers.
    """
    if worker_of(strategy)[1] == 1:
        return
    start = {"step": int(model.optimizer.iterations), **numbers, "weights": checksum(model.get_weights())}
    start["state of the optimizer"] = checksum(map(np.asarray, model.optimizer.variables))
    differing = Meeting(strategy).differing({**start, **{name: pictures.get(name, -1) for name in _PICTURES}})
    if differing:
        raise InputError(
            f"the workers do not begin with the same {differing[0]} ({differing[1]} on their replicas). "
            f"Start all of them with the same settings and the same run folder. {_SHARED}"
        )
