"""`tfnxc index` and `tfnxc search` as a user runs them."""

import contextlib
import json
import sys
import types

import click
import pytest

from tests.cli.run_command import error_of, run
from tfnxc.console import console
from tfnxc.search import SHORTLIST, Gallery, Match, format_matches
from tfnxc.search._files import MANIFEST


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setattr(console, "_width", 400)


@pytest.fixture
def index(tmp_path, model_file, crops):
    """The index of `crops`, whose broken picture is named and passed over."""
    folder = tmp_path / "found"
    result = run("index", model_file, crops, "--to", folder, "--layout", "camera")
    assert result.exit_code == 0, result.output
    assert f"Passed over: {crops / 'b' / 'broken.png'}: " in result.output
    assert "12 added, 0 there already, 1 passed over." in result.output and "camera a: 6" in result.output
    return folder


def test_index_again_add_delete_compact_and_check(index, model_file, crops, tmp_path):
    again = run("index", model_file, crops, "--to", index)
    assert "0 added, 12 there already, 1 passed over." in again.output and "changed" not in again.output
    changed, other = sorted((crops / "a").iterdir())[2:4]
    changed.write_bytes(other.read_bytes())
    again = run("index", model_file, crops, "--to", index)
    assert "0 added, 11 there already, 1 passed over." in again.output and f"Changed: {changed}\n" in again.output
    assert "1 have changed since they were indexed, and keep their old features and labels; --update" in again.output
    again = run("index", index, "--add", crops, "--update")
    assert f"Taken anew: {changed}\n" in again.output and "and were taken anew." in again.output
    assert "12 there already" in run("index", index, "--add", crops).output and Gallery(index).cameras == {
        "a": 6,
        "b": 6,
    }
    listed = tmp_path / "more.csv"
    (first, *_) = sorted((crops / "a").iterdir())
    (tmp_path / "more.png").write_bytes(first.read_bytes())
    listed.write_text("path,camera,time\nmore.png,door,2026-03-31T17:00\n")
    result = run("index", index, "--add", listed, "--delete", crops / "b", "--delete", first, "--compact", "--check")
    assert result.exit_code == 0, result.output
    assert "1 added" in result.output and "6 pictures" in result.output and "Everything is as it was" in result.output
    assert Gallery(index).cameras == {"a": 5, "door": 1}
    held = json.loads(run("index", index, "--json").stdout)
    assert held == Gallery(index).summary() and held["cameras"] == {"a": 5, "door": 1}
    again = json.loads(run("index", index, "--add", listed, "--json").stdout)
    assert (again["added"], again["known"], again["broken"], again["unread"]) == (0, 1, [], [])
    (segment,) = index.glob("*.segment")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    assert "are damaged" in error_of("index", index, "--check")


def test_search_with_filters_json_and_a_picture(index, crops, tmp_path):
    first, second, other, *_ = sorted((crops / "a").iterdir())
    to, drawn = tmp_path / "found.json", tmp_path / "found.png"
    words = ["--top", 3, "--other-cameras", "--json", to, "--picture", drawn]
    result = run("search", index, first, second, *words)
    assert result.exit_code == 0, result.output
    found = json.loads(to.read_text())
    assert [each["probe"] for each in found["probes"]] == [str(first), str(second)] and found["pictures"] == 12
    assert found["shortlist"] == SHORTLIST and found["other_cameras"] is True and found["scorer"] == "both"
    for each in found["probes"]:
        assert [match["camera"] for match in each["matches"]] == ["b"] * 3
        assert f"{each['matches'][0]['probability']:.4f}" in result.output
    assert found["probes"][0]["matches"][0]["name"] in result.output
    assert drawn.read_bytes().startswith(b"\x89PNG")
    exhaustive = run("search", index, first, "--exhaustive", "--both-orders", "--not-camera", "b", "--json", to)
    assert exhaustive.exit_code == 0 and len(json.loads(to.read_text())["probes"][0]["matches"]) == 5
    by_cosine = run("search", index, first, "--scorer", "embedding", "--top", 3, "--json", to)
    assert by_cosine.exit_code == 0 and "rank  cosine  camera  picture" in by_cosine.output
    assert "Scored by" not in by_cosine.output and "x log-odds of the head +" in exhaustive.output
    assert found["combination"] in " ".join(result.output.split()) and json.loads(to.read_text())["combination"] is None
    matches = json.loads(to.read_text())["probes"][0]["matches"]
    assert f"{matches[0]['score']:.4f}" in by_cosine.output and matches[0]["probability"] is None
    alone = run("search", index, first, "--scorer", "embedding", "--top", 3, "--json")
    assert json.loads(alone.stdout) == json.loads(to.read_text())
    listed = tmp_path / "day.csv"
    listed.write_text(f"path,time\n{other},2025-03-31T17:00\n")
    assert "1 have changed" in run("index", index, "--add", listed, "--update").output
    for until, count in (("2025-03-31", 1), ("2025-03-31T00:00", 0), ("2025-03-30", 0)):
        assert run("search", index, first, "--until", until, "--json", to).exit_code == 0
        assert len(json.loads(to.read_text())["probes"][0]["matches"]) == count
    nothing = run("search", index, first, "--since", "2026-01-01")
    assert nothing.exit_code == 0 and "nothing found; the filters leave no picture" in nothing.output


