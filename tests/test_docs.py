"""docs/architectures.md holds what the models hold, row by row."""

import ast
import functools
import math
import pathlib
import re

import keras
import pytest

from tfnxc.layers import CrossInputSummary, NormXcorrSummary
from tfnxc.models import BUILDERS, split

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "architectures.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:]
CALLS = ["ahmed()", "ahmed(search_size=(5, None))", "normxcorr()", "normxcorr(search_size=(5, 5))", "fused()"]
PARTLY = {"ahmed(search_size=(5, None))", "normxcorr(search_size=(5, 5))"}  # tables of what differs only


@functools.cache
def parts_of(call):
    """Tower and head of the model that a call in the page builds."""
    tree = ast.parse(call, mode="eval").body
    return split(BUILDERS[tree.func.id](**{each.arg: ast.literal_eval(each.value) for each in tree.keywords}))


def rows_of(title):
    """Rows of the table in the section of that title, without its header, as lists of cells."""
    (section,) = [each for each in SECTIONS if each.split("\n", 1)[0] == title]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def multiply_adds(part):
    return sum(map(multiply_adds_of_layer, part.layers))


def multiply_adds_of_layer(layer):
    shape = tuple(layer.output.shape)[1:]
    if isinstance(layer, NormXcorrSummary):
        _, _, maps, filters = layer.kernel.shape
        return math.prod(shape[:-1]) * maps * (math.prod(layer.patch_size) + filters)
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense, CrossInputSummary)):
        return math.prod(shape[:-1]) * math.prod(layer.get_weights()[0].shape)
    return 0


def number(cell):
    """The number that a cell such as "5×5×3×20 + 20 = 1,520", "**1,520** an image" or "–" stands for."""
    if cell == "–":
        return 0
    *sums, result = cell.replace("*", "").replace(",", "").split(" = ")
    result = int(result.split()[0])
    for terms in sums:
        assert sum(math.prod(map(int, term.split("×"))) for term in terms.split(" + ")) == result, cell
    return result


def check_layers(rows, part, all_of_them):
    for name, _, shape, parameters, products in rows:
        layer = part.get_layer(name.strip("`"))
        assert shape == "×".join(map(str, tuple(layer.output.shape)[1:])), name
        assert number(parameters) == layer.count_params(), name
        assert number(products) == multiply_adds_of_layer(layer), name
    if all_of_them:
        there = [layer.name for layer in part.layers if not isinstance(layer, keras.layers.InputLayer)]
        assert sorted(name.strip("`") for name, *_ in rows) == sorted(there)


def test_table_of_the_tower():
    *rows, total = rows_of("The tower")
    for call in CALLS:
        check_layers(rows, parts_of(call).tower, all_of_them=True)
    assert number(total[3]) == parts_of("fused()").tower.count_params()
    assert number(total[4]) == multiply_adds(parts_of("fused()").tower)


@pytest.mark.parametrize("call", CALLS)
def test_table_of_a_model(call):
    tower, head = parts_of(call)
    *rows, head_total, total = rows_of(f"`{call}`")
    check_layers(rows, head, all_of_them=call not in PARTLY)
    assert number(head_total[3]) == head.count_params()
    assert number(head_total[4]) == multiply_adds(head)
    assert number(total[3]) == tower.count_params() + head.count_params()
    assert number(total[4]) == 2 * multiply_adds(tower) + multiply_adds(head)


def test_table_of_the_stages():
    *stages, total = rows_of("Multiply-adds a pair, by stage")
    for column, call in enumerate(CALLS, start=1):
        tower, head = parts_of(call)
        assert number(total[column]) == 2 * multiply_adds(tower) + multiply_adds(head)
        assert number(total[column]) == sum(number(row[column]) for row in stages)
