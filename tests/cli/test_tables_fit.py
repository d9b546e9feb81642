"""Commands that print tables, on 80 columns and with long names; and the same as JSON."""

import json
import pathlib
import re

import click
import numpy as np
import pytest
from rich.cells import cell_len

from tests.cli.run_command import run
from tfnxc.cli import main
from tfnxc.console import console
from tfnxc.datasets import synthetic
from tfnxc.evaluation import Results, SavedScores, evaluate
from tfnxc.runs import Result

LONG = "a-data-set-whose-name-was-made-by-a-program-that-joined-folders-and-dates-2026-03-31T17-05-00"
LABEL = "a run of many words, initial, both orders, mirrored too, shortlist 5 %, of the second place"


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch):
    monkeypatch.setattr(console, "_width", 80)


@pytest.fixture
def scores(tmp_path):
    """Scores of drawn people, under a long label and of a set with a long name."""
    people = synthetic(identities=20)
    values = np.random.default_rng(0).integers(5, size=(len(people),) * 2).astype(np.float32)
    paths = [path.rsplit("/")[-1] for path in people.paths]
    saved = SavedScores(
        values, people.identities, people.cameras, people.probes, paths, {"label": LABEL, "dataset": LONG}
    )
    saved.save(tmp_path / "scores.npz")
    return tmp_path / "scores.npz"


def fits(result, *names):
    """The words of what a command printed, of which no line is too long and every name is whole."""
    assert result.exit_code in (0, 1) and "Traceback" not in result.output, result.output
    lines = result.output.splitlines()
    assert max(map(cell_len, lines)) <= 80, [line for line in lines if cell_len(line) > 80]
    assert "…" not in result.output
    together = "".join(result.output.split())
    for name in names:
        assert "".join(name.split()) in together, name
    return " ".join(result.output.split())


def test_data_sets_and_splits():
    assert "36,036" in fits(run("datasets", "list"), "cuhk03-detected", "cuhk03-classic-1260", "market1501")
    fits(run("splits"), "cuhk03-767-detected", "cuhk03-classic-1260")
    fits(run("splits", "grid-125"), "grid-125-10")
    assert "3228d12c0a7e" in fits(run("splits", "cuhk01-486"), "cuhk01-486-10")


def test_what_is_found_in_a_folder_with_a_long_name(tmp_path):
    from PIL import Image

    folder = tmp_path / LONG / "campus"
    folder.mkdir(parents=True)
    for name in ("0001001", "0001003", "0002001", "0002003"):
        Image.fromarray(np.full((160, 60, 3), 90, np.uint8)).save(folder / f"{name}.png")
    found = run("datasets", "check", "cuhk01", "--data", folder)
    table, _ = found.output.split("4 pictures of 2 identities")
    assert found.exit_code == 1 and max(map(cell_len, table.splitlines())) <= 80
    assert LONG in "".join(table.split()) and " 3,884 " in table and "differs" in table


@pytest.mark.parametrize("ties", ["pessimistic", "expected"])
def test_an_evaluation(scores, tmp_path, ties):
    protocols = ["--protocol", "cross-camera", "--protocol", "cuhk03-torchreid", "--protocol", "open-set"]
    result = run("evaluate", "--scores", scores, *protocols, "--ties", ties, "--repeats", 3, "--to", tmp_path)
    words = fits(result, LONG, LABEL)
    assert ("expected ties" in words) == (ties == "expected")
    (path,) = tmp_path.glob(f"*cross-camera*{ties}.json")
    measured = Result.load(path)
    assert measured.ties == ties
    for k in (1, 5, 10, 20):
        assert f"{100 * measured.rank(k):.2f}" in words
    assert "detection and identification" in words and f"{measured.probes} probes" in words
    assert "Open-ReID" not in words


def test_an_evaluation_where_there_is_room(scores, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "_width", 200)
    result = run("evaluate", "--scores", scores, "--protocol", "market", "--to", tmp_path)
    assert any(LABEL in line and " 80 " in line.split(LABEL)[1] for line in result.output.splitlines())


def test_an_evaluation_as_json(scores, tmp_path):
    asked = "evaluate", "--scores", scores, "--protocol", "market", "--ties", "expected", "--to", tmp_path
    found = json.loads(run(*asked, "--json").stdout)
    assert found == json.loads(json.dumps(evaluate(scores, protocols="market", ties="expected").to_dict()))
    assert found["results"][0]["ties"] == "expected" and found["results"][0]["label"] == LABEL
    assert found["summaries"] == found["published"] == []


def test_published_figures_and_summaries_are_in_the_json(scores):
    known = {**evaluate(scores, protocols="cross-camera", repeats=2)[0].to_dict(), "test_identities": 486}
    curve = np.linspace(0.1, 1, 20)
    splits = [{**known, "dataset": "cuhk01", "split": f"cuhk01-486-0{n}", "split_digest": str(n)} for n in (1, 2)]
    found = Results(Result.from_dict(each, curve, 0 * curve, f"r{each['split_digest']}") for each in splits)
    record = found.to_dict()
    (summary,) = record["summaries"]
    assert [each["name"] for each in record["results"]] == ["r1", "r2"] and summary["spread_over"] == "splits"
    assert {"method", "ranks", "protocol", "source"} <= record["published"][0].keys()
    assert len({each["method"] for each in record["published"]}) == len(record["published"])
    assert "NormXcorr (paper)" in str(found) and max(map(cell_len, str(found).splitlines())) <= 80


def test_the_page_lists_every_command_that_gives_json():
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `tfnxc ([a-z -]+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(_with_json(main))


def _with_json(group):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from (f"{name} {each}" for each in _with_json(command))
        elif any("--json" in option.opts for option in command.params):
            yield name
