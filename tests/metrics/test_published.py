"""published.json holds what docs/SPEC.md section 6 holds, figure by figure."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from tfnxc.datasets import CATALOGUE
from tfnxc.evaluation import PROTOCOLS
from tfnxc.metrics.published import published_figures

SPEC = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "SPEC.md").read_text(encoding="utf-8")
SECTION = SPEC.split("\n## 6. ")[1].split("\n## ")[0]
SETS = {
    "CUHK03 labeled": ("cuhk03-labeled", 100),
    "CUHK03 detected": ("cuhk03-detected", 100),
    "CUHK01, 100 test ids": ("cuhk01", 100),
    "CUHK01, 486 test ids": ("cuhk01", 486),
    "CUHK01 100": ("cuhk01", 100),
    "CUHK01 486": ("cuhk01", 486),
    "QMUL GRID": ("grid", 125),
}
COLUMNS = ("NormXcorr, 5x5 search", "NormXcorr", "Ahmed et al.", "Ahmed et al., 5x12 search")


def table_rows():
    """`(title, cells)` of the four rows of the table."""
    rows = [re.split(r" *\| *", line.strip("| ")) for line in SECTION.splitlines() if line.startswith("| CUHK")]
    return [(title, cells) for title, *cells in rows]


def legends():
    """`(title, {method: rank 1})` of the five figures."""
    lines = [line[2:].split(": ") for line in SECTION.splitlines() if line.startswith("- ")]
    return [(title, dict(re.findall(r"([^,]+?) ([\d.]+)(?:, |$)", entries))) for title, entries in lines]


def of(title):
    return {each.method: each for each in published_figures(*SETS[title])}


@pytest.mark.parametrize(("title", "cells"), table_rows())
def test_the_table(title, cells):
    assert len(cells) == 4
    for method, cell in zip(COLUMNS, cells, strict=True):
        printed = dict(zip((1, 10, 50), cell.split(" / "), strict=True))
        ranks = of(title)[method].ranks
        assert list(ranks) == [1, 10, 50]
        for rank, figure in printed.items():
            # Where a figure of the table is in a plot too, the plot may have one more digit.
            digits = len(figure.partition(".")[2])
            assert round(ranks[rank], digits) == float(figure), (title, method, rank)
        assert "section 3.1, table" in of(title)[method].source


@pytest.mark.parametrize(("title", "legend"), legends())
def test_the_legends(title, legend):
    for method, figure in legend.items():
        assert of(title)[method].ranks[1] == float(figure), (title, method)
        assert "Figure 1(" in of(title)[method].source
    assert set(of(title)) == set(legend) | (set() if title == "QMUL GRID" else set(COLUMNS))


def test_the_two_tables_are_all_there_is():
    assert [title for title, _ in table_rows() + legends()] == [*list(SETS)[:4], *list(SETS)[:2], *list(SETS)[4:]]
    assert sum(len(published_figures(*key)) for key in set(SETS.values())) == 51


def test_each_figure_says_where_it_comes_from_and_what_it_is_of():
    for key in set(SETS.values()):
        for each in published_figures(*key):
            assert (each.dataset, each.test_identities) == key and each.dataset in CATALOGUE
            assert each.boxes == (each.dataset.partition("-")[2] or None)
            assert "NIPS 2016, supplement" in each.source
            own = each.method.startswith(("NormXcorr", "Fused"))
            assert each.protocol == ("paper" if own else None) and "paper" in PROTOCOLS


def test_the_best_at_rank_1_comes_first():
    found = [(each.method, each.ranks[1]) for each in published_figures("cuhk01", 486)]
    assert found[:3] == [("Fused", 65.04), ("NormXcorr", 60.17), ("CPDL", 59.5)]
    assert found[-1] == ("Mid-level Filters", 34.3)
    assert sorted(found, key=lambda each: each[1], reverse=True) == found


@pytest.mark.parametrize(("dataset", "identities"), [("viper", 316), ("cuhk01", 485), ("cuhk03", 100), ("mine", 3)])
def test_nothing_where_nothing_was_published(dataset, identities):
    assert published_figures(dataset, identities) == []


def test_the_figures_need_no_tensorflow():
    code = (
        "import json, sys; from tfnxc.metrics.published import published_figures; "
        "print(json.dumps([len(published_figures('grid', 125)), 'tensorflow' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [10, False]
