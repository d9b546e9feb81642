"""What the claims' experiment says of numbers made by hand, and its steps on a model as small as can be."""

import json

import pytest

from experiments import claims
from tests.experiments.report import cells_of, report
from tests.training.small_training import GROUPED, tiny
from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.files import write_json
from tfnxc.training import RECIPES, Run, RunSettings

PLAIN = {"occlusion": 0.5, "light": 0.5, "viewpoint": 0.5, "background": 0.5, "pose": 0.5}


def measured_of(at_0, at_2):
    """Rank 1 by challenge and difficulty, the same for each challenge."""
    return {challenge: {0.0: at_0, 2.0: at_2} for challenge in ("occlusion", "light", "viewpoint")}


def test_verdicts():
    ahmed, fused, normxcorr = (50.0, 51.0, 52.0), (54.0, 56.0, 58.0), (49.0, 51.0, 53.0)
    measured = {("ahmed", seed): measured_of(80.0, value) for seed, value in enumerate(ahmed)}
    measured |= {("fused", seed): measured_of(95.0, value) for seed, value in enumerate(fused)}
    measured |= {("normxcorr", seed): measured_of(80.0, value) for seed, value in enumerate(normxcorr)}
    found = {(each["challenge"], each["model"], each["measure"]): each for each in claims.verdicts_of(measured)}
    assert len(found) == 3 * 2 * 2
    # 4, 5 and 6 above at 2: 5 ± 4.303 / sqrt(3). But from 15 above at 0, so that more is lost: 11, 10 and 9.
    rank = found["occlusion", "fused", "rank 1 at 2"]
    assert rank["verdict"] == "holds" and rank["difference"]["values"] == [4.0, 5.0, 6.0]
    assert rank["difference"]["interval95"] == pytest.approx(4.303 / 3**0.5)
    loss = found["occlusion", "fused", "loss from 0 to 2"]
    assert loss["verdict"] == "the contrary holds" and loss["difference"]["values"] == [11.0, 10.0, 9.0]
    rank = found["light", "normxcorr", "rank 1 at 2"]
    assert rank["verdict"] == "not shown" and rank["difference"]["values"] == [-1.0, 0.0, 1.0]
    assert found["light", "normxcorr", "loss from 0 to 2"]["verdict"] == "not shown"


def test_a_difference_within_its_interval_is_not_shown_and_a_smaller_loss_holds():
    measured = {("ahmed", seed): measured_of(80.0, 50.0) for seed in range(3)}
    measured |= {("fused", seed): measured_of(70.0, 50.0 + seed) for seed in range(3)}  # 0, 1 and 2 above: 1 ± 2.48
    found = {(each["challenge"], each["measure"]): each["verdict"] for each in claims.verdicts_of(measured)}
    assert found["light", "rank 1 at 2"] == "not shown" and found["light", "loss from 0 to 2"] == "holds"


def test_pairs_are_of_seeds_that_both_have_and_one_is_not_enough():
    measured = {("ahmed", 0): measured_of(80.0, 50.0), ("fused", 0): measured_of(80.0, 70.0)}
    measured |= {("fused", 1): measured_of(80.0, 70.0), ("normxcorr", 1): measured_of(80.0, 70.0)}
    found = claims.verdicts_of(measured)
    assert {(each["model"], tuple(each["seeds"]), each["verdict"]) for each in found} == {("fused", (0,), "not shown")}


def test_the_steps():
    words = ["--seeds", "2", "--epochs", "4", "--identities", "30", "--draws", "3", "--to", "to"]
    steps = claims.EXPERIMENT.steps(claims.EXPERIMENT.parse(words))
    order = [f"{what} {seed} {model}" for seed in (0, 1) for model in claims.TITLES for what in ("train", "measure")]
    assert [step.name for step in steps] == order and set(claims.TITLES) == set(models.BUILDERS)
    assert {step.arguments[:2] for step in steps} == {("-m", claims.__name__)}
    trained, measured = (claims.arguments(step.arguments[2:]) for step in steps[-2:])
    about = {"model": "fused", "seed": 1, "identities": 30, "test_identities": 100, "epochs": 4}
    assert trained == {"command": "train", "folder": str(steps[-1].folder), **about}
    assert measured == {"command": "measure", "folder": trained["folder"], "draws": 3}
    assert steps[-1].after == ("train 1 fused",)


