"""Occlusion, light and viewpoint, on drawn people: rank 1 of the models by the difficulty of each, from 0 to 2.

    python -m experiments claims --epochs 40

Figures 2, 3 and 4 of the supplement show by an example each that NormXcorr and Fused bear these challenges better than
the model of Ahmed et al. Each step of it is a command of its own, which resumes what was stopped:

    python -m experiments.claims train runs/fused-0 --model fused --seed 0 --epochs 40
    python -m experiments.claims measure runs/fused-0

A model is trained with the difficulty of every challenge at 1 (`tfnxc.datasets.synthetic`). It is tested on people of
another seed, seen by other cameras, with every difficulty at 0.5 but that of the challenge under test; the figures are
written to `difficulty.json` in the run folder.
"""

import argparse
import dataclasses
import itertools
import sys

from experiments import reporting
from experiments.experiment import Experiment, Training, check_alike
from tfnxc.datasets import Split, synthetic
from tfnxc.errors import InputError
from tfnxc.evaluation import TITLES, Spread, evaluate
from tfnxc.files import write_json
from tfnxc.runs import versions
from tfnxc.training import Recipe, Run, Start, TrainingData
from tfnxc.training import train as train_run

BASELINE = "ahmed"
FIGURES = {"occlusion": "figure 2", "light": "figure 3", "viewpoint": "figure 4"}
"""The challenges, with the figures of the supplement that show what they are about."""

ALL_CHALLENGES = ("viewpoint", "light", "background", "occlusion", "pose")
DIFFICULTIES = (0.0, 0.5, 1.0, 1.5, 2.0)
LEAST, MOST = DIFFICULTIES[0], DIFFICULTIES[-1]
OTHERS = 0.5  # the difficulty of the challenges that are not under test
MEASURES = ("rank 1 at 2", "loss from 0 to 2")
_TEST_SEED = 1000  # plus the seed of the training, so that no two runs of a model are tested on the same people
_POINTS = 3 * len(DIFFICULTIES) - 2  # of a measurement: where all difficulties are the same, the challenges share one
_FILES = ("difficulty.json", "results/dials.json")  # the latter of version 0.1
_SIZES = {"identities": (200, "who trains"), "test-identities": (100, "who tests"), "epochs": (40, "over the images")}
"""Options of a training, their defaults and what they count."""


def train(folder, model, seed=0, identities=200, test_identities=100, epochs=40):
    """Trains a model of that name with the grouped recipe into a run folder, or resumes its training there."""
    everyone = range(identities + test_identities)
    source = f"by number: the training people are those of seed {seed}, the test people of seed {_TEST_SEED + seed}"
    split = Split(f"dials-{seed}", source, everyone[:identities], everyone[identities:], seed=seed)
    print(f"Drawing {identities} people", flush=True)
    people = synthetic(identities, seed=seed)
    known = {"cameras": people.cameras, "split": split, "name": "synthetic"}
    data = TrainingData.of_arrays(people.images(), people.identities, **known)
    train_run(folder, data, Recipe.named("grouped", epochs=epochs), start=Start(model, seed=seed))


def measure(folder, draws=2):
    """Measures a run of `train` at each difficulty of each challenge, and writes `difficulty.json`."""
    run, found = Run.open(folder), []
    for challenge, difficulty in itertools.product(FIGURES, DIFFICULTIES):
        difficulties = {**dict.fromkeys(ALL_CHALLENGES, OTHERS), challenge: difficulty}
        if difficulties not in [each["difficulties"] for each in found]:
            seed = _TEST_SEED + run.settings.seed
            people = synthetic(max(run.split.test) + 1, seed=seed, **difficulties)
            people = dataclasses.replace(people, name=f"synthetic-{seed}")  # other people than those of the training
            how = {"protocols": ["cross-camera"], "repeats": draws, "both_orders": True}
            (result,) = evaluate(run, people, split=run.split, **how)
            found.append({"difficulties": difficulties, **result.to_dict()})
            shown = f"{challenge} {difficulty:g}, the others {OTHERS:g}"
            print(f"{shown}: rank 1 {100 * result.rank(1):.2f} per cent", flush=True)
    about = {"settings": run.settings.to_dict(), "split": run.split.to_dict(), "model_digest": run.model_digest()}
    about |= {"epochs_done": run.epochs_done, "both_orders": True, "versions": versions()}
    write_json(run.folder / "difficulty.json", {**about, "results": found})


