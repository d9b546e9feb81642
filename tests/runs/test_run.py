import json
import os

import keras
import pytest

from tfnxc.datasets import Split
from tfnxc.errors import InputError
from tfnxc.runs import Run, RunSettings

SPLIT = Split("mine", "by hand", (1, 2), (3,))


def settings(**values):
    return RunSettings.from_dict(values)


def test_a_run_keeps_its_settings_split_and_versions(tmp_path):
    Run.start(tmp_path / "run", settings(seed=1), SPLIT)
    run = Run.open(tmp_path / "run")
    assert run.settings == settings(seed=1)
    assert run.split == SPLIT and run.split.test == (3,)
    assert {"tfnxc", "tensorflow", "keras", "numpy", "python"} <= set(run.versions)


def test_the_same_settings_resume_and_others_are_refused(tmp_path):
    Run.start(tmp_path / "run", settings(seed=1, rate=0.1), SPLIT)
    assert Run.start(tmp_path / "run", settings(seed=1, rate=0.1), SPLIT).settings.seed == 1
    (tmp_path / "run" / "model.keras").touch()
    with pytest.raises(InputError, match=r"other settings \(rate: 0.1 there, 0.2 now; seed: 1 there, 2 now\)"):
        Run.start(tmp_path / "run", settings(seed=2, rate=0.2), SPLIT)
    with pytest.raises(InputError, match="split"):
        Run.start(tmp_path / "run", settings(seed=1, rate=0.1), Split("mine", "", (1,), (3,)))


@pytest.mark.parametrize("kept", ["model.keras", "checkpoint.keras", "nan.json", "scores", "results"])
def test_a_folder_in_which_nothing_was_trained_takes_other_settings(tmp_path, kept):
    """A command with a mistake leaves one, and the command without it is given to the same folder."""
    first = Run.start(tmp_path / "run", settings(seed=1), SPLIT)
    first.begin({"pictures": 4})
    left = [tmp_path / "run" / name for name in ("initial.keras", "negatives.npz", "best.keras", "best.json")]
    for path in left:
        path.touch()
    other = Split("other", "by hand", (1,), (3,))
    assert Run.start(tmp_path / "run", settings(seed=2), other).settings == settings(seed=2)
    run = Run.open(tmp_path / "run")
    assert run.split.name == "other" and run.pictures == {}
    assert not any(path.exists() for path in left)
    with pytest.raises(InputError, match="another command has just begun another run here"):
        first.check_record()
    run.check_record()
    with pytest.raises(InputError, match="other settings"):  # of a worker that is not the chief
        Run.start(tmp_path / "run", settings(seed=3), other, take_over=False)
    with run.alone(), pytest.raises(InputError, match=f"process {os.getpid()} trains there"):
        Run.start(tmp_path / "run", settings(seed=3), other)
    (tmp_path / "run" / kept).touch()
    with pytest.raises(InputError, match="other settings"):
        Run.start(tmp_path / "run", settings(seed=3), other)


def test_other_pictures_are_refused_once_something_was_trained(tmp_path):
    run = Run.start(tmp_path / "run", settings(), SPLIT)
    run.begin({"pictures": 4, "pixels": 7})
    run.begin({"pictures": 5, "pixels": 7, "sets": 1})  # nothing was trained on the four
    run.model_path().touch()
    again = Run.open(tmp_path / "run")
    again.check_pictures({"pictures": 5, "pixels": 7, "sets": 1})
    with pytest.raises(InputError, match="draws pairs in another way"):
        run.check_pictures({"pictures": 5, "pixels": 7, "sets": 1, "cameras": 3, "drawing": 2})
    with pytest.raises(
        InputError, match=r"other training pictures \(pixels: 7 there, 8 now; sets: 1 there, None now\)"
    ):
        again.check_pictures({"pictures": 5, "pixels": 8})
    assert Run.open(tmp_path / "run").pictures == {"pictures": 5, "pixels": 7, "sets": 1}


def test_a_run_whose_groups_were_drawn_in_another_way_does_not_go_on(tmp_path):
    run = Run.start(tmp_path / "run", settings(), SPLIT)
    run.model_path().touch()
    with pytest.raises(InputError, match="a version of tfnxc that draws pairs in another way"):
        run.check_pictures({"pictures": 4, "drawing": 2})
    assert Run.open(tmp_path / "run").pictures == {}


