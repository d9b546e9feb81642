"""Trains a model on drawn people, and measures it against the difficulty of one challenge after the other.

    python scripts/dials.py train runs/fused-0 --model fused --seed 0 --epochs 40
    python scripts/dials.py measure runs/fused-0

The synthetic set has a dial for each challenge (`tfnxc.datasets.synthetic`). The model is trained with all dials at 1.
It is tested on other people of another seed, seen by other cameras, with all dials at 0.5 but the one under test. Both
commands go on where they were stopped; the figures come to lie in the run folder as `results/dials.json`.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command tfnxc

from tfnxc.datasets import Split, synthetic
from tfnxc.errors import InputError
from tfnxc.evaluation import EvaluationPlan, views
from tfnxc.files import write_json
from tfnxc.runs.run import versions
from tfnxc.scoring.model_scores import ModelScores
from tfnxc.training import Recipe, Run
from tfnxc.training import train as train_run

MODELS = ("ahmed", "normxcorr", "fused")
DIALS = ("occlusion", "light", "viewpoint")
VALUES = (0.0, 0.5, 1.0, 1.5, 2.0)
ALL_DIALS = ("viewpoint", "light", "background", "occlusion", "pose")
OTHERS = 0.5
"""Where the dials are that are not under test."""

PROTOCOL = "cross-camera"
_TEST_SEED = 1000  # plus the seed of the training, so that no two runs of a model are tested on the same people


def train(folder, model, seed=0, identities=200, test_identities=100, epochs=40):
    """Trains a model with the grouped recipe, or goes on with it.

    Args:
        folder: The run folder.
        model: Name of the architecture.
        seed: Seed of the people, and of initialization, pairs and augmentation. Defaults to `0`.
        identities: How many people train. Defaults to `200`.
        test_identities: How many people will test. Defaults to `100`.
        epochs: Passes over their pictures. Defaults to `40`.

    Raises:
        InputError: If the folder holds another run.
    """
    everyone = range(identities + test_identities)
    source = f"by number: the training people are those of seed {seed}, the test people of seed {_TEST_SEED + seed}"
    split = Split(f"dials-{seed}", source, everyone[:identities], everyone[identities:], seed=seed)
    recipe = Recipe.named("grouped", epochs=epochs)
    settings = {"dataset": "synthetic", "model": model, "search_size": None, "seed": seed, **vars(recipe)}
    run = Run.start(folder, settings, split)
    print(f"Drawing {identities} people", flush=True)
    people = trainees(run)
    train_run(run, model, people.images(), people.identities, recipe, seed, cameras=people.cameras, verbose=2)


def trainees(run):
    """The people that a run of `train` is trained on, as an `ImageSet`."""
    return synthetic(len(run.record["split"]["train"]), seed=run.settings["seed"])


def measure(folder, draws=2):
    """Measures a run of `train` at each value of each dial, and writes `results/dials.json`.

    Args:
        folder: The run folder.
        draws: How many galleries are drawn. Defaults to `2`.

    Raises:
        InputError: If there is no such run.
    """
    run = Run.open(folder)
    model, digest = run.load_model()
    found = {}
    for dial in DIALS:
        for value in VALUES:
            dials = {**dict.fromkeys(ALL_DIALS, OTHERS), dial: value}
            key = tuple(dials.values())
            if key not in found:  # each dial is once where all others are
                found[key] = {"dials": dials, **_measure(run, model, digest, dials, draws)}
                shown = f"{dial} {value:g}, other dials {OTHERS:g}"
                print(f"{shown}: rank 1 {found[key]['ranks']['1']['mean']:.2f} per cent", flush=True)
    about = {"settings": run.settings, "split": run.record["split"], "model_digest": digest}
    about |= {"epochs_done": run.epochs_done, "both_orders": True, "versions": versions()}
    write_json(run.folder / "results" / "dials.json", {**about, "results": list(found.values())})


def _measure(run, model, digest, dials, draws):
    """A result as plain types, at these dials."""
    test = run.record["split"]["test"]
    people = synthetic(max(test) + 1, seed=_TEST_SEED + run.settings["seed"], **dials).of_identities(test)
    plan = EvaluationPlan.of(PROTOCOL, people, repeats=draws)
    scores = ModelScores(run.folder / "scores", model, digest, people.images(), views(both_orders=True))
    scores.fill(plan.needed())
    return plan.measure_part(scores.read(plan.rows, plan.columns)).to_dict()


def arguments(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train", help="train a model, or go on with it")
    command.add_argument("folder", help="run folder")
    command.add_argument("--model", default="normxcorr", choices=MODELS, help="default: %(default)s")
    command.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    command.add_argument("--identities", type=int, default=200, help="who trains (default %(default)s)")
    command.add_argument("--test-identities", type=int, default=100, help="who tests (default %(default)s)")
    command.add_argument("--epochs", type=int, default=40, help="default: %(default)s")
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
