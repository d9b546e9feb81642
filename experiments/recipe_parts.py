"""The recipe `grouped`, on CUHK01: trainings with one part of it changed, measured on held-back training identities.

    python -m experiments recipe_parts --data cuhk01/campus --cuhk03 cuhk-03.mat

All are on as many pairs. `tfnxc train --validate` holds training identities of one partition back; nobody looks at a
test identity.
"""

import re

from experiments import reporting
from experiments.experiment import PROTOCOLS, Experiment, Training, add_options, check_alike, words_of

DRAWS = 10
FIGURES = ("rank 1", "rank 5", "rank 10", "rank 20", "mAP")

RECIPE = "grouped"
PARTS = {
    RECIPE: (),
    "adam-0.001": ("--optimizer", "adam", "--learning-rate", 0.001),
    "adam-0.003": ("--optimizer", "adam", "--learning-rate", 0.003),
    "images-as-they-are": ("--scaling", "published"),
    "he-initialization": ("--initializer", "he"),
    "no-ranking": ("--ranking", 0),
    "cross-camera-positives": ("--positives", "cross-camera"),
    "random-negatives": ("--negatives", "uniform"),
    "hard-negatives": ("--hard-share", 1),
    "groups-of-4": ("--identities-per-group", 4),
    "batches-of-288": ("--batch-size", 288),
    "rate-0.002": ("--learning-rate", 0.002),
    "rate-0.005": ("--learning-rate", 0.005),
    "light-and-erasing": ("--light", 0.5, "--erase", 0.2),
}
"""The options that change a part, by the name of the run."""

_TRAIN, _OF_CUHK03 = 485, 13_000  # identities of a partition; images of the whole of CUHK03


class RecipeParts(Experiment):
    """A training for each part and seed."""

    folder = "runs/parts"
    training = Training
    parts = PARTS

    def add_options(self, parser):
        """As in `Experiment`."""
        add_options(parser, epochs=4, recipe=False)
        told = f"default: all of {', '.join(self.parts)}"
        parser.add_argument("--parts", nargs="+", default=list(self.parts), choices=self.parts, metavar="P", help=told)
        parser.add_argument("--cuhk03", help="CUHK03 to train with: cuhk-03.mat or a folder of extracted pictures")
        parser.add_argument("--seeds", type=int, default=1, help="trainings of each part (default %(default)s)")
        parser.add_argument("--validate", type=int, default=100, help="who is held back (default %(default)s)")

    def trainings(self, options, everything=False):
        """Each seed holds other people back."""
        names = [(seed, part) for seed in range(options.seeds) for part in options.parts]
        if everything:
            there = re.compile(r"(.+?)(?:-seed-([1-9]\d*))?")
            found = [there.fullmatch(each.name).groups() for each in options.to.iterdir()]
            names = sorted((int(seed or 0), part) for part, seed in found if part in self.parts)
        images = 4 * (_TRAIN - options.validate) + (_OF_CUHK03 if options.cuhk03 else 0)
        trainings = []
        for seed, part in names:
            # An epoch is one over the images: larger groups make more pairs of it.
            group = dict(zip(self.parts[part][::2], self.parts[part][1::2], strict=True)).get(
                "--identities-per-group", 3
            )
            what = {"data": options.data, "split": f"cuhk01-486-{options.partition:02d}", "seed": seed or None}
            what["with"] = f"cuhk03-labeled={options.cuhk03}" if options.cuhk03 else None
            words = (
                words_of("cuhk01", **what, validate=options.validate, validate_every=options.epochs) + self.parts[part]
            )
            name = f"{part}-seed-{seed}" if seed else part
            about = {"part": part, "seed": seed, "model": "normxcorr"}
            how = images, round(options.epochs * 3 / group), RECIPE, options.validate, DRAWS, None, True
            trainings.append(self.training(name, options.to / name, about, words, *how))
        return trainings

    def rows(self, options, measured):
        """A row for each part that has a result, over the seeds that have one."""
        measured = [(training, found) for training, found in measured if len(found) == len(PROTOCOLS)]
        check_alike(options.to, [each for each, _ in measured], lambda each: each.run().drawing)
        rows = []
        for part, words in PARTS.items():
            own = {each.about["seed"]: (each, found) for each, found in measured if each.about["part"] == part}
            if not own:
                continue
            trainings, results = zip(*own.values(), strict=True)
            folder = f"{options.to}, the seeds of {part}"
            check_alike(
                folder, trainings, lambda each: {**each.run().settings.to_dict(), "seed": None}, "with {} settings"
            )
            recipe = next((row for row in rows if row["part"] == RECIPE), None)
            figures = {name: reporting.figures_of([each[name] for each in results], FIGURES) for name in PROTOCOLS}
            tested = [found[PROTOCOLS[0]] for found in results]
            row = {
                "part": part,
                "changes": " ".join(map(str, words)) or "the recipe as it is",
                "seeds": list(own),
                "tested": [{"split": each.split, "split_digest": each.split_digest} for each in tested],
                "probes": {protocol: [each[protocol].probes for each in results] for protocol in PROTOCOLS},
                "draws": DRAWS,
                "figures": figures,
                "rank 1 to the recipe": {name: _difference(own, figures, recipe, name) for name in PROTOCOLS},
                "loss": reporting.spread_of([each.run().history()["loss"][-1] for each in trainings]),
                "pairs": trainings[0].run().pairs_done,
            }
            rows.append(row)
        data = "held-back training identities of CUHK01"
        return {"data": data, "protocols": list(PROTOCOLS), "both_orders": True, "rows": rows}

    def tables(self, results):
        """A table for each protocol."""
        sets = {f"{each['split']}, {each['split_digest']}" for row in results["rows"] for each in row["tested"]}
        caption = (
            f"{results['data']} ({'; '.join(sorted(sets))}), all probes, {DRAWS} draws, both orders, in per cent; over "
            f"several seeds mean ± standard deviation, and the difference to {RECIPE} paired by seed with half the "
            "width of the 95 % interval of its mean."
        )
        tables = {}
        for protocol in PROTOCOLS:
            head = (protocol, "changed", *FIGURES, f"rank 1 to {RECIPE}", "last loss", "seeds")
            tables[protocol] = reporting.Table(head, [], "" if tables else caption)
            for row in results["rows"]:
                cells = [reporting.cell(row["figures"][protocol][name]) for name in FIGURES]
                cells.append(reporting.difference_cell(row["rank 1 to the recipe"][protocol]))
                last = f"{row['loss']['mean']:.3f}", len(row["seeds"])
                tables[protocol].rows.append((row["part"], changes_cell(row), *cells, *last))
        return tables


def changes_cell(row):
    """What a row changes of the recipe, as a cell: options are code, by the names of today."""
    changes = row["changes"].replace("--people", "--identities-per-group")  # as version 0.1 called it
    return f"`{changes}`" if changes.startswith("--") else changes


def _difference(seeds, figures, recipe, protocol):
    """How much higher the rank 1 of a part is than that of the recipe, as a spread over the seeds that both have."""
    if recipe is None:
        return None
    base = dict(zip(recipe["seeds"], recipe["figures"][protocol]["rank 1"]["values"], strict=True))
    pairs = zip(seeds, figures[protocol]["rank 1"]["values"], strict=True)
    more = [value - base[seed] for seed, value in pairs if seed in base]
    return reporting.spread_of(more) if more else None


EXPERIMENT = RecipeParts()
