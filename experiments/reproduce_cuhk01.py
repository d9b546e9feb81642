"""CUHK01: the three models on published partitions, with the published figures beside them.

    python -m experiments reproduce_cuhk01 --data cuhk01/campus --cuhk03 cuhk-03.mat
    python -m experiments reproduce_cuhk01 --report --add results-of-another-machine.json

For each model: a training on CUHK03, as the authors start small sets from a larger one; then for each partition (485
training and 486 test identities; 871 and 100) a training on CUHK01 that begins with its weights, and the CMC of the
partition's test identities under both protocols. The learning rate stays where it is on CUHK03, and falls to 0 on
CUHK01. Without --cuhk03 the weights begin random. The ten partitions with 486 test identities are the published ones;
those with 100, of which none were published, are the package's own.

Partitions may be shared among machines: `--partitions 3` here, `--partitions 1 2` there, and `--add` puts the results
together. No picture leaves the data folder.
"""

import dataclasses
import itertools
import json
import pathlib

from experiments import reporting
from experiments.experiment import PROTOCOLS, Experiment, Training, add_options, words_of
from tfnxc.errors import InputError
from tfnxc.evaluation import TITLES
from tfnxc.recipes import Recipe
from tfnxc.training import Run

DRAWS = {486: 1, 100: 10}
"""Draws of the gallery by the number of test identities, unless --repeats says otherwise: all ten take hours of 486."""

IDENTITIES = 971
PARTITIONS = range(1, 11)
FIGURES = ("rank 1", "rank 5", "rank 10", "rank 20", "rank 50", "mAP")

_ON_CUHK03 = {"grouped": {"schedule": "constant", "warmup": 0}, "published": {}}
"""What the training on CUHK03 changes of each recipe: a rate that has fallen to 0 and rises again undoes much."""

_OF_CUHK03 = 12_000  # images that train, of the whole
_LISTS = ("partitions", "from", "probes", "gallery", "models")
"""What a row holds for each partition, beside `splits` and the values of `figures`."""


class ReproduceCUHK01(Experiment):
    """A training on CUHK03 for each model, then one on each partition of CUHK01."""

    folder = "runs/reproduce-cuhk01"
    training = Training

    def add_options(self, parser):
        """As in `Experiment`; `--repeats` is by default as in `DRAWS`."""
        add_options(parser, epochs=70, repeats=None, partition=False)
        parser.add_argument("--cuhk03", help="CUHK03 to begin with: cuhk-03.mat or a folder of extracted pictures")
        parser.add_argument("--pretrain-epochs", type=int, default=24, help="over CUHK03 (default %(default)s)")
        parser.add_argument("--models", nargs="+", default=list(TITLES), choices=TITLES, help="default: all")
        some = {"nargs": "+", "type": int, "metavar": "N"}
        parser.add_argument("--partitions", **some, default=[1, 2, 3], choices=PARTITIONS, help="default: 1 2 3")
        parser.add_argument("--test-identities", **some, default=list(DRAWS), choices=DRAWS, help="default: 486 100")
        parser.add_argument(
            "--positives", choices=("any", "cross-camera"), help="in all trainings; default: the recipe's"
        )
        told = "results.json of other machines, whose partitions are put together with those here"
        parser.add_argument("--add", nargs="+", type=pathlib.Path, default=[], metavar="FILE", help=told)

    def trainings(self, options, everything=False):
        """In the order in which a table with all models is there soonest."""
        models, tested, partitions = options.models, options.test_identities, options.partitions
        if everything:
            models, tested, partitions = TITLES, DRAWS, PARTITIONS
        changes = {"learning_rate": options.learning_rate, "positives": options.positives}
        found, begin = [], dict.fromkeys(models, (None, ()))
        for model in models if options.cuhk03 or everything else ():
            name, folder = f"cuhk03 {model}", options.to / f"cuhk03-{model}"
            what = {"data": options.cuhk03, "split": "cuhk03-classic-01", "model": model, **_ON_CUHK03[options.recipe]}
            words = *words_of("cuhk03-labeled", **what, **changes), "--partial"
            how = words, _OF_CUHK03, options.pretrain_epochs, options.recipe
            found.append(self.training(name, folder, {"model": model, "test": None}, *how))
            begin[model] = folder, (f"train {name}",)
        for test, partition, model in itertools.product(tested, partitions, models):
            split, (weights, after) = f"cuhk01-{test}-{partition:02d}", begin[model]
            about = {"test_identities": test, "model": model, "partition": partition}
            what = {"data": options.data, "split": split, "model": model, "from": weights}
            words = words_of("cuhk01", **what, **changes)
            draws = DRAWS[test] if options.repeats is None else options.repeats
            how = 4 * (IDENTITIES - test), options.epochs, options.recipe, test, draws, options.probes, False, after
            found.append(self.training(f"{split} {model}", options.to / f"{split}-{model}", about, words, *how))
        return found

    def results(self, options):
        """As in `Experiment`, with the rows of other machines."""
        results = {**super().results(options), "added": []}
        rows = [(_kind(row, results["trainings"]), options.to, row) for row in results["rows"]]
        for path in options.add:
            others, about = _read(path)
            rows += others
            results["added"] += about
        results["rows"] = sorted(_joined(rows), key=self.place)
        self.compare(results)
        return results

    def compare(self, results):
        """Adds to results what was published."""
        shown, results["published"] = {(row["test_identities"], row["model"]) for row in results["rows"]}, []
        for test in DRAWS:
            methods = [title for model, title in TITLES.items() if (test, model) in shown]
            results["published"] += reporting.published_of(methods, test)

    def measured(self, training):
        """The results of a training that are reported, with what a row says of each."""
        return [(result, {}) for result in training.results().values()]

    def rows(self, options, measured):
        """A row for each model, partition and protocol that has a result."""
        rows = []
        for training, _ in measured:
            settings, before = training.run().settings, options.to / f"cuhk03-{training.about['model']}"
            begun = settings.weights and (before / "run.json").exists()
            row = {name: training.about[name] for name in ("test_identities", "model")}
            row |= {"epochs": settings.recipe.epochs, "partitions": [training.about["partition"]]}
            row |= {"drawn": [training.run().drawing, Run.open(before).drawing if begun else None]}
            row |= {"from": [settings.weights]}
            for result, about in self.measured(training):
                figures = reporting.figures_of([result], FIGURES)
                rows.append({**row, **about, **reporting.measured_of([result]), "figures": figures})
        return {"data": "CUHK01", "rows": rows}

    def tables(self, results):
        """A table for each number of test identities that there is."""
        ways, tables = len({tuple(row["drawn"]) for row in results["rows"]}) > 1, {}
        for test in DRAWS:
            rows, several = [], False
            for row in (row for row in results["rows"] if row["test_identities"] == test):
                several |= len(row["partitions"]) > 1
                way = f"{row['epochs']}{', from CUHK03' if all(row['from']) else ''}"
                drawn = f"in way {row['drawn'][0]}" if row["drawn"][0] else "as before"
                way += f", groups drawn {drawn}" if ways else ""
                cells = [reporting.cell(row["figures"][name]) for name in FIGURES]
                counts = len(row["partitions"]), row["draws"], max(row["probes"])
                rows.append((TITLES[row["model"]], row["protocol"], *cells, way, *counts))
            for row in (row for row in results["published"] if row["test_identities"] == test):
                cells = reporting.published_cells(row, FIGURES)
                rows.append((f"{row['method']}, published", row["protocol"] or "?", *cells, *[""] * 4))
            caption = f"CUHK01, {IDENTITIES - test} training and {test} test identities, in per cent"
            caption += "; mean ± standard deviation over partitions." if several else "."
            head = ("model", "protocol", *FIGURES, "epochs", "partitions", "draws", "probes")
            tables |= {str(test): reporting.Table(head, rows, caption)} if rows else {}
        return tables

    def lines(self, results):
        """The results as lines of Markdown, and how those of other machines came about."""
        lines = super().lines(results)
        for each in results["added"]:
            about = reporting.training_lines(each["trainings"])
            lines += ["", f"Of {each['file']}:", "", *about, "", reporting.version_line(each["versions"])]
        return lines

    def place(self, row):
        """Where a row stands among others."""
        return _place(row)


