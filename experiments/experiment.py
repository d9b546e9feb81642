"""An experiment: its trainings and their measurements, at what cost, and the tables of its results."""

import argparse
import dataclasses
import pathlib

from experiments import reporting
from experiments.runner import Log, Step, run_steps
from tfnxc.errors import InputError
from tfnxc.files import write_json, write_text
from tfnxc.runs import Run, versions
from tfnxc.runs.result import HEAD
from tfnxc.scoring import views

PROTOCOLS = ("cross-camera", "paper")

_TRAINING_MS = {"ahmed": 1.8, "normxcorr": 2.0, "fused": 3.0}
_SCORING_MS = {"ahmed": 0.22, "normxcorr": 0.30, "fused": 0.45}
"""Milliseconds a pair of groups and a score, with the compiled op on two cores (EPYC, Zen 5): see `results`."""

_PAIRS = {"grouped": 1.6, "published": 7.5}
"""Pairs that an epoch makes of an image; a separate pair of the recipe `published` counts as 1.7 of groups."""


@dataclasses.dataclass(frozen=True)
class Training:
    """A run of an experiment on CUHK01 or CUHK03."""

    name: str  # what its steps are called after "train" and "evaluate"
    folder: pathlib.Path  # the run folder
    about: dict  # plain types that tell it from the others of its experiment, at least `model`
    words: tuple  # those of `tfnxc train`, apart from recipe, epochs and run folder
    images: int  # how many train
    epochs: int
    recipe: str = "grouped"
    identities: int | None = None  # how many are tested; `None`: it is not measured
    draws: int = 1
    probes: int | None = None  # at most so many a draw; `None`: all
    held_back: bool = False  # whether those held back for validation are tested, not those of the split
    after: tuple[str, ...] = ()  # names of the steps that come first

    def steps(self):
        """Its `Step`s: a `tfnxc train`, and a `tfnxc evaluate` under both protocols, both orders of a pair."""
        train = "-m", "tfnxc", "train", *self.words, "--recipe", self.recipe, "--epochs", self.epochs
        train += "--run", self.folder, "--checkpoint-seconds", 60
        evaluate = "-m", "tfnxc", "evaluate", self.folder, "--repeats", self.draws, "--both-orders"
        evaluate += tuple(word for protocol in PROTOCOLS for word in ("--protocol", protocol))
        evaluate += ("--held-back",) if self.held_back else ()
        evaluate += () if self.probes is None else ("--probes", self.probes)
        return self.steps_of(train, "evaluate", evaluate if self.identities else None, (2, 4))

    def steps_of(self, train, measure, words, images):
        """A step that trains by some words, and one called `measure`, of so many `images` each identity, by others."""
        model = self.about["model"]
        minutes = self.images * self.epochs * _PAIRS[self.recipe] * _TRAINING_MS[model] / 60e3
        steps = [Step(f"train {self.name}", tuple(map(str, train)), self.folder, self.after, minutes)]
        if words is None:
            return steps
        scores = 0
        for pictures in (each * self.identities for each in images):
            probes = pictures if self.probes is None else min(pictures, self.draws * self.probes)
            scores += 2 * probes * min(pictures, self.draws * self.identities)  # in both orders of a pair
        minutes, after = scores * _SCORING_MS[model] / 60e3, (steps[0].name,)
        return [*steps, Step(f"{measure} {self.name}", tuple(map(str, words)), self.folder, after, minutes, 1.0)]

    def run(self):
        """The `Run`, or `None` where it has not begun."""
        return Run.open(self.folder) if (self.folder / "run.json").exists() else None

    def results(self):
        """The `Result` of the pair head under each protocol, measured when it was trained to its end."""
        found = {each.protocol: each for each in self.measured() if each.scorer == HEAD}
        return {protocol: found[protocol] for protocol in PROTOCOLS if protocol in found}

    def measured(self):
        """The `Result`s of any scorer, measured as the experiment asks when it was trained to its end."""
        run = self.run()
        split = run and (run.held_back if self.held_back else run.split)
        if self.identities is None or split is None:
            return []
        asked = "trained", split.name, run.settings.recipe.epochs
        draws = f"-{self.draws}draws-{'all' if self.probes is None else self.probes}probes-seed0-pessimistic.json"
        return [
            each
            for each in run.results()
            if (each.state, each.split, each.epochs_done) == asked
            and each.views == views(both_orders=each.scorer != "embedding")  # to a cosine, an order means nothing
            and each.file_name().endswith(draws)
        ]

    def facts(self, log):
        """How it was trained, as plain types; `log` says what that took."""
        run, known = self.run(), log.of(f"train {self.name}")
        settings, split = run.settings, run.split
        about = {"run": self.folder.name, "model": settings.model, "search_size": settings.search_size}
        about |= {"dataset": settings.dataset, "split": split.name, "split_digest": split.digest}
        about |= {"identities": len(run.fitted_on[0][1]), "with": list(settings.others), "from": settings.weights}
        about |= {"epochs_done": run.epochs_done, "pairs": run.pairs_done, "drawing": run.drawing}
        about |= {"minutes": known["seconds"] / 60, "peak_mb": known["peak_mb"]}
        return {**about, "recipe": dataclasses.asdict(settings.recipe), "versions": run.versions}


