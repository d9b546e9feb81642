"""Trains a model on drawn people, and measures it against the difficulty of one challenge after the other.

    python experiments/synthetic_difficulty.py train runs/fused-0 --model fused --seed 0 --epochs 40
    python experiments/synthetic_difficulty.py measure runs/fused-0

The model is trained with the difficulty of every challenge at 1 (`tfnxc.datasets.synthetic`). It is tested on other
people of another seed, seen by other cameras, with every difficulty at 0.5 but that of the challenge under test. Both
commands resume what was stopped; the figures are written to `difficulty.json` in the run folder.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command tfnxc

from tfnxc.datasets import Split, synthetic
from tfnxc.errors import InputError
from tfnxc.evaluation import evaluate
from tfnxc.files import write_json
from tfnxc.runs import versions
from tfnxc.training import Recipe, Run, Start, TrainingData
from tfnxc.training import train as train_run

MODELS = ("ahmed", "normxcorr", "fused")
CHALLENGES = ("occlusion", "light", "viewpoint")
DIFFICULTIES = (0.0, 0.5, 1.0, 1.5, 2.0)
ALL_CHALLENGES = ("viewpoint", "light", "background", "occlusion", "pose")
OTHERS = 0.5
"""The difficulty of the challenges that are not under test."""

_TEST_SEED = 1000  # plus the seed of the training, so that no two runs of a model are tested on the same people


def train(folder, model, seed=0, identities=200, test_identities=100, epochs=40):
    """Trains a model of that name with the grouped recipe into a run folder, or resumes its training there."""
    everyone = range(identities + test_identities)
    source = f"by number: the training people are those of seed {seed}, the test people of seed {_TEST_SEED + seed}"
    split = Split(f"dials-{seed}", source, everyone[:identities], everyone[identities:], seed=seed)
    print(f"Drawing {identities} people", flush=True)
    people = synthetic(identities, seed=seed)
    known = people.identities, people.cameras
    data = TrainingData.of_arrays(people.images(), *known, split=split, name="synthetic")
    train_run(folder, data, Recipe.named("grouped", epochs=epochs), start=Start(model, seed=seed))


def measure(folder, draws=2):
    """Measures a run of `train` at each difficulty of each challenge, and writes `difficulty.json`."""
    run = Run.open(folder)
    found = {}
    for challenge in CHALLENGES:
        for difficulty in DIFFICULTIES:
            difficulties = {**dict.fromkeys(ALL_CHALLENGES, OTHERS), challenge: difficulty}
            key = tuple(difficulties.values())
            if key not in found:  # where all are the same, the challenges share a point
                people = synthetic(max(run.split.test) + 1, seed=_TEST_SEED + run.settings.seed, **difficulties)
                (result,) = evaluate(run, people, protocols=["cross-camera"], repeats=draws, both_orders=True)
                found[key] = {"difficulties": difficulties, **result.to_dict()}
                shown = f"{challenge} {difficulty:g}, the others {OTHERS:g}"
                print(f"{shown}: rank 1 {100 * result.rank(1):.2f} per cent", flush=True)
    about = {"settings": run.settings.to_dict(), "split": run.split.to_dict(), "model_digest": run.model_digest()}
    about |= {"epochs_done": run.epochs_done, "both_orders": True, "versions": versions()}
    write_json(run.folder / "difficulty.json", {**about, "results": list(found.values())})


def arguments(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train a model, or resume its training")
    command.add_argument("folder", help="run folder")
    command.add_argument("--model", default="normxcorr", choices=MODELS, help="default: %(default)s")
    for name, default, told in (
        ("seed", 0, "of all"),
        ("identities", 200, "who trains"),
        ("epochs", 40, "of training"),
    ):
        command.add_argument(f"--{name}", type=int, default=default, help=f"{told} (default %(default)s)")
    command.add_argument("--test-identities", type=int, default=100, help="who tests (default %(default)s)")
    command = commands.add_parser("measure", help="measure a model that was trained so")
    command.add_argument("folder", help="run folder")
    command.add_argument("--draws", type=int, default=2, help="of the gallery (default %(default)s)")
    return vars(parser.parse_args(words))


if __name__ == "__main__":
    given = arguments()
    try:
        {"train": train, "measure": measure}[given.pop("command")](**given)
    except InputError as error:
        sys.exit(str(error))
