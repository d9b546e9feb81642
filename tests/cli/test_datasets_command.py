import functools
import inspect
import json

import pytest
from PIL import Image

from tests.cli import run_command
from tfnxc.cli import main
from tfnxc.datasets import CATALOGUE, IMAGE_SIZE, cuhk01, prepared
from tfnxc.datasets import prepare as library_prepare

run = functools.partial(run_command.run, "datasets")
error_of = functools.partial(run_command.error_of, "datasets")


@pytest.fixture
def grid(tmp_path):
    """A folder of QMUL GRID with one identity on both sides, one with a probe only, and a distractor."""
    names = ("probe/0001_1_2.jpeg", "gallery/0001_2_2.jpeg", "probe/0002_1_2.jpeg", "gallery/0000_1_2.jpeg")
    for name in names:
        path = tmp_path / "underground_reid" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 40), "teal").save(path)
    return tmp_path / "underground_reid"


@pytest.fixture
def folders(tmp_path):
    """Two identities of one's own, in a folder whose name looks like markup."""
    for identity in ("anna", "berta"):
        for camera in (1, 2):
            path = tmp_path / "[red]people" / identity / f"x_c{camera}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 40), "teal").save(path)
    return tmp_path / "[red]people"


@pytest.mark.parametrize("command", ["", "list", "info", "check", "prepare"])
def test_every_command_explains_itself_with_an_example(command):
    result = run(*command.split(), "--help")
    assert result.exit_code == 0 and "Usage:" in result.output
    assert f"tfnxc datasets {command}" in result.output.split("Usage:")[1].split("\n", 1)[1]


def test_the_defaults_of_prepare_are_those_of_the_library():
    options = {option.name: option for option in main.commands["datasets"].commands["prepare"].params}
    assert (options["height"].default, options["width"].default) == IMAGE_SIZE
    library = inspect.signature(library_prepare).parameters
    for name in ("shards", "workers"):
        assert library[name].default is None and not options[name].required
        assert "Default" in options[name].help


def test_list_names_every_set_with_counts_and_splits():
    result = run("list")
    assert result.exit_code == 0
    for name in CATALOGUE:
        assert name in result.output
    for text in ("14,096", "cuhk01-486", "grid-125", "random-TEST-SEED"):
        assert text in result.output
    rows = {row["name"]: row for row in json.loads(run("list", "--json").output)}
    assert set(rows) == set(CATALOGUE)
    assert (rows["market1501"]["pictures"], rows["market1501"]["identities"]) == (36036, 1501)
    assert set(rows["cuhk03-labeled"]["families"]) == {"cuhk03-classic", "cuhk03-classic-1260", "cuhk03-767-labeled"}


def test_info_says_what_must_lie_where():
    output = run("info", "grid").output
    for text in ("underground_reid/probe/0001_1", "775 pictures", "grid-125", "Protocol: cross-camera", "ICIP 2013"):
        assert text in output
    assert json.loads(run("info", "grid", "--json").output)["official"][2]["pictures"] == 775


def test_info_counts_what_is_on_disk(grid):
    output = run("info", "grid", "--data", grid).output
    assert "4 pictures of 2 identities, 2 cameras, 1 distractors" in output and "differs" in output
    found = json.loads(run("info", "grid", "--data", grid, "--json").output)["found"]
    assert [(part["pictures"], part["identities"]) for part in found["parts"]] == [(2, 2), (1, 1), (1, None)]


def test_check_names_every_broken_and_every_missing_picture(campus):
    broken = campus / "campus" / "0001002.png"
    broken.write_bytes(broken.read_bytes()[:4000])
    (campus / "campus" / "0002001.png").write_text("hello")
    (campus / "campus" / "0007003.png").unlink()
    result = run("check", "cuhk01", "--data", campus)
    assert result.exit_code == 1
    assert "19 pictures of 5 identities" in result.output and "3,884" in result.output
    assert f"broken: {broken}: broken picture" in result.output
    assert "0002001.png: not a picture" in result.output
    assert "missing: 0003001.png" in result.output and "more; --json lists all" in result.output
    assert result.output.endswith("cuhk01: 3865 missing, 2 broken, counts differ from the official ones\n")