def test_errors_are_one_line(index, crops, tmp_path, model_file):
    probe = next((crops / "a").iterdir())
    assert "no index here" in error_of("search", crops, probe)
    assert "broken.png: " in error_of("search", index, crops / "b" / "broken.png")
    assert "no picture of camera c; its cameras are: a, b" in error_of("search", index, probe, "--camera", "c")
    assert "is no time" in error_of("search", index, probe, "--since", "noon")
    assert "compares no pairs" in error_of("search", index, probe, "--scorer", "embedding", "--both-orders")
    assert "--keep is about a new index" in error_of("index", index, "--add", crops, "--keep", "maps")
    assert "leave one out" in error_of("search", index, probe, "--exhaustive", "--shortlist", 5)
    assert "--picture draws at most 20" in error_of("search", index, probe, "--top", 21, "--picture", "a.png")
    assert "give a name that ends so" in error_of("search", index, probe, "--picture", "a.gif")
    assert "--update is about pictures" in error_of("index", index, "--update")
    assert "needs PICTURES" in error_of("index", model_file, "--to", tmp_path / "new")
    assert "need --to INDEX" in error_of("index", model_file, crops)
    assert "--layout is about a folder" in error_of("index", index, "--layout", "camera", "--check")
    assert "no such picture and none below" in error_of("index", index, "--delete", "nobody.png")
    assert "no run here" in error_of("index", crops, crops, "--to", tmp_path / "new")
    probe.unlink()
    other = next((crops / "b").glob("0*.png"))
    assert f"{probe}: no such file" in error_of("search", index, other, "--top", 12, "--picture", tmp_path / "a.png")


def test_delete_says_how_many_and_asks_above_a_number(index, crops, monkeypatch):
    answers, command = [], sys.modules["tfnxc.cli.index"]
    terminal = types.SimpleNamespace(stdin=types.SimpleNamespace(isatty=lambda: True))

    def confirm(question, abort):
        answers.append(question)
        raise click.Abort

    first = min((crops / "a").iterdir())
    assert f"To delete: {first}." in run("index", index, "--delete", first).output
    monkeypatch.setattr(command, "_MOST_UNASKED", 6)
    assert "no terminal; nothing was done. --yes agrees" in error_of("index", index, "--delete", crops)
    monkeypatch.setattr("tfnxc.cli._asking.sys", terminal)
    monkeypatch.setattr(click, "confirm", confirm)
    refused = run("index", index, "--delete", crops)
    assert refused.exit_code == 1 and len(Gallery(index)) == 11 and answers == ["Go on?"]
    assert "To delete: 11 of 11 pictures, the first " in refused.output
    assert run("index", index, "--delete", crops / "b").exit_code == 0 and len(Gallery(index)) == 5
    monkeypatch.setattr(command, "_MOST_UNASKED", 4)
    assert run("index", index, "--delete", crops, "--yes").exit_code == 0 and len(Gallery(index)) == 0
    assert "--yes is about pictures to delete" in error_of("index", index, "--yes")
    assert "is no name to delete by" in error_of("index", index, "--delete", "")


def test_an_index_that_keeps_paths_says_what_is_left_out(tmp_path, model_file, crops):
    folder = tmp_path / "paths"
    made = run("index", model_file, crops / "a", "--to", folder, "--keep", "paths")
    assert made.exit_code == 0 and "vectors of 8 numbers and paths" in made.output, made.output
    first, second, *_ = sorted((crops / "a").iterdir())
    second.unlink()
    for scorer, column in (("both", "probability"), ("embedding", "cosine")):
        found = run("search", folder, first, "--scorer", scorer)
        assert found.exit_code == 0 and f"Left out: {second}: no such file." in found.output
        assert f"rank  {column} " in found.output and f"{second}\n" not in found.output
    again = run("index", folder, "--add", crops / "a")
    assert f"Gone: {second}\n" in again.output and "1 are no files any more, and keep their features" in again.output
    assert f"{second}: no such file." in error_of("index", folder, "--check")
    assert run("index", folder, "--delete", second, "--check").exit_code == 0


