"""`rank_probes` as a library call; tests/cli/test_plot.py tests what it finds."""

import keras
import numpy as np
import pytest

from tfnxc import models
from tfnxc.datasets import Split, synthetic
from tfnxc.errors import InputError
from tfnxc.evaluation import ProbeChoice, find_correlation, rank_probes
from tfnxc.runs import Run, RunSettings

TESTED = (3, 50, 111, 200)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two untrained runs of one model on one split, one of another model, one on another split."""
    folder = tmp_path_factory.mktemp("runs")
    for name, model, tested in (
        ("first", "normxcorr", TESTED),
        ("second", "normxcorr", TESTED),
        ("ahmed", "ahmed", TESTED),
        ("others", "normxcorr", TESTED[:3]),
    ):
        keras.utils.set_random_seed(0)
        run = Run.start(folder / name, RunSettings("synthetic", model), Split("few-1", "by hand", (7, 8), tested))
        models.BUILDERS[model](filters=(3, 4), units=4).save(run.model_path())
        run.note_progress(100, pairs_per_epoch=1)
    return folder


def test_labels_are_those_of_the_paper_and_tell_runs_apart(runs):
    subjects = [runs / "first", runs / "second", runs / "ahmed", "colour-histogram"]
    found = rank_probes(subjects, choice=ProbeChoice(count=1))
    assert list(found.ranked) == ["NormXcorr, first-trained", "NormXcorr, second-trained", "Ahmed et al.",
                                  "colour histogram"]  # fmt: skip
    assert list(found.models) == list(found.ranked)[:3]


def test_rankings_of_other_people_are_not_put_together(runs):
    with pytest.raises(InputError, match="others-trained is tested on other people"):
        rank_probes([runs / "first", runs / "others"])


def test_maps_and_correlations_are_of_the_probe_and_its_match(runs):
    found = rank_probes([runs / "first", runs / "ahmed"], choice=ProbeChoice(probes=[0, "0050_a_01.png"]), top=2)
    assert list(found.titles) == [0, 5] and found.titles[5] == "Probe 5, 0050_a_01.png"
    assert [len(ranking.pictures) for probe in found.probes() for ranking in probe.rankings] == [2] * 4
    for probe, maps, correlations in zip(found.titles, found.maps(), found.correlations(), strict=True):
        assert list(maps) == ["NormXcorr", "Ahmed et al."] and list(correlations) == ["NormXcorr"]
        match = found.ranked["NormXcorr"][probe].match
        assert found.people.identities[match] == found.people.identities[probe] and match != probe
        first, second, correlation = correlations["NormXcorr"]
        np.testing.assert_array_equal([first, second], [found.picture(probe), found.picture(match)])
        expected = find_correlation(runs / "first", probe, match)[2]
        np.testing.assert_array_equal(correlation.values, expected.values)
        for rows in maps.values():
            np.testing.assert_array_equal(rows[0].picture, first)


def test_people_who_were_trained_on_are_refused(runs):
    people = synthetic(300)
    with pytest.raises(InputError, match="was trained on 2 of the 3 test identities"):
        rank_probes(runs / "first", people, split=Split("seen", "by hand", (1,), (7, 8, 9)))
    with pytest.raises(InputError, match="was trained on 1 of the 2 test identities"):
        find_correlation(runs / "first", 0, "match", people, split=Split("seen", "by hand", (1,), (7, 9)))
    with pytest.raises(ValueError, match="at least one subject"):
        rank_probes([])
