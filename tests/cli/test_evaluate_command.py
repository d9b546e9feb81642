"""`tfnxc evaluate` beyond one run on its own split, which tests/cli/test_cli.py does."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from tfnxc.cli import main
from tfnxc.datasets import Split, cuhk01, seeded_split
from tfnxc.evaluation import EvaluationPlan, SavedScores, colour_histogram_scores
from tfnxc.files import write_json
from tfnxc.training import Run


def evaluate(*arguments):
    result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    return result


def error_of(*arguments):
    result = evaluate(*arguments)
    assert result.exit_code == 1 and "Traceback" not in result.output, result.output
    return result.output.replace("\n", " ")


@pytest.fixture
def families(monkeypatch, campus):
    """Two splits of the five identities, as a family called `few`."""
    from tfnxc.datasets import catalogue

    people = cuhk01(campus)
    splits = [seeded_split(people.identities, 3, seed) for seed in (1, 2)]
    found = catalogue.get_splits
    monkeypatch.setattr(
        catalogue, "get_splits", lambda name, identities: splits if name == "few" else found(name, identities)
    )
    return people, splits


def test_a_baseline_on_all_splits_and_its_scores_measured_again(campus, families, tmp_path):
    people, splits = families
    to = tmp_path / "results"
    found = evaluate(
        "--baseline", "colour-histogram", "--dataset", "cuhk01", "--data", campus, "--split", "few", "--to", to,
        "--save-scores", tmp_path / "scores", "--all-pairs", "--repeats", 2,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    expected = []
    for split in splits:
        tested = split.test_part(people)
        images = tested.images()
        plan = EvaluationPlan.of("cross-camera", tested, repeats=2)
        expected.append(plan.measure(colour_histogram_scores(images, images)))
    ranks = [result.rank(1) for result in expected]
    (path,) = to.glob("summary-colour-histogram-cuhk01-random-3-2splits-cross-camera-pessimistic-*.json")
    summary = json.loads(path.read_text())
    assert summary["spread_over"] == "splits" and summary["count"] == 2
    assert summary["ranks"]["1"]["mean"] == pytest.approx(100 * np.mean(ranks))
    assert summary["ranks"]["1"]["deviation"] == pytest.approx(100 * np.std(ranks, ddof=1))
    assert [each["split_digest"] for each in summary["members"]] == [split.digest for split in splits]
    assert path.with_suffix(".csv").exists() and path.with_suffix(".png").stat().st_size > 1000

    files = sorted((tmp_path / "scores").glob("*.npz"))
    assert len(files) == 2
    again = evaluate("--scores", files[0], "--to", to / "again", "--protocol", "market", "--protocol", "cross-camera",
                     "--repeats", 2)  # fmt: skip
    assert again.exit_code == 0, again.output
    (same,) = (to / "again").glob("*cross-camera*.json")
    assert json.loads(same.read_text())["mean"] == pytest.approx((100 * expected[0].mean).tolist())
    saved = SavedScores.load(files[0])
    market = EvaluationPlan("market", saved.identities, saved.cameras).measure(saved.scores)
    (other,) = (to / "again").glob("*market*.json")
    record = json.loads(other.read_text())
    assert record["mAP"]["mean"] == pytest.approx(100 * market.mean_average_precision)
    assert record["split"] == splits[0].name and record["split_digest"] == splits[0].digest


def test_a_dry_run_says_what_it_would_cost_and_does_nothing(campus, families, tmp_path):
    arguments = ("--baseline", "colour-histogram", "--dataset", "cuhk01", "--data", campus, "--split", "few")
    told = evaluate(*arguments, "--dry-run", "--to", tmp_path / "results", "--save-scores", tmp_path / "scores")
    assert told.exit_code == 0, told.output
    assert told.output.count("to score") == 2 and told.output.count("colour histogram, together") == 2
    assert not (tmp_path / "results").exists() and not (tmp_path / "scores").exists()
    estimates = json.loads(evaluate(*arguments, "--dry-run", "--json", "--to", tmp_path / "results").stdout)
    assert [each["split"] for each in estimates] == ["random-3-1"] * 2 + ["random-3-2"] * 2
    assert all(each["together"]["pairs"] >= each["cost"]["pairs"] > 0 for each in estimates)


def test_a_fitted_baseline_on_all_splits_beside_another(campus, families, tmp_path):
    both = ("--baseline", "colour-histogram", "--baseline", "lomo-xqda", "--dataset", "cuhk01", "--data", campus)
    found = evaluate(*both, "--split", "few", "--to", tmp_path, "--repeats", 2, "--protocol", "cross-camera")
    assert found.exit_code == 0, found.output
    assert found.output.count("LOMO+XQDA: a metric is fitted on 8 pictures of 2 training identities") == 2
    (path,) = tmp_path.glob("summary-lomo-xqda-cuhk01-random-3-2splits-cross-camera-pessimistic-*.json")
    assert [each["fitted_identities"] for each in json.loads(path.read_text())["members"]] == [2, 2]
    assert len(list(tmp_path.glob("summary-colour-histogram-*.json"))) == 1


def test_a_run_is_not_tested_on_whom_it_was_trained_on(campus, families, tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", "cuhk01", "--data", campus, "--split", "random-3-1", "--run", folder, "--epochs", 1,
                 "--batch-size", 8, "--recipe", "published"]  # fmt: skip
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    assert "trained on" in error_of(folder, "--split", "random-3-2") and "would mean nothing" in error_of(
        folder, "--split", "random-3-2"
    )
    found = evaluate(folder, "--both-orders", "--flips", "--repeats", 1, "--batch-size", 8, "--protocol", "market")
    assert found.exit_code == 0, found.output
    (path,) = (folder / "results").glob("trained-both-orders-flips-market-*.json")
    assert json.loads(path.read_text())["views"] == [
        [False, [False, False]],
        [False, [True, False]],
        [True, [False, False]],
        [True, [False, True]],
    ]


def test_the_best_model_is_measured_and_by_nobody_whom_it_saw(campus, families, tmp_path):
    run = Run.open(trained_run(campus, tmp_path / "run"))
    assert "no such model" in error_of(run.folder, "--state", "best")
    shutil.copy(run.model_path("initial"), run.model_path("best"))
    write_json(run.folder / "best.json", {"epoch": 2, "val_rank_1": 0.5, "val_mAP": 0.5})
    found = evaluate(run.folder, "--state", "best", "--protocol", "market", "--batch-size", 8)
    assert found.exit_code == 0, found.output
    (path,) = (run.folder / "results").glob("best-market-*.json")
    result = json.loads(path.read_text())
    assert result["epochs_done"] == 3 and result["model_digest"] == run.model_digest("initial")
    assert "would mean nothing" in error_of(run.folder, "--split", "random-3-2", "--state", "best")


def test_held_back_people_are_tested_and_nobody_else(campus, tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", "cuhk01", "--data", campus, "--split", "random-1-0", "--run", folder, "--epochs", 1,
                 "--batch-size", 8, "--recipe", "published", "--validate", 2]  # fmt: skip
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    record = json.loads((folder / "run.json").read_text())
    fitted = Split.from_dict(record["split"]).hold_back(2, 0)
    found = evaluate(folder, "--held-back", "--protocol", "cross-camera", "--repeats", 1)
    assert found.exit_code == 0, found.output
    (path,) = (folder / "results").glob("trained-cuhk01-random-1-0-held-back-2-cross-camera-*.json")
    result = json.loads(path.read_text())
    assert (result["probes"], result["gallery"]) == (4, 2) and result["split_digest"] == fitted.digest
    assert "--dataset and --split" in error_of(folder, "--held-back", "--split", "random-1-0")
    # Whoever brought them into the training by another way is noticed.
    record["before"] = record["fitted_before"] = [["cuhk01", [fitted.test[0]]]]
    (folder / "run.json").write_text(json.dumps(record))
    assert f"such as {fitted.test[0]}" in error_of(folder, "--held-back")
    del record["settings"]["validate"]
    (folder / "run.json").write_text(json.dumps(record))
    assert "held nobody back; tfnxc train does with --validate N" in error_of(folder, "--held-back")
    assert "name the runs" in error_of("--baseline", "colour-histogram", "--held-back")


def test_bad_arguments_are_one_clear_error(campus, tmp_path):
    assert "nothing to measure" in error_of()
    assert "--baseline needs --dataset" in error_of("--baseline", "colour-histogram")
    assert "no such file" in error_of("--scores", tmp_path / "none.npz")
    assert "no split is called 'mine'" in error_of(
        "--baseline", "colour-histogram", "--dataset", "cuhk01", "--data", campus, "--split", "mine"
    )
    published = ("--baseline", "colour-histogram", "--dataset", "cuhk01", "--data", campus, "--split", "cuhk01-486-01")
    assert "add --partial" in error_of(*published)


def test_a_part_of_a_set_is_tested_under_a_name_that_says_so(campus, tmp_path):
    found = evaluate("--baseline", "colour-histogram", "--dataset", "cuhk01", "--data", campus, "--split",
                     "cuhk01-486-01", "--partial", "--to", tmp_path, "--protocol", "cross-camera")  # fmt: skip
    assert found.exit_code == 0, found.output
    (path,) = tmp_path.glob("*.json")
    assert "cuhk01-486-01-partial" in path.name


def trained_run(campus, folder, split="random-3-1", dataset="cuhk01"):
    arguments = [
        "train",
        dataset,
        "--data",
        campus,
        "--split",
        split,
        "--run",
        folder,
        "--epochs",
        1,
        "--batch-size",
        8,
        "--recipe",
        "published",
    ]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    return folder


def test_two_scorers_on_one_split_are_not_put_together(campus, tmp_path):
    runs = [trained_run(campus, tmp_path / name) for name in "ab"]
    found = evaluate(*runs, "--baseline", "colour-histogram", "--protocol", "cross-camera", "--protocol",
                     "cross-camera", "--repeats", 1, "--batch-size", 8, "--to", tmp_path / "results")  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "2 splits" not in found.output and not list((tmp_path / "results").glob("summary-*"))
    assert "normxcorr, a-trained" in found.output and "normxcorr, b-trained" in found.output
    assert found.output.count("colour histogram: ") == 1  # once, on the split that both are tested on


def test_saved_scores_that_do_not_serve_a_protocol_say_so(campus, tmp_path):
    folder = trained_run(campus, tmp_path / "a")
    save = ("--save-scores", tmp_path / "scores", "--batch-size", 8, "--protocol", "cross-camera", "--repeats", 1)
    assert evaluate(folder, *save).exit_code == 0
    again = ("--scores", tmp_path / "scores" / "a-trained.npz", "--protocol", "market", "--to", tmp_path / "results")
    assert "save all with --all-pairs" in error_of(*again)
    assert evaluate(folder, *save, "--all-pairs").exit_code == 0
    assert evaluate(*again).exit_code == 0
    assert "--split, no effect here" in error_of(*again, "--split", "few").replace("--split:", "--split,")


def test_other_people_under_the_same_numbers_are_noticed(campus, tmp_path):
    def people(folder, names):
        for name in names:
            for camera, identity in (("c1", 1), ("c2", 3)):
                target = folder / name / camera
                target.mkdir(parents=True)
                source = campus / "campus" / f"{1:04d}{identity:03d}.png"
                (target / "1.png").write_bytes(source.read_bytes())
        return folder

    first = people(tmp_path / "first", ["anna", "berta", "carl", "dora"])
    folder = trained_run(first, tmp_path / "run", "random-2-1", "folder")
    more = people(tmp_path / "more", ["aaron", "anna", "berta", "carl", "dora"])
    assert "may be other people's" in error_of(folder, "--data", more)