def arguments(words=None):
    """The command line of a step."""
    parser = argparse.ArgumentParser("python -m experiments.claims", description="A step of the experiment claims.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a model, or resume its training")
    train.add_argument("--model", default="normxcorr", choices=TITLES, help="default: %(default)s")
    _add_numbers(train, {"seed": (0, "of all"), **_SIZES})
    measure = commands.add_parser("measure", help="measure a model that was trained so")
    _add_numbers(measure, {"draws": (2, "of the gallery")})
    for command in (train, measure):
        command.add_argument("folder", help="run folder")
    return vars(parser.parse_args(words))


def _add_numbers(parser, numbers):
    for name, (default, told) in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{told} (default %(default)s)")


class DrawnTraining(Training):
    """A run of `train`."""

    def steps(self):
        """As in `Training`."""
        program = "-m", "experiments.claims"
        words = *program, "measure", self.folder, "--draws", self.draws
        return self.steps_of((*program, "train", *self.words), "measure", words, _POINTS * (2,))

    def results(self):
        """What `difficulty.json` holds; nothing where it was not measured yet."""
        paths = [self.folder / name for name in _FILES]
        return next((reporting.read_json(path) for path in paths if path.exists()), {})


class Claims(Experiment):
    """Three models, each trained with several seeds."""

    folder = "runs/claims"
    measures = "measure"

    def add_options(self, parser):
        """As in `Experiment`."""
        _add_numbers(parser, {"seeds": (3, "trainings of each model"), **_SIZES, "draws": (2, "of the gallery")})

    def trainings(self, options, everything=False):
        """Seed by seed."""
        seeds = range(options.seeds)
        if everything:
            runs = options.to.glob("seed[0-9]*-*/run.json")
            seeds = sorted({int(path.parent.name[4:].split("-")[0]) for path in runs})
        how = 4 * options.identities, options.epochs, "grouped", options.test_identities, options.draws
        sizes = [word for name in _SIZES for word in (f"--{name}", getattr(options, name.replace("-", "_")))]
        found = []
        for seed, model in itertools.product(seeds, TITLES):
            folder = options.to / f"seed{seed}-{model}"
            words = folder, "--model", model, "--seed", seed, *sizes
            found.append(DrawnTraining(f"{seed} {model}", folder, {"model": model, "seed": seed}, words, *how))
        return found

    def rows(self, options, measured):
        """Rank 1 of each model at each difficulty of each challenge, and the verdicts."""
        trainings = [each for each, _ in measured]
        check_alike(options.to, trainings, _kind, "or measured in {} ways")
        check_alike(options.to, trainings, lambda each: each.run().drawing)
        found = {(each.about["model"], each.about["seed"]): _by_challenge(results) for each, results in measured}
        rows = []
        for challenge, model in itertools.product(FIGURES, TITLES):
            seeds = sorted(seed for name, seed in found if name == model)
            for value in sorted({value for seed in seeds for value in found[model, seed][challenge]}):
                rank = reporting.spread_of([found[model, seed][challenge][value] for seed in seeds])
                about = {"challenge": challenge, "value": value, "model": model}
                rows.append({**about, "seeds": seeds, "rank 1": rank})
        one = measured[0][1] if measured else {"results": [{}], "split": {"test": ()}}
        counts = {key: one["results"][0].get(key) for key in ("protocol", "repeats", "probes", "gallery", "ties")}
        return {
            "data": f"drawn people, the challenges that are not under test at {OTHERS:g}",
            "measured": {**counts, "test_identities": len(one["split"]["test"]), "both_orders": True},
            "rows": rows,
            "verdicts": verdicts_of(found),
        }

    def tables(self, results):
        """A table for each challenge, and the verdicts."""
        tables, measured = {}, results["measured"]
        caption = (
            f"Rank 1 in per cent of {measured['test_identities']} {results['data']}; {measured['protocol']}, both "
            f"orders, {measured['probes']} probes, draws: {measured['repeats']}; mean ± standard deviation over seeds, "
            "each of which has its own people, cameras and training."
        )
        for challenge in FIGURES:
            own = [row for row in results["rows"] if row["challenge"] == challenge]
            head = (challenge, *(f"{value:g}" for value in sorted({row["value"] for row in own})), "seeds")
            rows = []
            for model in (model for model in TITLES if any(row["model"] == model for row in own)):
                cells = [reporting.cell(row["rank 1"]) for row in own if row["model"] == model]
                seeds = {len(row["seeds"]) for row in own if row["model"] == model}
                rows.append((TITLES[model], *cells, *seeds))
            tables[challenge] = reporting.Table(head, rows, "" if tables else caption)
        caption = (
            "Whether a challenge is borne better than by Ahmed et al.: the differences to it, paired by seed, with "
            f"half the width of the 95 % interval of their mean by Student's t; of {len(results['verdicts'])} such "
            "intervals one in twenty misses by chance."
        )
        rows = []
        for each in results["verdicts"]:
            about = f"{each['challenge']} ({each['figure']})", TITLES[each["model"]], each["measure"]
            rows.append((*about, reporting.difference_cell(each["difference"]), each["verdict"], len(each["seeds"])))
        head = ("challenge", "model", "measure", "difference", "claim", "seeds")
        return {**tables, "verdicts": reporting.Table(head, rows, caption)}