def test_check_as_json_lists_all(campus):
    (campus / "campus" / "0002001.png").write_text("hello")
    (campus / "campus" / "0007003.png").unlink()
    result = run("check", "cuhk01", "--data", campus, "--json")
    report = json.loads(result.output)
    assert result.exit_code == 1 and report["whole"] is False
    assert len(report["missing"]) == 3884 - 19 and "0007003.png" in report["missing"]
    (broken,) = report["broken"]
    assert broken["file"].endswith("0002001.png") and broken["reason"].startswith("not a picture")
    (part,) = report["parts"]
    assert (part["pictures"], part["official_pictures"], part["differs"]) == (19, 3884, True)


def test_check_of_what_has_no_official_counts_passes_where_all_is_readable(folders):
    result = run("check", "folder", "--data", folders)
    assert result.exit_code == 0 and result.output.endswith("folder: whole\n")
    picture = folders / "anna" / "x_c1.png"
    picture.write_text("hello")
    result = run("check", "folder", "--data", folders)
    assert result.exit_code == 1 and f"broken: {picture}: not a picture" in result.output


def test_prepare_makes_what_every_command_reads_in_the_place_of_the_set(campus, tmp_path):
    to = tmp_path / "prepared"
    arguments = ("prepare", "cuhk01", "--data", campus, "--to", to, "--height", 32, "--width", 16, "--shards", 2)
    for _ in range(2):  # the second time there is nothing to do
        result = run(*arguments, "--workers", 2)
        assert result.exit_code == 0 and "20 pictures of 5 identities, 32 x 16" in result.output
    assert (prepared(to).images((32, 16)) == cuhk01(campus).images((32, 16))).all()
    report = json.loads(run("check", "cuhk01", "--data", to, "--json").output)
    assert report["pictures"] == 20 and report["broken"] == []
    assert "other ones, or with other options" in error_of(*arguments[:-1], 3)
    assert "prepared from cuhk01" in error_of("check", "viper", "--data", to)


def test_check_names_the_damaged_shard_and_its_pictures(campus, tmp_path):
    to = tmp_path / "prepared"
    run("prepare", "cuhk01", "--data", campus, "--to", to, "--shards", 2)
    shard = to / "pictures-00001-of-00002.tfrecord"
    data = bytearray(shard.read_bytes())
    data[-100] ^= 1
    shard.write_bytes(data)
    report = json.loads(run("check", "cuhk01", "--data", to, "--json").output)
    assert [each["file"] for each in report["broken"]] == ["campus/0009004.png", str(shard)]
    assert "SHA-256" in report["broken"][1]["reason"]
    shard.write_bytes(data[:-1])
    assert f"{shard}: {len(data) - 1} bytes; manifest.json says {len(data)}" in error_of(
        "check", "cuhk01", "--data", to
    )


def test_prepare_leaves_nothing_behind_a_broken_picture(campus, tmp_path):
    (campus / "campus" / "0002001.png").write_text("hello")
    to = tmp_path / "prepared"
    assert "0002001.png: not a picture" in error_of("prepare", "cuhk01", "--data", campus, "--to", to)
    assert [path.name for path in tmp_path.iterdir()] == [campus.name]


def test_bad_input_is_one_clear_line(tmp_path, campus):
    assert "'nowhere' is not one of 'cuhk01'" in error_of("info", "nowhere")
    for command in (("check", "cuhk01"), ("prepare", "cuhk01", "--to", tmp_path / "x")):
        assert "cuhk01 needs a path (--data): the folder campus" in error_of(*command)
        assert "no such folder" in error_of(*command, "--data", tmp_path / "nowhere")
    assert "the synthetic set is drawn" in error_of("check", "synthetic", "--data", tmp_path)
    to = ("prepare", "cuhk01", "--data", campus, "--to")
    assert "exists and is no folder of prepared pictures" in error_of(*to, campus)
    assert "height and a width of 1 to 4096" in error_of(*to, tmp_path / "x", "--height", 5000)
    assert "shards must be 1 to 20" in error_of(*to, tmp_path / "x", "--shards", 21)
    assert not (tmp_path / "x").exists()


def test_cuhk01_is_whole(real_data):
    result = run("check", "cuhk01", "--data", real_data / "cuhk01", "--json")
    report = json.loads(result.output)
    assert result.exit_code == 0 and report["whole"] and (report["pictures"], report["identities"]) == (3884, 971)
