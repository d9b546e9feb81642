"""`tfnxc train` up to the training itself, which tests/training tests."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tfnxc import training
from tfnxc.cli import main


@pytest.fixture
def trained(monkeypatch):
    """What the trainings of a test were called with."""
    calls = []
    monkeypatch.setattr(training, "train", lambda *arguments, **options: calls.append((arguments, options)))
    return calls


@pytest.fixture
def train(campus, tmp_path):
    """Runs the command on five identities of CUHK01."""
    command = ["train", "cuhk01", "--data", str(campus), "--run", str(tmp_path / "run")]
    return lambda *arguments: CliRunner().invoke(main, [*command, *map(str, arguments)])


def test_the_options_reach_the_training(trained, train, tmp_path):
    options = ["--split", "random-2-0", "--positives", "cross-camera", "--negatives", "hard", "--pool", 7]
    result = train(*options, "--hard-share", 0.25, "--checkpoint-seconds", 60)
    assert result.exit_code == 0, result.output
    (((run, model, images, identities, recipe, seed, search_size), named),) = trained
    assert (model, seed, search_size, len(images)) == ("normxcorr", 0, None, 12)
    assert (recipe.positives, recipe.negatives, recipe.pool, recipe.hard_share) == ("cross-camera", "hard", 7, 0.25)
    assert named["checkpoint_seconds"] == 60
    np.testing.assert_array_equal(named["cameras"], np.tile([0, 0, 1, 1], 3))
    assert run.settings["negatives"] == "hard" and sorted(set(identities)) == run.record["split"]["train"]


def test_a_run_that_an_earlier_version_began_goes_on(trained, train, tmp_path):
    assert train("--split", "random-2-0").exit_code == 0
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    for later in ("positives", "negatives", "hard_share", "pool"):
        del record["settings"][later]
    path.write_text(json.dumps(record))
    assert train("--split", "random-2-0").exit_code == 0 and len(trained) == 2
    result = train("--split", "random-2-0", "--negatives", "hard")
    assert result.exit_code == 1 and "negatives: uniform there, hard now" in result.output


def test_a_part_of_a_data_set_is_trained_on_by_its_own_name_only_when_asked(trained, train):
    """The default is the split of the data set, of which these five identities are a part."""
    result = train()
    assert result.exit_code == 1 and "To train with the part that is there, add --partial" in result.output
    result = train("--partial")
    assert result.exit_code == 0, result.output
    split = trained[0][0][0].record["split"]
    assert split["name"] == "cuhk01-486-01-partial"
    assert sorted(split["train"] + split["test"]) == [1, 2, 7, 8, 9]


def test_a_family_is_no_split_to_train_on(trained, train):
    result = train("--split", "cuhk01-486")
    assert result.exit_code == 1 and "cuhk01-486 is 10 splits; name one of them, such as cuhk01-486-01" in result.output


def test_pictures_that_will_not_count_are_said_and_none_that_count_is_an_error(trained, train, campus, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": [1, 2], "test": [7, 8, 9]}))
    # All that camera B, whose pictures are the gallery, has of one identity; and camera A, of the probes, of another.
    for picture in ("0007003", "0007004", "0008001", "0008002"):
        (campus / "campus" / f"{picture}.png").unlink()
    result = train("--split", split)
    assert result.exit_code == 0, result.output
    assert "Note: 2 test pictures have no match under cross-camera and are no probes there" in result.output
    split.write_text(json.dumps({"train": [1, 2], "test": [7, 8]}))
    result = train("--split", split)
    assert result.exit_code == 1 and "there is no match for any of the" in result.output and len(trained) == 1
