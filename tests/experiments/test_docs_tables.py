"""The tables in the docs are those of the result files, cell by cell.

`<!-- table: NAME -->` before a table names it; the docs may show some of its rows and columns.
"""

import pathlib
import re

import pytest

from experiments import (
    claims,
    embeddings,
    metric_loss,
    recipe_parts,
    reporting,
    reproduce_cuhk01,
    scorers,
    search_windows,
)
from experiments.experiment import PROTOCOLS
from tfnxc.evaluation import TITLES

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/claims.md", "docs/cuhk01.md", "docs/embedding.md", "docs/training.md"]
MARK = re.compile(r"<!-- table: (.+?) -->\n((?:\|.*\n)+)")


def results_of(name):
    """A result file."""
    return reporting.read_json(ROOT / "experiments" / "results" / f"{name}.json")


def rows_of(name, protocols=PROTOCOLS):
    """The rows of a result file on CUHK01 with the titles of their models, protocol by protocol."""
    rows = results_of(name)["rows"]
    return [(TITLES[row["model"]], row) for protocol in protocols for row in rows if row["protocol"] == protocol]


def both(row):
    """Rank 1 and mAP."""
    return ", ".join(reporting.cell(row["figures"][name]) for name in ("rank 1", "mAP"))


def seed_cells(row):
    """Rank 1 and mAP of a part's first seed, by protocol."""
    return [
        ", ".join(f"{row['figures'][protocol][name]['values'][0]:.2f}" for name in ("rank 1", "mAP"))
        for protocol in PROTOCOLS
    ]


def summary():
    """Rank 1 of the models on CUHK01, for the README."""
    results = results_of("cuhk01")
    published = {row["method"]: row for row in results["published"]}
    rows = []
    for title in TITLES.values():
        own = {
            row["protocol"]: reporting.cell(row["figures"]["rank 1"])
            for name, row in rows_of("cuhk01")
            if name == title
        }
        known = f"{published[title]['ranks']['1']:.2f}"
        known += "" if published[title]["protocol"] else " (by an unknown protocol)"
        rows.append((title, own["paper"], known, own["cross-camera"]))
    return reporting.Table(("", "`paper`", "published", "`cross-camera`"), rows)


def minutes():
    """What each model took on CUHK01: minutes of the trainings and of the scores, peak memory in GB."""
    results, rows = results_of("cuhk01"), []
    for model, title in TITLES.items():
        own = [each for each in results["trainings"] if each["model"] == model]
        scores = [taken for name, taken in results["steps"].items() if name.split()[::2] == ["evaluate", model]]
        cells = [
            ", ".join(f"{each['minutes']:.0f}" for each in own if (each["dataset"] == "cuhk01") == here)
            for here in (False, True)
        ]
        cells.append(", ".join(f"{taken['seconds'] / 60:.0f}" for taken in scores))
        rows.append((title, *cells, f"{max(each['peak_mb'] for each in own) / 1000:.1f}"))
    return reporting.Table(("", "CUHK03", "CUHK01", "scores", "peak memory"), rows)


def partitions():
    """Rank 1 of each partition."""
    rows = []
    for title, row in rows_of("cuhk01"):
        rows.append((title, row["protocol"], *(f"{value:.2f}" for value in row["figures"]["rank 1"]["values"])))
    return reporting.Table(("", "protocol", 1, 2, 3), rows)


def changes():
    """Before and after groups compared the same cameras."""
    rows = []
    for (title, before), (_, now) in zip(rows_of("cuhk01-any"), rows_of("cuhk01"), strict=True):
        values = (row["figures"]["rank 1"]["values"] for row in (before, now))
        more = ", ".join(f"{after - value:+.1f}" for value, after in zip(*values, strict=True))
        rows.append((title, now["protocol"], both(before), both(now), more))
    return reporting.Table(("", "protocol", "before", "now", "rank 1 now, to before"), rows)


