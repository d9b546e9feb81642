"""Confident matches: thresholds that an index takes along, and searches by them."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.cli.run_command import error_of, run
from tests.embedding.small_calibration import calibration_of
from tests.search.conftest import embedding_of
from tfnxc.embedding import Embedding
from tfnxc.errors import InputError
from tfnxc.search import Gallery


@pytest.fixture
def calibrated(tmp_path, model_file):
    """A folder with the model, its embedding and thresholds."""
    folder = tmp_path / "calibrated"
    shutil.copytree(model_file.parent, folder)
    calibration_of(Embedding.load(folder)).save(folder)
    return folder / "model.keras"


@pytest.fixture
def gallery(tmp_path, calibrated, pictures):
    found = Gallery.start(tmp_path / "index", calibrated)
    found.add(pictures)
    return found


def with_thresholds(gallery, *scores):
    calibration_of(Embedding.load(gallery.folder), scores).save(gallery.folder)


@pytest.mark.parametrize("scorer", ["both", "head", "embedding"])
def test_only_matches_at_or_above_the_threshold_are_found(gallery, pictures, scorer):
    probes = pictures[:2]
    everything = gallery.search(probes, 11, scorer=scorer)
    third = everything[0][2].score
    with_thresholds(gallery, 1e3, third, -1e3)
    found = gallery.search(probes, 11, scorer=scorer, false_matches=10)
    for some, every in zip(found, everything, strict=True):
        assert [match.name for match in some] == [match.name for match in every if match.score >= third]
        for match in some:
            value = np.log(match.score / (1 - match.score)) if scorer == "head" else match.score
            assert match.probability == pytest.approx(1 / (1 + np.exp(0.25 - 0.5 * value)), rel=1e-5)
    assert len(found[0]) == 3 and found[0][0][:2] == everything[0][0][:2]
    assert gallery.search(probes, scorer=scorer, false_matches=1) == [[], []]
    assert [len(each) for each in gallery.search(probes, 11, scorer=scorer, false_matches=300)] == [11, 11]
    assert len(gallery.search(probes, 2, scorer=scorer, false_matches=300)[0]) == 2  # top still bounds them
    assert gallery.search(probes, 11, scorer=scorer) == everything  # the search without it is as it was


def test_what_a_search_says_of_it(gallery, pictures):
    probes = pictures[:2]
    with_thresholds(gallery, 1e3, gallery.search(probes[:1], 1)[0][0].score, -1e3)
    record = gallery.describe_search(probes, gallery.search(probes, false_matches=1), false_matches=1)
    assert (record["false_matches"], record["threshold"], record["false_matches_interval"]) == (1, 1000, [0.5, 2])
    assert [(each["confident"], each["matches"]) for each in record["probes"]] == [(False, [])] * 2
    record = gallery.describe_search(probes, gallery.search(probes, false_matches=10), false_matches=10)
    assert record["probes"][0]["confident"] is True and len(record["probes"][0]["matches"]) == 1
    plain = gallery.describe_search(probes, gallery.search(probes))
    assert not {"false_matches", "threshold"} & set(plain) and "confident" not in plain["probes"][0]


def test_an_index_without_thresholds_says_so_and_works_as_before(tmp_path, model_file, calibrated, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file)
    gallery.add(pictures)
    found = gallery.search(pictures[:1])
    message = (
        r"calibration\.json: no thresholds here\. tfnxc calibrate RUN .* tfnxc index RUN PICTURES --to .*index again"
    )
    for asked in (lambda: gallery.search(pictures[:1], false_matches=1), lambda: gallery.threshold(1)):
        with pytest.raises(InputError, match=message):
            asked()
    assert len(found[0]) == 10
    # The same model, calibrated meanwhile: its thresholds come along.
    again = Gallery.start(gallery.folder, calibrated)
    assert again.threshold(10).score == 8 and again.search(pictures[:1]) == found
    changed = calibration_of(Embedding.load(calibrated.parent), (9.5, 8.0, -9.0))
    changed.save(calibrated.parent)
    assert Gallery.start(gallery.folder, calibrated).calibration == changed
    before = (gallery.folder / "calibration.json").stat().st_mtime_ns
    Gallery.start(gallery.folder, calibrated)
    Gallery.start(gallery.folder, model_file)  # without thresholds takes none away
    assert (gallery.folder / "calibration.json").stat().st_mtime_ns == before


def test_thresholds_of_an_index_that_are_damaged_or_of_another_embedding_are_refused(gallery, pictures, calibrated):
    path = gallery.folder / "calibration.json"
    text = path.read_text()
    path.write_text(text.replace("8.0", "1.0", 1))
    with pytest.raises(InputError, match=r"calibration\.json: damaged"):
        gallery.search(pictures[:1], false_matches=1)
    assert gallery.search(pictures[:1])  # which needs none
    Gallery.start(gallery.folder, calibrated)  # mends it
    assert gallery.threshold(10).score == 8
    calibration_of(embedding_of(calibrated, dimensions=6)).save(gallery.folder)
    with pytest.raises(InputError, match="of another model or embedding than those beside it"):
        gallery.search(pictures[:1], false_matches=1)


def test_a_model_whose_thresholds_are_not_its_own_makes_no_index(tmp_path, calibrated):
    dataclasses.replace(calibration_of(Embedding.load(calibrated.parent)), of="ffffff").save(calibrated.parent)
    with pytest.raises(InputError, match="of another model or embedding than those beside it"):
        Gallery.start(tmp_path / "index", calibrated)
    assert not (tmp_path / "index").exists()


def test_what_a_killed_start_left_behind_is_no_threshold_of_another_model(tmp_path, model_file, calibrated):
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("model.keras", "calibration.json"):
        shutil.copy(calibrated.parent / name, folder)
    Gallery.start(folder, model_file)
    assert not (folder / "calibration.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"false_matches": 2}, r"^no threshold for 2 false matches .* scorer both; there is one for 1, 10, 300\."),
        ({"false_matches": 0}, "above 0 and below 1,000; got 0"),
        ({"false_matches": "1"}, "above 0 and below 1,000; got '1'"),
        ({"false_matches": 1, "both_orders": True}, "compared once, probe first: leave both_orders out"),
    ],
)
def test_numbers_without_a_threshold_are_refused(gallery, pictures, options, message):
    with pytest.raises(InputError, match=message):
        gallery.search(pictures[:1], **options)


def test_the_command_says_that_no_match_is_confident(gallery, crops, tmp_path):
    probe, to, drawn = next((crops / "a").iterdir()), tmp_path / "found.json", tmp_path / "found.png"
    result = run("search", gallery.folder, probe, "--false-matches", 1, "--json", to, "--picture", drawn)
    assert result.exit_code == 0, result.output
    assert "no confident match" in result.output and "probability" not in result.output
    words = " ".join(result.output.split())
    assert (
        "Confident: a score of 9.0000 or more. False matches expected of 1,000 pictures of strangers: 1 (0.5 to 2), "
        in words
    )
    assert "of the 12 here: 0.012. True matches found: 75 %." in words
    assert json.loads(to.read_text())["probes"][0]["confident"] is False
    with Image.open(drawn) as picture:
        assert picture.width > 0
    found = run("search", gallery.folder, probe, "--false-matches", 300, "--top", 3)
    assert "no confident match" not in found.output and "probability 0." in found.output
    assert "no threshold for 5 false matches" in error_of("search", gallery.folder, probe, "--false-matches", 5)
    assert "above 0 and below 1,000" in error_of("search", gallery.folder, probe, "--false-matches", -1)