@pytest.fixture
def make_measured(tmp_path, monkeypatch):
    """Makes a run with figures of the difficulties as they are given: rank 1 at 0, where all others are, and at 2."""

    def begin(folder, data, recipe, start):
        Run.start(folder, RunSettings("synthetic", start.model, recipe, seed=start.seed), data.chosen_split)

    monkeypatch.setattr(claims, "train_run", begin)

    def make(model, seed, figures, draws=2, epochs=3, old=False):
        folder = tmp_path / f"seed{seed}-{model}"
        claims.train(folder, model, seed, identities=4, test_identities=3, epochs=epochs)
        run = Run.open(folder)
        run.note_progress(epochs, 100)
        points = [PLAIN, *({**PLAIN, name: value} for name in claims.FIGURES for value in (0.0, 2.0))]
        by_value = dict(zip((0.0, 0.5, 2.0), figures, strict=True))
        results = []
        for point in points:
            value = next((point[name] for name in claims.FIGURES if point[name] != 0.5), 0.5)
            counts = {"protocol": "cross-camera", "ties": "pessimistic", "repeats": draws, "probes": 6, "gallery": 3}
            ranks = {"ranks": {"1": {"mean": by_value[value]}}}
            results.append({"dials" if old else "difficulties": point, **ranks, **counts})
        settings = run.settings.to_dict()
        settings |= {"passes": settings.pop("epochs"), "people": settings.pop("identities_per_group")} if old else {}
        about = {"settings": settings, "split": run.split.to_dict(), "passes_done" if old else "epochs_done": epochs}
        write_json(folder / ("results/dials.json" if old else "difficulty.json"), {**about, "results": results})

    return make


def test_the_tables_and_the_verdicts(make_measured, tmp_path):
    for seed in range(3):
        make_measured("ahmed", seed, (90.0, 80.0, 50.0 + seed), old=seed == 1)  # version 0.1 wrote other names
        make_measured("fused", seed, (90.0, 80.0, 60.0 + 2 * seed))
    results, text = report(claims, tmp_path)
    assert "| occlusion | 0 | 0.5 | 2 | seeds |" in text
    assert text.count("| Fused | 90.00 ± 0.00 | 80.00 ± 0.00 | 62.00 ± 2.00 | 3 |") == 3
    assert text.count("| Ahmed et al. | 90.00 ± 0.00 | 80.00 ± 0.00 | 51.00 ± 1.00 | 3 |") == 3
    assert cells_of(text, "light (figure 3)", "Fused", "rank 1 at 2") == ["+11.00 ± 2.48", "holds", "3"]
    assert cells_of(text, "viewpoint (figure 4)", "Fused", "loss from 0 to 2") == ["-11.00 ± 2.48", "holds", "3"]
    assert "Rank 1 in per cent of 3 drawn people" in text and "NormXcorr" not in text
    assert {each["verdict"] for each in results["verdicts"]} == {"holds"} and len(results["verdicts"]) == 6
    assert results["measured"]["repeats"] == 2 and len(results["rows"]) == 3 * 2 * 3
    assert [each["run"] for each in results["trainings"][:2]] == ["seed0-ahmed", "seed0-fused"]


@pytest.mark.parametrize("other", [{"draws": 3}, {"epochs": 4}])
def test_what_does_not_compare_is_refused(make_measured, tmp_path, other):
    make_measured("ahmed", 0, (90.0, 80.0, 50.0))
    make_measured("fused", 0, (90.0, 80.0, 60.0), **other)
    with pytest.raises(InputError, match="do not compare"):
        report(claims, tmp_path)


def test_a_report_of_nothing_says_so(tmp_path):
    report(claims, tmp_path)
    assert (tmp_path / "results.md").read_text() == "No results with these options yet.\n"


def test_a_model_against_the_difficulties(monkeypatch, tmp_path, capsys):
    """The programs of the steps, for real: trained, resumed, refused, measured."""
    monkeypatch.setitem(models.BUILDERS, "tiny", tiny)
    monkeypatch.setitem(RECIPES, "grouped", GROUPED)
    monkeypatch.setattr(claims, "DIFFICULTIES", (0.5, 2.0))
    for _ in range(2):
        claims.train(tmp_path / "run", "tiny", seed=1, identities=6, test_identities=5, epochs=2)
    run = Run.open(tmp_path / "run")
    assert run.epochs_done == 2 and run.pictures["pictures"] == 6 * 4
    with pytest.raises(InputError, match="other settings"):
        claims.train(tmp_path / "run", "tiny", seed=1, identities=6, test_identities=5, epochs=3)
    claims.measure(tmp_path / "run", draws=1)
    first = json.loads((run.folder / "difficulty.json").read_text())
    assert [each["difficulties"] for each in first["results"][:2]] == [PLAIN, {**PLAIN, "occlusion": 2.0}]
    assert len(first["results"]) == 1 + 3  # where all difficulties are the same, the challenges share a point
    assert {each["probes"] for each in first["results"]} == {10}
    (scored,) = (run.folder / "scores").rglob("*.scores")
    assert scored.stat().st_size > 4 * 4 * 10 * 5  # of four sets of pictures
    assert "viewpoint 2, the others 0.5: rank 1 " in capsys.readouterr().out
    # Measured again, nothing is scored again.
    monkeypatch.setattr("tfnxc.scoring.model_scores.PairScorer", None)
    claims.measure(tmp_path / "run", draws=1)
    again = json.loads((run.folder / "difficulty.json").read_text())["results"]
    assert again == first["results"]  # with the speed of when they were scored