class Experiment:
    """Trainings and measurements whose figures make one set of tables; the docstring of its module is the help.

    A subclass gives `folder`, the default of `--to`, which holds its runs, `steps.json`, `results.json` and
    `results.md`, and four methods:

    - `add_options(parser)` adds its options to a parser of arguments;
    - `trainings(options, everything=False)`: the `Training`s that the options ask for, in order; or all that the folder
      may hold, to report of;
    - `rows(options, measured)`: what the tables need, as plain types by name, at least `rows`; of the measured
      `(training, its results)`;
    - `tables(results)`: the tables of such results, as a dict of `Table` by name.
    """

    measures = "evaluate"  # how the names of its measuring steps begin
    files = "results"  # name of the result files, without an extension

    def parse(self, words, program="experiments", description=None):
        """The options of a command line."""
        form = argparse.RawDescriptionHelpFormatter
        parser = argparse.ArgumentParser(program, description=description, formatter_class=form)
        self.add_options(parser)
        parser.add_argument("--to", default=self.folder, type=pathlib.Path, help="folder of its runs (%(default)s)")
        parser.add_argument("--report", action="store_true", help="only write the results that are there")
        options = parser.parse_args(words)
        if not options.report and getattr(options, "data", "") is None:
            parser.error("--data: say where CUHK01 lies")
        return options

    def steps(self, options):
        """The `Step`s of all trainings."""
        return [step for training in self.trainings(options) for step in training.steps()]

    def run(self, options):
        """Does what is left to do, unless only a report is wanted; writes the results and prints the tables."""
        if not options.report:
            run_steps(self.steps(options), options.to)
        elif not options.to.is_dir():
            raise InputError(f"{options.to}: no such folder, so nothing to report. Say with --to where the runs are.")
        results = self.results(options)
        write_json(options.to / f"{self.files}.json", results)
        text = "\n".join([*self.lines(results), ""])
        write_text(options.to / f"{self.files}.md", text)
        print(text, flush=True)

    def results(self, options):
        """What the folder holds, as plain types."""
        log = Log(options.to)
        begun = [each for each in self.trainings(options, everything=True) if each.run()]
        measured = [(each, found) for each in begun if (found := each.results())]
        about = {"trainings": [each.facts(log) for each in begun], "steps": log.taken(), "versions": versions()}
        return {"unit": "per cent", **about, **self.rows(options, measured)}

    def lines(self, results):
        """The results as lines of Markdown."""
        trainings = reporting.training_lines(results["trainings"])
        if not results["rows"]:
            return ["No results with these options yet.", *(["", *trainings] if results["trainings"] else [])]
        tables = [line for table in self.tables(results).values() for line in (*table.lines(), "")]
        steps = reporting.step_lines(results["steps"], self.measures)
        return [*tables, *trainings, "", *steps, "", reporting.version_line(results["versions"])]


def add_options(parser, epochs, recipe=True, repeats=1, partition=True):
    """Adds the options of experiments on CUHK01; with `recipe` also those of how runs are trained and measured."""
    parser.add_argument("--data", help="folder of CUHK01; --report does without")
    parser.add_argument("--epochs", type=int, default=epochs, help="over the images of CUHK01 (default %(default)s)")
    if recipe:
        parser.add_argument("--recipe", default="grouped", choices=_PAIRS, help="default %(default)s")
        parser.add_argument("--learning-rate", type=float, help="default: that of the recipe")
        parser.add_argument("--repeats", type=int, default=repeats, help="draws of the gallery (default %(default)s)")
        parser.add_argument("--probes", type=int, help="at most so many probes a draw (default: all)")
    if partition:
        parser.add_argument("--partition", type=int, default=1, choices=range(1, 11), help="default: %(default)s")


def words_of(dataset, **options):
    """The words of `tfnxc train` for a data set, with those options that have a value."""
    given = {name: value for name, value in options.items() if value is not None}
    return dataset, *(word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value))


def check_alike(folder, trainings, kind, what="by versions that draw groups in different ways"):
    """Raises an `InputError` if the trainings of a folder differ in `kind`, a function of each, and so do not compare.

    `what` says in the message how they were trained; `{}` in it stands for how many kinds there are.
    """
    kinds = {str(kind(each)): each.folder for each in trainings}
    if len(kinds) > 1:
        few = " and ".join(path.name for path in list(kinds.values())[:2])
        raise InputError(
            f"{folder}: {few} were trained {what.format(len(kinds))}, and do not compare. Remove those not wanted, or "
            "take another folder."
        )