def _by_challenge(results):
    """Rank 1 in per cent by challenge and difficulty; where no challenge is under test, it counts for each of them."""
    found = {challenge: {} for challenge in FIGURES}
    for each in results["results"]:
        under_test = [challenge for challenge in FIGURES if each["difficulties"][challenge] != OTHERS]
        for challenge in under_test or FIGURES:
            found[challenge][each["difficulties"][challenge]] = each["ranks"]["1"]["mean"]
    return found


def _kind(training):
    """What trainings have in common whose figures compare: all but model and seed."""
    run, results = training.run(), training.results()
    settings = dataclasses.replace(run.settings, model="", seed=0)
    return settings, len(run.split.train), len(run.split.test), results["epochs_done"], results["results"][0]["repeats"]


def verdicts_of(measured):
    """Whether NormXcorr and Fused bear a challenge better than Ahmed et al., as a list of dicts of plain types.

    There is one of each of `MEASURES` for each challenge and model: `difference`, that of the model minus that of Ahmed
    et al., is a spread over the seeds that both have; `verdict` is `"holds"` where the 95 % interval of the mean
    excludes 0 on the side of the claim (a higher rank 1, a smaller loss), `"the contrary holds"` where it does on the
    other, else `"not shown"`. `measured` is rank 1 in per cent: `{(model, seed): {challenge: {difficulty: rank 1}}}`.
    """
    found = []
    for challenge, figure in FIGURES.items():
        for model in (each for each in TITLES if each != BASELINE):
            seeds = sorted(seed for name, seed in measured if name == model and (BASELINE, seed) in measured)
            pairs = [(measured[model, seed][challenge], measured[BASELINE, seed][challenge]) for seed in seeds]
            rank = [own[MOST] - other[MOST] for own, other in pairs]
            loss = [(own[LEAST] - own[MOST]) - (other[LEAST] - other[MOST]) for own, other in pairs]
            about = {"challenge": challenge, "figure": figure, "model": model, "seeds": seeds}
            for measure, values, better in zip(MEASURES, (rank, loss), (1, -1), strict=True) if seeds else ():
                spread, verdict = Spread.of(values), "not shown"
                if spread.interval is not None and abs(spread.mean) > spread.interval:
                    verdict = "holds" if better * spread.mean > 0 else "the contrary holds"
                difference = reporting.spread_of(values)
                found.append({**about, "measure": measure, "difference": difference, "verdict": verdict})
    return found


EXPERIMENT = Claims()

if __name__ == "__main__":
    given = arguments()
    try:
        {"train": train, "measure": measure}[given.pop("command")](**given)
    except InputError as error:
        sys.exit(str(error))
