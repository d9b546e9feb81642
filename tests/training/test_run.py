import json

import pytest

from tfnxc.datasets import Split
from tfnxc.errors import InputError
from tfnxc.training import Run

SPLIT = Split("mine", "by hand", (1, 2), (3,))


def test_a_run_keeps_its_settings_split_and_versions(tmp_path):
    Run.start(tmp_path / "run", {"seed": 1}, SPLIT)
    run = Run.open(tmp_path / "run")
    assert run.settings == {"seed": 1}
    assert run.record["split"]["test"] == [3] and run.record["split_digest"] == SPLIT.digest
    assert {"tfnxc", "tensorflow", "keras", "numpy", "python"} <= set(run.record["versions"])


def test_the_same_settings_resume_and_others_are_refused(tmp_path):
    Run.start(tmp_path / "run", {"seed": 1, "rate": 0.1}, SPLIT)
    assert Run.start(tmp_path / "run", {"seed": 1, "rate": 0.1}, SPLIT).settings["seed"] == 1
    with pytest.raises(InputError, match=r"other settings \(rate: 0.1 there, 0.2 now; seed: 1 there, 2 now\)"):
        Run.start(tmp_path / "run", {"seed": 2, "rate": 0.2}, SPLIT)
    with pytest.raises(InputError, match="split"):
        Run.start(tmp_path / "run", {"seed": 1, "rate": 0.1}, Split("mine", "", (1,), (3,)))


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="exists and is not a run"):
        Run.start(tmp_path, {}, SPLIT)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_is_missing_or_broken_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match=r"no run here \(no run.json\)"):
        Run.open(tmp_path)
    run = Run.start(tmp_path / "run", {}, SPLIT)
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


def test_what_a_kill_left_behind_does_not_block_the_folder(tmp_path):
    (tmp_path / ".tfnxc-run.1234.json").write_text("half")
    assert Run.start(tmp_path, {}, SPLIT, data="somewhere").record["data"].endswith("somewhere")


def test_the_data_may_move(tmp_path):
    Run.start(tmp_path / "run", {"seed": 1}, SPLIT, data="here")
    assert Run.start(tmp_path / "run", {"seed": 1}, SPLIT, data="there").settings == {"seed": 1}


def test_a_run_of_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    earlier = {"batch_size": 64, "passes": 3}
    Run.start(tmp_path / "run", earlier, SPLIT)
    now = {**earlier, "positives": "any", "negatives": "uniform", "hard_share": 0.5, "pool": 20}
    assert Run.start(tmp_path / "run", now, SPLIT).settings == earlier
    with pytest.raises(InputError, match=r"other settings \(negatives: uniform there, hard now\)"):
        Run.start(tmp_path / "run", {**now, "negatives": "hard"}, SPLIT)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"passes_done": "1"}', '{"passes_done": -1}', "\xff"])
def test_damaged_progress_is_one_clear_error(tmp_path, text):
    run = Run.start(tmp_path / "run", {}, SPLIT)
    assert run.passes_done == run.pairs_done == 0
    run.note_progress(2, pairs_per_pass=30)
    assert (run.passes_done, run.pairs_done) == (2, 60)
    (run.folder / "progress.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"progress.json: damaged. The tfnxc train command that began the run"):
        run.passes_done  # noqa: B018
