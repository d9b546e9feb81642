"""What experiments share that report results: results files, figures, cells, tables, Markdown."""

import dataclasses
import json

from tfnxc.evaluation import Spread, published_figures

_OLD_KEYS = {"passes": "epochs", "passes_done": "epochs_done", "people": "identities_per_group"}
_OLD_KEYS |= {"dial": "challenge", "dials": "difficulties"}
"""What results files of version 0.1 call a key."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of texts and numbers: names of its columns, rows of as many cells, and what is said above it."""

    head: tuple
    rows: list
    caption: str = ""

    def lines(self):
        """The table as lines of Markdown."""
        lines = [f"| {' | '.join(map(str, line))} |" for line in (self.head, ["---"] * len(self.head), *self.rows)]
        return [self.caption, "", *lines] if self.caption else lines


def read_json(path):
    """What a results file holds, with the keys of today."""
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=lambda pairs: {_OLD_KEYS.get(key, key): each for key, each in pairs})


def measured_of(results):
    """Under what several results of one protocol came about, as plain types."""
    return {
        "protocol": results[0].protocol,
        "splits": {each.split: each.split_digest for each in results},
        "draws": results[0].repeats,
        "probes": [each.probes for each in results],
        "gallery": [each.gallery for each in results],
        "both_orders": True,
        "models": [each.model_digest for each in results],
    }


def figures_of(results, names):
    """Some figures of several results in per cent, each as by `spread_of`."""
    return {name: spread_of([round(100 * each.figures[name].mean, 10) for each in results]) for name in names}


def spread_of(values):
    """Mean, deviation and 95 % interval of measurements, with themselves, as plain types."""
    return {**Spread.of(values).to_dict(), "values": list(values)}


def cell(spread):
    """A spread as text: the mean, and where there are several values their standard deviation."""
    deviation = "" if spread["interval95"] is None else f" ± {spread['deviation']:.2f}"
    return f"{spread['mean']:.2f}{deviation}"


def difference_cell(spread):
    """A difference as text: its mean, and where there are several values half the width of its 95 % interval."""
    if spread is None:
        return ""
    interval = "" if spread["interval95"] is None else f" ± {spread['interval95']:.2f}"
    return f"{spread['mean']:+.2f}{interval}"


def published_of(methods, test_identities=486):
    """What was published of some methods on CUHK01 with so many test identities, as plain types; in their order."""
    known = {each.method: each for each in published_figures("cuhk01", test_identities)}
    kept = "method", "test_identities", "protocol", "source"
    rows = [{name: getattr(known[method], name) for name in kept} for method in methods]
    return [{**row, "ranks": {str(k): figure for k, figure in known[row["method"]].ranks.items()}} for row in rows]


def published_cells(row, names):
    """Figures of a row of `published_of` as texts, empty where one was not printed."""
    ranks = {f"rank {rank}": f"{figure:.2f}" for rank, figure in row["ranks"].items()}
    return [ranks.get(name, "") for name in names]


def training_lines(trainings):
    """How runs were trained, as lines of Markdown: a table, and their recipes."""
    head = ("run", "split, digest", "identities", "epochs", "pairs", "minutes", "peak memory, MB")
    rows, recipes = [], {}
    for each in trainings:
        split, done = f"{each['split']}, {each['split_digest']}", f"{each['epochs_done']} of {each['recipe']['epochs']}"
        cost = f"{each['pairs']:,}", f"{each['minutes']:.1f}", f"{each['peak_mb']:.0f}"
        rows.append((each["run"], split, each["identities"], done, *cost))
        recipe = ", ".join(f"{name} {value}" for name, value in each["recipe"].items())
        recipe += "" if each.get("drawing") is None else f", groups drawn in way {each['drawing']}"
        recipes.setdefault(recipe, []).append(each["run"])
    told = [f"Recipe of {', '.join(runs)}: {text}." for text, runs in recipes.items()]
    return [*Table(head, rows).lines(), "", *told]


def step_lines(steps, prefix):
    """What the steps whose names begin so took, as lines of Markdown; `training_lines` tells it of trainings."""
    rows = [
        (name if taken["done"] else f"{name}, not finished", f"{taken['seconds'] / 60:.1f}", f"{taken['peak_mb']:.0f}")
        for name, taken in steps.items()
        if name.startswith(prefix)
    ]
    return Table(("step", "minutes", "peak memory, MB"), rows).lines()


def version_line(versions):
    """The versions of what took part, as a line."""
    return f"Written with {', '.join(f'{name} {version}' for name, version in versions.items())}."
