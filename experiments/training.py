"""One training of an experiment and its measurement: their steps, what these cost, and what came of them."""

import dataclasses
import pathlib

from experiments.runner import Step
from tfnxc.runs import Run
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
        words = ("train", *self.words, "--recipe", self.recipe, "--epochs", self.epochs, "--run", self.folder)
        cost = training_minutes(self.about["model"], self.images, self.epochs, self.recipe)
        train = Step.of_tfnxc(f"train {self.name}", (*words, "--checkpoint-seconds", 60), self.folder, self.after, cost)
        if self.identities is None:
            return [train]
        words = ["evaluate", self.folder, *(word for protocol in PROTOCOLS for word in ("--protocol", protocol))]
        words += ["--repeats", self.draws, "--both-orders", *(["--held-back"] if self.held_back else [])]
        words += [] if self.probes is None else ["--probes", self.probes]
        counts = self.identities, self.draws, self.probes
        cost = sum(scoring_minutes(self.about["model"], images, *counts) for images in (2, 4))
        return [train, Step.of_tfnxc(f"evaluate {self.name}", words, self.folder, (train.name,), cost, 1.0)]

    def run(self):
        """The `Run`, or `None` where it has not begun."""
        return Run.open(self.folder) if (self.folder / "run.json").exists() else None

    def results(self):
        """The `Result` of each protocol that it was measured under when it was trained to its end."""
        run = self.run()
        split = run and (run.held_back if self.held_back else run.split)
        if self.identities is None or split is None:
            return {}
        asked = "trained", split.name, run.settings.recipe.epochs, views(both_orders=True)
        draws = f"-{self.draws}draws-{'all' if self.probes is None else self.probes}probes-seed0-pessimistic.json"
        found = {}
        for each in run.results():
            if (each.state, each.split, each.epochs_done, each.views) == asked and each.file_name().endswith(draws):
                found[each.protocol] = each
        return {protocol: found[protocol] for protocol in PROTOCOLS if protocol in found}

    def facts(self, log):
        """How it was trained, as plain types; `log` says what that took."""
        run, known = self.run(), log.of(f"train {self.name}")
        settings = run.settings
        return {
            "run": self.folder.name,
            "model": settings.model,
            "search_size": settings.search_size and list(settings.search_size),
            "dataset": settings.dataset,
            "split": run.split.name,
            "split_digest": run.split.digest,
            "identities": len(run.fitted_on[0][1]),
            "with": list(settings.others),
            "from": settings.weights,
            "epochs_done": run.epochs_done,
            "pairs": run.pairs_done,
            "minutes": known["seconds"] / 60,
            "peak_mb": known["peak_mb"],
            "recipe": dataclasses.asdict(settings.recipe),
            "drawing": run.drawing,
            "versions": run.versions,
        }


def training_minutes(model, images, epochs, recipe="grouped"):
    """What a training is expected to take."""
    return images * epochs * _PAIRS[recipe] * _TRAINING_MS[model] / 60e3


def scoring_minutes(model, images, identities, draws, probes=None):
    """What a measurement is expected to take in both orders of a pair, of so many images of each identity."""
    count = images * identities
    scores = 2 * (count if probes is None else min(count, draws * probes)) * min(count, draws * identities)
    return scores * _SCORING_MS[model] / 60e3


def add_options(parser, epochs, recipe=True, repeats=1):
    """Adds the options of experiments on CUHK01; with `recipe` also those of how runs are trained and measured."""
    parser.add_argument("--data", help="folder of CUHK01; --report does without")
    parser.add_argument("--epochs", type=int, default=epochs, help="over the images of CUHK01 (default %(default)s)")
    if recipe:
        parser.add_argument("--recipe", default="grouped", choices=("grouped", "published"), help="default %(default)s")
        parser.add_argument("--learning-rate", type=float, help="default: that of the recipe")
        parser.add_argument("--repeats", type=int, default=repeats, help="draws of the gallery (default %(default)s)")
        parser.add_argument("--probes", type=int, help="at most so many probes a draw (default: all)")