def _place(row):
    names = (DRAWS, row["test_identities"]), (TITLES, row["model"]), (PROTOCOLS, row["protocol"])
    return [list(known).index(name) for known, name in names]


def _read(path):
    """The rows of another results file, as `_joined` takes them, and how they came about, as a list."""
    try:
        other = reporting.read_json(path)
        for row in other["rows"]:
            lengths = {len(row[name]) for name in (*_LISTS, "splits")}
            lengths |= {len(row["figures"][name]["values"]) for name in FIGURES}
            _place(row)
            if lengths != {len(row["partitions"])}:
                raise ValueError(f"a row of {row['model']}, {row['protocol']} is not whole")
        about = {"file": path.name, **{name: other[name] for name in ("trainings", "steps", "versions")}}
        added = [about, *other.get("added", [])]
        trainings = [training for each in added for training in each["trainings"]]
        return [(_kind(row, trainings), path, row) for row in other["rows"]], added
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise InputError(f"--add {path}: not a results file of this experiment ({problem}).") from error


def _kind(row, trainings):
    """What rows have in common whose partitions make one mean."""
    begun, how = all(row["from"]), set()
    for each in (each for each in trainings if each["model"] == row["model"]):
        own = bool(each["from"]) == begun and each["split"] in row["splits"]
        if own or (begun and each["dataset"] != "cuhk01"):
            about = [each[name] for name in ("dataset", "search_size", "with", "epochs_done")]
            about.append(
                {**dataclasses.asdict(Recipe()), **each["recipe"]}
            )  # a field that is not in a file has its default
            how.add(json.dumps(about, sort_keys=True))
    what = [row[name] for name in ("test_identities", "model", "protocol", "epochs", "drawn", "draws", "both_orders")]
    return json.dumps([*what, row.get("scorer"), begun, sorted(set(row["probes"])), sorted(how)])


def _joined(rows):
    """The rows `(kind, where it is from, row)` with those of one kind put together, ascending by partition."""
    found = {}
    for kind, source, row in rows:
        splits = list(row["splits"].items())
        for place, partition in enumerate(row["partitions"]):
            _, partitions = found.setdefault(kind, (row, {}))
            if partition in partitions:
                raise InputError(
                    f"--add {source}: partition {partition} of {row['model']} is there twice. A partition counts once: "
                    "remove a run, or take a file without it."
                )
            figures = {name: spread["values"][place] for name, spread in row["figures"].items()}
            one = {name: row[name][place] for name in _LISTS}
            partitions[partition] = {**one, "splits": splits[place], "figures": figures}
    for row, partitions in found.values():
        ones = [partitions[number] for number in sorted(partitions)]
        figures = {name: reporting.spread_of([one["figures"][name] for one in ones]) for name in row["figures"]}
        lists = {name: [one[name] for one in ones] for name in _LISTS}
        yield {**row, **lists, "splits": dict(one["splits"] for one in ones), "figures": figures}


EXPERIMENT = ReproduceCUHK01()
