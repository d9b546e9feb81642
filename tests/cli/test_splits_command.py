"""`tfnxc splits` as a user runs it."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from tfnxc.cli import main
from tfnxc.console import console
from tfnxc.datasets import families, get_split, get_splits, load_split


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setattr(console, "_width", 400)


def run(*arguments):
    result = CliRunner().invoke(main, ["splits", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def rows_of(output):
    """The rows of a printed table, as lists of cells."""
    return [re.split(" {3,}", line.strip()) for line in output.splitlines()[4:] if line.startswith(" ")]


@pytest.fixture
def viper(tmp_path):
    """VIPeR's names, without pictures: everyone whom the published lists name, and 98 others."""
    listed = {identity for test in families()["viper-316"].tests for identity in test}
    for side in ("cam_a", "cam_b"):
        (tmp_path / side).mkdir()
        for identity in [*listed, *range(900, 998)]:
            (tmp_path / side / f"{identity:03d}_45.bmp").touch()
    return tmp_path


def test_it_explains_itself():
    assert "\n  tfnxc splits cuhk01-486-01          one of them whole\n" in run("--help")


def test_without_a_name_it_lists_the_families():
    output = run()
    rows = {row[0]: row[1:] for row in rows_of(output)}
    assert list(rows) == list(families())
    assert rows["cuhk01-100"] == ["cuhk01", "10", "871", "100", "-", "1 to 10"]
    assert rows["cuhk03-classic"] == ["cuhk03-labeled, cuhk03-detected", "20", "1367", "100", "-", "-"]
    assert rows["cuhk03-767-labeled"] == ["cuhk03-labeled", "1", "767", "700", "1400", "-"]
    assert rows["viper-316"] == ["viper", "10", "-", "316", "-", "-"]
    for family in families().values():
        assert f"{family.name}: {family.source}\n" in output


def test_the_families_as_json():
    rows = {row.pop("name"): row for row in json.loads(run("--json"))}
    assert rows["cuhk01-100"] == {
        "datasets": ["cuhk01"],
        "splits": 10,
        "train": 871,
        "test": 100,
        "fixed_probes": None,
        "seeds": list(range(1, 11)),
        "source": families()["cuhk01-100"].source,
    }


def test_a_family_is_one_row_a_split_with_its_digest():
    output = run("cuhk01-486")
    splits = get_splits("cuhk01-486")
    assert rows_of(output) == [[split.name, "485", "486", "-", "-", split.digest] for split in splits]
    assert f"Source: {splits[0].source}" in output
    assert [row["digest"] for row in json.loads(run("cuhk01-486", "--json"))] == [split.digest for split in splits]


@pytest.mark.parametrize("name", ["cuhk01-100-02", "cuhk03-767-detected"])
def test_a_split_is_printed_as_the_file_of_it(name, tmp_path):
    (tmp_path / "mine.json").write_text(run(name))
    assert load_split(tmp_path / "mine.json") == get_split(name)
    assert run(tmp_path / "mine.json") == run(name)


def test_what_depends_on_the_disk_is_left_open_until_a_data_set_is_named(viper):
    assert rows_of(run("viper-316"))[0] == ["viper-316-01", "-", "316", "-", "-", "-"]
    assert "--dataset viper --data PATH" in run("viper-316")
    people = [int(path.name[:3]) for path in (viper / "cam_a").iterdir()]
    split = get_split("viper-316-01", people)
    named = ["--dataset", "viper", "--data", viper]
    assert rows_of(run("viper-316", *named))[0] == ["viper-316-01", "316", "316", "-", "-", split.digest]
    assert json.loads(run("viper-316-01", *named)) == split.to_dict()
    assert json.loads(run("random-50-3", *named)) == get_split("random-50-3", np.array(people)).to_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cuhk01-486-11"], "no split is called 'cuhk01-486-11'"),
        (["viper-316-01"], "on the command line: --dataset and --data"),
        (["random-50-3"], "on the command line: --dataset and --data"),
        (["cuhk01-486", "--data", "x"], "--data goes with --dataset"),
        (["--dataset", "viper"], "--dataset goes with the name of a split"),
        (["viper-316", "--dataset", "vipre"], "no data set is called 'vipre'"),
        (["viper-316", "--dataset", "viper", "--data", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    result = CliRunner().invoke(main, ["splits", *arguments])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result
    (line,) = result.output.strip().splitlines()
    assert line.startswith("Error: ") and message in line
