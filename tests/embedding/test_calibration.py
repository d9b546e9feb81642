"""The calibration of a scorer: its fit by hand and on other people; its file, whole, damaged or of something else."""

import dataclasses
import json

import numpy as np
import pytest

from tests.embedding.small_embedding import small_embedding
from tfnxc.embedding import CALIBRATED, Calibration, Combination, ScorerCalibration, calibrated_digest
from tfnxc.embedding.calibration import FALSE_MATCHES, _by_others
from tfnxc.embedding.logistic import fit_logistic
from tfnxc.errors import InputError
from tfnxc.metrics import ScoredPairs


def drawn_pairs(people=20, seed=0):
    """Pairs whose log-odds of a match, at even odds, are twice the score less one."""
    rng = np.random.default_rng(seed)
    rows, columns = (each.ravel() for each in np.indices((2 * people, 2 * people)))
    apart = rows != columns
    who = rows[apart] // 2, columns[apart] // 2
    # Of two normal distributions with one deviation, 1, and the means 1.5 and -0.5 the log-odds are 2 x - 1.
    return ScoredPairs(rng.normal(np.where(who[0] == who[1], 1.5, -0.5)), *who)


@pytest.fixture(scope="module")
def embedding():
    rng = np.random.default_rng(0)
    return small_embedding(rng.random((12, 6, 4, 5), np.float32), np.repeat(np.arange(3), 4))


@pytest.fixture(scope="module")
def calibration(embedding):
    fitted = ScorerCalibration.fit("both", drawn_pairs(), np.full(1560, 0.4))
    head = ScorerCalibration.fit("head", drawn_pairs()._replace(scores=np.linspace(0, 1, 1560)), None)
    known = {"pictures": 40, "probes": 40, "matches": 40, "strangers": 1520, "combined": 3}
    people = (("synthetic", tuple(range(20))),)
    scorers = {"head": head, "embedding": fitted, "both": fitted}
    return Calibration(calibrated_digest(embedding), people, scorers=scorers, names={3: "ann"}, **known)


def test_the_fit_finds_the_log_odds_that_drew_the_scores():
    pairs = drawn_pairs(people=300)
    slope, intercept = fit_logistic(pairs.scores, pairs.matches)
    assert (slope, intercept) == pytest.approx((2, -1), abs=0.15)


def test_each_pair_is_judged_by_a_fit_on_people_who_are_not_on_it():
    pairs = drawn_pairs(people=9)
    predicted, tested = _by_others(pairs.scores, pairs, seed=3)
    order = np.random.default_rng([3, 3]).permutation(9)
    folds = [set(order[start::4].tolist()) for start in range(4)]  # of nine people, so that none is alone
    assert tested[pairs.matches].all() and not tested.all()
    for at in range(0, len(tested), 7):
        one, other = int(pairs.probes[at]), int(pairs.gallery[at])
        (fold,) = [each for each in folds if one in each]
        assert tested[at] == (other in fold)
        if tested[at]:
            others = [not {a, b} & fold for a, b in zip(pairs.probes.tolist(), pairs.gallery.tolist(), strict=True)]
            slope, intercept = fit_logistic(pairs.scores[others], pairs.matches[others])
            assert predicted[at] == pytest.approx(1 / (1 + np.exp(-slope * pairs.scores[at] - intercept)))
        else:
            assert np.isnan(predicted[at])


def test_probabilities_that_were_wrong_are_better_after():
    fitted = ScorerCalibration.fit("both", drawn_pairs(people=60), np.full(120 * 119, 0.9))
    assert fitted.before.brier == pytest.approx((0.1**2 + 0.9**2) / 2)
    assert fitted.after.brier < 0.15 and fitted.after.log_loss < 0.45
    for each in fitted.after.bins:
        if each.matches > 20:
            assert each.observed == pytest.approx(each.predicted, abs=0.15)


def test_thresholds_that_nobody_asked_for_are_left_out_where_the_pairs_are_too_few(calibration):
    asked = [each.false_matches for each in calibration.scorers["both"].thresholds]
    assert asked == [each for each in FALSE_MATCHES if each >= calibration.smallest] == [10, 30, 100]
    with pytest.raises(InputError, match=r"^5 false matches per 1,000 .*: the smallest number here is 6\.6\.$"):
        ScorerCalibration.fit("both", drawn_pairs(), None, [50, 5])
    fitted = ScorerCalibration.fit("both", drawn_pairs(), None, [50, 20, 50])
    assert [each.false_matches for each in fitted.thresholds] == [20, 50] and fitted.before is None


def test_a_threshold_that_is_not_there_is_told_with_those_that_are(calibration):
    assert calibration.threshold("both", 30).false_matches == 30
    message = r"^no threshold for 1 false matches .* scorer both; there is one for 10, 30, 100\. The 1520 .* 6\.6 or"
    with pytest.raises(InputError, match=message):
        calibration.threshold("both", 1)
    with pytest.raises(InputError, match="scorer must be one of head, embedding, both; got 'csls'"):
        calibration.threshold("csls", 30)


