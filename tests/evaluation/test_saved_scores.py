import dataclasses

import numpy as np
import pytest

from tfnxc.errors import InputError
from tfnxc.evaluation import EvaluationPlan, SavedScores, Summary, cmc

IDENTITIES, CAMERAS = np.repeat(np.arange(5), 4), np.tile([0, 0, 1, 1], 5)


def saved(scores, probes=None):
    names = [f"{index}.png" for index in range(20)]
    return SavedScores(scores, IDENTITIES, CAMERAS, probes, names, {"label": "mine", "dataset": "cuhk01"})


@pytest.mark.parametrize("probes", [None, CAMERAS == 1])
def test_a_round_trip_measures_the_same_under_any_protocol(tmp_path, rng, probes):
    scores = rng.random((20, 20)).astype(np.float32)
    saved(scores, probes).save(tmp_path / "scores.npz")
    loaded = SavedScores.load(tmp_path / "scores.npz")
    assert loaded.about == {"format": 1, "label": "mine", "dataset": "cuhk01"} and loaded.names[3] == "3.png"
    for protocol in ("cross-camera", "market", "cuhk03-classic"):
        plan = EvaluationPlan(protocol, loaded.identities, loaded.cameras, fixed_probes=loaded.probes)
        expected = EvaluationPlan(protocol, IDENTITIES, CAMERAS, fixed_probes=probes).measure(scores)
        np.testing.assert_array_equal(plan.measure(loaded.scores).curves, expected.curves)


def test_what_is_no_such_file_is_one_clear_error(tmp_path, rng):
    path = tmp_path / "scores.npz"
    with pytest.raises(InputError, match=r"scores\.npz: no such file"):
        SavedScores.load(path)
    path.write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(InputError, match="not a file of scores that tfnxc evaluate"):
        SavedScores.load(path)
    np.savez(path, scores=np.zeros((2, 2)))
    with pytest.raises(InputError, match="not a file of scores"):
        SavedScores.load(path)
    np.savez(path, scores=np.array([object()]), allow_pickle=True)
    with pytest.raises(InputError, match="not a file of scores"):
        SavedScores.load(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="not a file of scores"):
        SavedScores.load(path)
    for wrong in ({"identities": np.array(["anna"] * 20)}, {"about": ["mine"]}, {"probes": np.zeros(20)}):
        dataclasses.replace(saved(rng.random((20, 20))), **{k: v for k, v in wrong.items() if k != "about"}).save(path)
        if "about" in wrong:
            with np.load(path) as file:
                np.savez(path, **{**file, "about": np.array('["mine"]')})
        with pytest.raises(InputError, match="not a file of scores"):
            SavedScores.load(path)
    saved(rng.random((20, 20))).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a file of scores"):
        SavedScores.load(path)
    saved(rng.random((19, 20))).save(path)
    with pytest.raises(InputError, match=r"scores of shape \(19, 20\) do not fit 20 identities"):
        SavedScores.load(path)
    with pytest.raises(InputError, match=r"saved as \.npz"):
        saved(rng.random((20, 20))).save(tmp_path / "scores.csv")


def test_a_summary_is_over_splits_or_over_the_draws_of_one():
    ids = [1, 2, 3, 4]
    perfect = cmc(np.eye(4), ids, ids, repeats=1)
    half = cmc(np.diag([1.0, 1.0, -1.0, -1.0]), ids, ids, repeats=1)
    summary = Summary.of([perfect, half])
    # 1 and 0.5: mean 0.75, deviation 0.5 / sqrt 2, half interval 12.706 * deviation / sqrt 2.
    rank1 = summary.rank(1)
    assert summary.over == "splits" and (rank1.mean, rank1.count) == (0.75, 2)
    assert rank1.deviation == pytest.approx(0.125**0.5) and rank1.interval == pytest.approx(12.706 / 4)
    assert summary.to_dict()["ranks"]["1"]["mean"] == 75
    alone = Summary.of([cmc(np.eye(4), ids, ids, repeats=3)])
    assert alone.over == "draws" and alone.rank(1).count == 3
    with pytest.raises(ValueError, match="a summary is of results of one protocol"):
        Summary.of([perfect, cmc(np.eye(4), ids, ids, protocol="market")])