def positives():
    """Positives across cameras and of any two images, NormXcorr on partition 1."""
    names, rows = reproduce_cuhk01.FIGURES, []
    for protocol in PROTOCOLS:
        for what, name in (("across cameras", "cuhk01-across-cameras"), ("any", "cuhk01-any")):
            (row,) = [row for title, row in rows_of(name, [protocol]) if title == "NormXcorr"]
            place = row["partitions"].index(1)
            rows.append((what, protocol, *(f"{row['figures'][name]['values'][place]:.2f}" for name in names)))
    return reporting.Table(("NormXcorr, positives", "protocol", *names), rows)


def cameras():
    """The recipe with positives of any two images and across cameras, before and after."""
    rows, results = [], results_of("cameras")
    order = [
        ("after, in another order", "after, groups drawn in another order"),
        ("before", "before"),
        ("after", "after"),
    ]
    titles = {"grouped": "any", "cross-camera-positives": "across cameras"}
    for when, title in order:
        rows += [(titles[row["part"]], title, *seed_cells(row)) for row in results[when]["rows"]]
    (row,) = [row for row in results_of("parts")["rows"] if row["part"] == "cross-camera-positives"]
    rows.append((titles[row["part"]], order[0][1], *seed_cells(row)))
    return reporting.Table(("positives", "groups", *(f"`{protocol}`" for protocol in PROTOCOLS)), rows)


def one_seed():
    """Each part of the recipe, by its first seed."""
    rows = []
    for row in results_of("parts")["rows"]:
        rows.append((recipe_parts.changes_cell(row) if row["part"] != "grouped" else "`grouped`", *seed_cells(row)))
    return reporting.Table(("", *(f"`{protocol}`" for protocol in PROTOCOLS)), rows)


def several_seeds():
    """The parts that have several seeds."""
    rows = []
    for row in results_of("parts")["rows"]:
        cells = []
        for protocol in PROTOCOLS:
            cells.append(reporting.cell(row["figures"][protocol]["rank 1"]))
            cells.append(reporting.difference_cell(row["rank 1 to the recipe"][protocol]))
        rows.append((recipe_parts.changes_cell(row) if row["part"] != "grouped" else "`grouped`", *cells))
    return reporting.Table(("", "`cross-camera`", "to `grouped`", "`paper`", "to `grouped`"), rows)


def tables():
    """Every table that the docs may show, by name."""
    found = dict(_of(search_windows, "windows"))
    found |= {f"claims {name}": table for name, table in _of(claims, "claims")}
    found |= {
        f"cuhk01 {name}": table for file in ("cuhk01", "cuhk01-100") for name, table in _of(reproduce_cuhk01, file)
    }
    found |= {f"cuhk01 {each.__name__}": each() for each in (summary, minutes, partitions, changes, positives)}
    found |= {f"scorers {name}": table for name, table in _of(scorers, "scorers")}
    found |= {name: embeddings.table(results_of(name)) for name in ("embeddings", "hubs")}
    found |= {"metric_loss": metric_loss.EXPERIMENT.tables(results_of("metric_loss"))["all"]}
    return found | {"parts, cameras": cameras(), "parts, one seed": one_seed(), "parts, several seeds": several_seeds()}


def _of(module, file):
    return module.EXPERIMENT.tables(results_of(file)).items()


def cells_of(line):
    return tuple(cell.strip().replace("**", "") for cell in line.strip().strip("|").split("|"))


def shown():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for name, table in MARK.findall(text):
            yield pytest.param(name, table, id=f"{page}, {name}")


@pytest.mark.parametrize(("name", "table"), list(shown()))
def test_a_table_is_that_of_the_result_file(name, table):
    made = tables()[name]
    head, _, *rows = map(cells_of, table.splitlines())
    names, head = ([str(each) or "model" for each in some] for some in (made.head, head))
    columns = [names.index(each) for each in head] if len(set(names)) == len(names) else range(len(names))
    assert [names[column] for column in columns] == head
    known = [tuple(str(row[column]) for column in columns) for row in made.rows]
    assert rows and [row for row in rows if row not in known] == []
    assert len(set(rows)) == len(rows)


def test_the_docs_show_every_result_file():
    files = {path.stem for path in (ROOT / "experiments" / "results").glob("*.json")}
    named = {str(each.values[0]) for each in shown()}
    assert len(files) == 12 and named == set(tables())
