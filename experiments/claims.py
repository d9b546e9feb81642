"""Occlusion, light and viewpoint, on drawn people: rank 1 of the models by the difficulty of each, from 0 to 2.

    python -m experiments claims --epochs 40

Figures 2, 3 and 4 of the supplement show by an example each that NormXcorr and Fused bear these challenges better than
the model of Ahmed et al. `synthetic_difficulty.py` does each step of it.
"""

import dataclasses
import pathlib

from experiments import reporting
from experiments.experiment import Experiment, check_alike
from experiments.runner import Step
from experiments.training import Training, scoring_minutes, training_minutes
from tfnxc.evaluation import TITLES, Spread

BASELINE = "ahmed"
FIGURES = {"occlusion": "figure 2", "light": "figure 3", "viewpoint": "figure 4"}
"""The challenges, with the figures of the supplement that show what they are about."""

LEAST, MOST = 0.0, 2.0  # the first and the last difficulty
OTHERS = 0.5  # the difficulty of what is not under test, as in synthetic_difficulty.py
MEASURES = ("rank 1 at 2", "loss from 0 to 2")
_POINTS = 13  # difficulties at which a run is measured
_FILES = ("difficulty.json", "results/dials.json")  # the latter of version 0.1


class DrawnTraining(Training):
    """A run of `synthetic_difficulty.py`."""

    def steps(self):
        """As in `Training`."""
        model, script = self.about["model"], str(pathlib.Path(__file__).resolve().with_name("synthetic_difficulty.py"))
        words, cost = (script, "train", *map(str, self.words)), training_minutes(model, self.images, self.epochs)
        train = Step(f"train {self.name}", words, self.folder, (), cost)
        words = (script, "measure", str(self.folder), "--draws", str(self.draws))
        cost = _POINTS * scoring_minutes(model, 2, self.identities, self.draws)
        return [train, Step(f"measure {self.name}", words, self.folder, (train.name,), cost, 1.0)]

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
        numbers = {"seeds": (3, "trainings of each model"), "epochs": (40, "over the images")}
        numbers |= {"identities": (200, "who trains"), "test-identities": (100, "who tests")}
        for name, (default, told) in {**numbers, "draws": (2, "of the gallery")}.items():
            parser.add_argument(f"--{name}", type=int, default=default, help=f"{told} (default %(default)s)")

    def trainings(self, options, everything=False):
        """Seed by seed."""
        seeds = range(options.seeds)
        if everything:
            seeds = sorted(
                {int(path.parent.name[4:].split("-")[0]) for path in options.to.glob("seed[0-9]*-*/run.json")}
            )
        found = []
        for seed in seeds:
            for model in TITLES:
                folder, counts = options.to / f"seed{seed}-{model}", (options.identities, options.epochs)
                words = folder, "--model", model, "--seed", seed, "--identities", counts[0], "--epochs", counts[1]
                words += ("--test-identities", options.test_identities)
                how = 4 * options.identities, options.epochs, "grouped", options.test_identities, options.draws
                found.append(DrawnTraining(f"{seed} {model}", folder, {"model": model, "seed": seed}, words, *how))
        return found

    def rows(self, options, measured):
        """Rank 1 of each model at each difficulty of each challenge, and the verdicts."""
        trainings = [each for each, _ in measured]
        check_alike(options.to, trainings, _kind, "or measured in {} ways")
        check_alike(options.to, trainings, lambda each: each.run().drawing)
        found = {(each.about["model"], each.about["seed"]): _by_challenge(results) for each, results in measured}
        rows = []
        for challenge in FIGURES:
            for model in TITLES:
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
            values, rows = sorted({row["value"] for row in own}), []
            for model in TITLES:
                cells = [reporting.cell(row["rank 1"]) for row in own if row["model"] == model]
                seeds = {len(row["seeds"]) for row in own if row["model"] == model}
                rows += [(TITLES[model], *cells, *seeds)] if cells else []
            head = (challenge, *(f"{value:g}" for value in values), "seeds")
            tables[challenge] = reporting.Table(head, rows, "" if tables else caption)
        caption = (
            "Whether a challenge is borne better than by Ahmed et al.: the differences to it, paired by seed, with "
            f"half the width of the 95 % interval of their mean by Student's t; of {len(results['verdicts'])} such "
            "intervals one in twenty misses by chance."
        )
        rows = [
            (
                *(f"{each['challenge']} ({each['figure']})", TITLES[each["model"]], each["measure"]),
                *(reporting.difference_cell(each["difference"]), each["verdict"], len(each["seeds"])),
            )
            for each in results["verdicts"]
        ]
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
                difference, verdict = reporting.spread_of(values), _verdict([better * value for value in values])
                found.append({**about, "measure": measure, "difference": difference, "verdict": verdict})
    return found


def _verdict(differences):
    """In favour of the claim are differences above 0."""
    spread = Spread.of(differences)
    if spread.interval is None or abs(spread.mean) <= spread.interval:
        return "not shown"
    return "holds" if spread.mean > 0 else "the contrary holds"


EXPERIMENT = Claims()
