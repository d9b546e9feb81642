"""A run folder with what `tfnxc train` and `tfnxc evaluate` write, but for the models: seconds, not minutes."""

import numpy as np

from tfnxc.datasets import ImageSet, Split
from tfnxc.evaluation.measure import Subject, measure
from tfnxc.training import Recipe, Run

HISTORY = (
    "epoch,accuracy,loss,val_rank_1,val_rank_5,val_rank_10,val_rank_20,val_mAP\n0,0.5,0.9\n1,0.75,0.4,.2,.4,.6,.8,.3\n"
)


def small_run(folder, dataset="synthetic", test=(1, 2, 3), name="mine", history=HISTORY, data=None):
    """A run that trained on person 0 and tests some others."""
    settings = {"dataset": dataset, "model": "normxcorr", "seed": 0, **vars(Recipe(epochs=2, learning_rate=0.5))}
    run = Run.start(folder, settings, Split(name, "by hand", (0,), test), data)
    (run.folder / "progress.json").write_text('{"epochs_done": 2, "pairs_done": 20}')
    if history:
        (run.folder / "history.csv").write_text(history)
    return run


def add_result(run, label="normxcorr", state="trained", protocol="cross-camera", **about):
    """Measures random scores of three people and writes the result into the run."""
    identities, cameras = np.repeat(np.arange(3), 2), np.tile([0, 1], 3)
    people = ImageSet("few", ["-"] * 6, identities, cameras, read=None)
    scores = np.random.default_rng(0).random((6, 6))
    known = {key: run.record["split"][key] for key in ("name", "digest")}
    about = {
        "state": state,
        "dataset": run.settings["dataset"],
        "split": known["name"],
        "split_digest": known["digest"],
        **about,
    }
    subject = Subject(
        label, people, about, run.folder / "results", state, lambda needed: (_reader(scores), int(needed.sum()), 0.5)
    )
    draws = {"repeats": 2, "probes": None, "seed": 0, "ties": "pessimistic"}
    (measured,) = measure(subject, [protocol], draws)
    return measured.result


def _reader(scores):
    return lambda rows, columns: scores[np.ix_(rows, columns)]