def test_those_held_back_are_known_and_not_fitted(tmp_path):
    split = Split("mine", "by hand", (1, 2, 3, 4, 5), (6,))
    run = Run.start(tmp_path / "run", settings(dataset="viper", validate=2, seed=1), split, before=[("grid", (7,))])
    held = set(run.held_back.test)
    assert len(held) == 2 and run.trained_on == [("viper", [1, 2, 3, 4, 5]), ("grid", [7])]
    fitted = ("viper", sorted({1, 2, 3, 4, 5} - held))
    assert run.fitted_on == [fitted, ("grid", [7])]
    after = Run.start(tmp_path / "after", run.settings, split, before=run.trained_on, fitted_before=run.fitted_on)
    assert after.trained_on[1:] == run.trained_on and after.fitted_on == [fitted, *run.fitted_on]
    without = Run.start(tmp_path / "without", settings(dataset="viper", seed=1), split)
    assert without.fitted_on == without.trained_on


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="exists and is not a run"):
        Run.start(tmp_path, settings(), SPLIT)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_is_missing_or_broken_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match=r"no run here \(no run.json\)"):
        Run.open(tmp_path)
    run = Run.start(tmp_path / "run", settings(), SPLIT)
    with pytest.raises(InputError, match="no such model; finish the training"):
        run.load_model()
    run.model_path().write_bytes(b"PK broken")
    with pytest.raises(InputError, match="broken model file"):
        run.load_model()
    (tmp_path / "run" / "run.json").write_text(json.dumps({})[:1])
    with pytest.raises(InputError, match="not a JSON file"):
        Run.open(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(InputError, match="not the record of a run"):
        Run.open(tmp_path / "run")


def test_a_model_of_another_kind_in_its_place_is_one_clear_error(tmp_path):
    run = Run.start(tmp_path / "run", settings(seed=1), SPLIT)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(run.model_path())
    with pytest.raises(InputError, match=r"model\.keras: .* whose parts are called"):
        run.load_model()


def test_what_a_kill_left_behind_does_not_block_the_folder(tmp_path):
    (tmp_path / ".tfnxc-run.1234.json").write_text("half")
    assert Run.start(tmp_path, settings(), SPLIT, data="somewhere").data.endswith("somewhere")


def test_the_data_may_move(tmp_path):
    Run.start(tmp_path / "run", settings(seed=1), SPLIT, data="here")
    assert Run.start(tmp_path / "run", settings(seed=1), SPLIT, data="there").settings == settings(seed=1)


def test_a_run_of_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    earlier = settings(batch_size=64, epochs=3)
    run = Run.start(tmp_path / "run", earlier, SPLIT)
    record = json.loads((run.folder / "run.json").read_text())
    record["settings"] = {"batch_size": 64, "passes": 3}
    (run.folder / "run.json").write_text(json.dumps(record))
    (tmp_path / "run" / "model.keras").touch()
    now = {"batch_size": 64, "epochs": 3, "positives": "any", "negatives": "uniform", "hard_share": 0.5, "pool": 20}
    assert Run.start(tmp_path / "run", settings(**now), SPLIT).settings == earlier
    with pytest.raises(InputError, match=r"other settings \(negatives: uniform there, hard now\)"):
        Run.start(tmp_path / "run", settings(**{**now, "negatives": "hard"}), SPLIT)


@pytest.mark.parametrize("names", [[], "anna", [["anna"]], [{"one": "anna"}]])
def test_damaged_names_are_one_clear_error(tmp_path, names):
    Run.start(tmp_path, RunSettings("folder", "normxcorr"), Split("few", "by hand", (0,), (1,)))
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "names": names}))
    with pytest.raises(InputError, match=r"run\.json: names must be those of 1 sets by number"):
        Run.open(tmp_path)


def test_a_length_that_was_open_is_noted_and_the_run_stays_the_same(tmp_path):
    run = Run.start(tmp_path / "run", settings(minutes=5.0), SPLIT)
    assert not run.begun
    run.note_length(epochs=4, steps=31)
    run.note_progress(4, pairs_per_epoch=30, pairs=93)
    found = Run.open(run.folder)
    assert found.settings == run.settings and (run.settings.recipe.epochs, run.settings.recipe.steps) == (4, 31)
    assert (found.pairs_done, found.unfinished) == (93, None)
    run.model_path().touch()
    assert run.begun
    again = Run.start(run.folder, settings(minutes=5.0), SPLIT)
    assert again.settings.recipe.steps == 31


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"epochs_done": "1"}', '{"epochs_done": -1}', "\xff"])
def test_damaged_progress_is_one_clear_error(tmp_path, text):
    run = Run.start(tmp_path / "run", settings(), SPLIT)
    assert run.epochs_done == run.pairs_done == 0
    run.note_progress(2, pairs_per_epoch=30)
    assert (run.epochs_done, run.pairs_done, run.stopped_early) == (2, 60, False)
    run.note_progress(2, pairs_per_epoch=30, stopped_early=True)
    assert Run.open(run.folder).stopped_early
    (run.folder / "progress.json").write_text('{"passes_done": 2, "pairs_done": 60, "stopped_early": false}')
    assert (run.epochs_done, run.pairs_done, run.stopped_early) == (2, 60, False)
    (run.folder / "progress.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"progress.json: damaged. The tfnxc train command that began the run"):
        run.epochs_done  # noqa: B018