def test_an_index_of_the_format_before_is_refused_in_a_line(index, crops):
    path = index / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 1}))
    probe = next((crops / "a").iterdir())
    remedy = "version 1 of the format; this tfnxc reads version 2. Index the pictures again, into another folder."
    for words in (("search", index, probe), ("index", index, "--add", crops)):
        assert remedy in error_of(*words)


def test_a_full_disk_is_told_and_the_index_stays_as_it_was(index, crops, small_disk):
    full = small_disk / "index"
    full.mkdir()
    for path in index.iterdir():
        (full / path.name).write_bytes(path.read_bytes())
    (small_disk / "ballast").write_bytes(b"")
    with contextlib.suppress(OSError), open(small_disk / "ballast", "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    changed, other = sorted((crops / "a").iterdir())[2:4]
    changed.write_bytes(other.read_bytes())
    for words in (["--add", crops, "--update"], ["--delete", crops / "a"], ["--compact"]):
        said = error_of("index", full, *words)
        assert said.startswith(f"Error: {full}") and said.endswith("cannot be written: No space left on device.")
    assert Gallery(full).cameras == {"a": 6, "b": 6}
    (small_disk / "ballast").unlink()
    assert run("index", full, "--delete", crops / "a", "--check").exit_code == 0
    assert "cannot be written: No space" not in run("search", full, other).output


def test_what_a_search_without_matches_says(index, crops, tmp_path, model_file):
    probe = min((crops / "a").iterdir())
    assert "no picture of camera halll; its cameras are: a, b" in error_of(
        "search", index, probe, "--other-cameras", "--probe-camera", "halll"
    )
    assert "--probe-camera is about --other-cameras" in error_of("search", index, probe, "--probe-camera", "a")
    assert run("search", index, probe, "--other-cameras", "--probe-camera", "a").exit_code == 0
    others = [path for path in (crops / "a").iterdir() if path != probe]
    words = [word for path in (crops / "b", *others) for word in ("--delete", path)]
    assert run("index", index, *words).exit_code == 0
    assert "nothing found; the index has no other picture" in run("search", index, probe).output
    assert "nothing found; the filters leave no picture" in run("search", index, probe, "--until", "1999-12-31").output
    run("index", index, "--delete", probe)
    for words in ([], ["--until", "1999-12-31"]):
        assert "nothing found; the index is empty" in run("search", index, probe, *words).output
    assert "no picture of camera a; the index is empty" in error_of("search", index, probe, "--camera", "a")


def test_what_stands_behind_json_is_no_picture_that_is_written_over(index, crops):
    first, second, *_ = sorted((crops / "a").iterdir())
    before = second.read_bytes()
    assert f"--json {second}: expected a file to write, or nothing. Give --json last." in error_of(
        "search", index, first, "--json", second
    )
    assert "Give --json last" in error_of("audit", index, "--json", index)
    assert second.read_bytes() == before


def test_matches_fit_eighty_columns(index, crops, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "_width", 80)
    first, second, *_ = sorted((crops / "a").iterdir())
    name, camera = "a-picture-of-the-hall-0007.png", "the-camera-in-the-hall-with-the-long-table-and-the-door"
    (tmp_path / name).write_bytes(second.read_bytes())
    (tmp_path / "long.csv").write_text(f"path,camera,time\n{name},{camera},2026-03-31T17:00\n")
    assert run("index", index, "--add", tmp_path / "long.csv").exit_code == 0
    found = run("search", index, first, "--scorer", "embedding", "--top", 12)
    listing = [line for line in found.output.splitlines() if line.startswith("  ")]
    pictures = [line for line in listing if line.endswith(".png")]
    assert len(pictures) == 12 and max(len(line) for line in listing if line not in pictures) <= 80
    assert any(line.endswith(f"  {tmp_path / name}") for line in pictures)
    words = " ".join(found.output.split())
    assert f"camera {camera}, time 2026-03-31T17:00:00+00:00" in words
    match = Match("hall/" + "x" * 60 + ".png", 0.5, None, "anna", camera, None)
    assert max(map(len, format_matches([match] * 10, 78).splitlines())) <= 78
    assert format_matches([match], 400) == format_matches([match]) and "cosine" in format_matches([match], 78)