def test_probabilities_are_of_the_log_odds_of_the_head_and_of_the_scores_of_others(calibration):
    both, head = calibration.scorers["both"], calibration.scorers["head"]
    found = calibration.probabilities("both", [[0.0, 2.0]])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-both.slope * np.array([[0, 2]]) - both.intercept)), rtol=1e-5)
    expected = 1 / (1 + np.exp(-head.slope * np.log(3) - head.intercept))
    np.testing.assert_allclose(calibration.probabilities("head", 0.75), expected, rtol=1e-5)
    assert np.isfinite(calibration.probabilities("head", [0.0, 1.0])).all()


def test_the_file_holds_what_was_saved(tmp_path, calibration, embedding):
    path = calibration.save(tmp_path)
    assert path.name == "calibration.json" and [each.name for each in tmp_path.iterdir()] == [path.name]
    assert Calibration.load(tmp_path, embedding) == calibration
    assert calibration.save(tmp_path, "best").name == "calibration-best.json"
    nameless = dataclasses.replace(calibration, names=None)
    nameless.save(tmp_path)
    assert Calibration.load(tmp_path, embedding) == nameless and "names" not in json.loads(path.read_text())["content"]


def refused(folder, embedding, message):
    with pytest.raises(InputError, match=message) as raised:
        Calibration.load(folder, embedding)
    assert "\n" not in str(raised.value) and "tfnxc calibrate RUN" in str(raised.value)


def test_a_file_that_is_missing_damaged_or_of_another_version_is_told_in_a_line(tmp_path, calibration, embedding):
    refused(tmp_path, embedding, "no thresholds here")
    path = calibration.save(tmp_path)
    text = path.read_text()
    data = json.loads(text)
    score = json.dumps(data["content"]["scorers"]["both"]["thresholds"][0]["score"])
    cut = {name: data["content"][name] for name in list(data["content"])[:4]}
    broken = [
        text[: len(text) // 2],
        "",
        "[]",
        "null",
        "[" * 100_000,
        text.replace(score, "0.1", 1),  # a number that somebody changed
        json.dumps({**data, "format": "other"}),
        json.dumps({**data, "content": cut}),
        json.dumps({name: each for name, each in data.items() if name != "sha256"}),
    ]
    for each in broken:
        path.write_text(each)
        refused(tmp_path, embedding, r"calibration\.json: damaged\.")
    path.write_bytes(b"\xff\xfe\x00")
    refused(tmp_path, embedding, "damaged")
    path.write_text(json.dumps({**data, "version": 2}))
    refused(tmp_path, embedding, "of another version of tfnxc")


@pytest.mark.parametrize("change", ["nan", "order", "twice", "scorer", "people", "bins"])
def test_values_that_tfnxc_does_not_write_are_damage_too(tmp_path, calibration, embedding, change):
    both = calibration.scorers["both"]
    first, second, *more = both.thresholds
    changed = {
        "nan": dataclasses.replace(both, slope=float("nan")),
        "order": dataclasses.replace(both, thresholds=(dataclasses.replace(first, score=-9.0), second, *more)),
        "twice": dataclasses.replace(both, thresholds=(first, first)),
        "bins": dataclasses.replace(both, after=dataclasses.replace(both.after, brier=float("inf"))),
    }
    found = calibration
    if change in changed:
        found = dataclasses.replace(calibration, scorers={**calibration.scorers, "both": changed[change]})
    if change == "scorer":
        found = dataclasses.replace(calibration, scorers={"both": both})
    if change == "people":
        found = dataclasses.replace(calibration, people=(("synthetic", ("ann",)),))
    found.save(tmp_path)
    refused(tmp_path, embedding, "damaged")


def test_thresholds_of_other_weights_or_of_another_combination_are_refused(tmp_path, calibration, embedding):
    calibration.save(tmp_path)
    rng = np.random.default_rng(1)
    other = small_embedding(rng.random((12, 6, 4, 5), np.float32), np.repeat(np.arange(3), 4))
    refused(tmp_path, other, "of another model or embedding than those beside it")
    card = dataclasses.replace(embedding.card, combination=Combination(log_odds=9.0, cosine=1.0))
    refused(tmp_path, dataclasses.replace(embedding, card=card), "of another model or embedding")
    card = dataclasses.replace(embedding.card, model_digest="ffffff")
    refused(tmp_path, dataclasses.replace(embedding, card=card), "of another model or embedding")


def test_every_scorer_of_a_search_is_calibrated():
    from tfnxc.search._scoring import SCORERS

    assert set(CALIBRATED) == set(SCORERS)
