import unicodedata

import numpy as np
import pytest

from tfnxc.datasets import ImageSet, synthetic
from tfnxc.errors import InputError
from tfnxc.evaluation.probes import (
    PROBE_KINDS,
    ProbeChoice,
    choose_by_difficulty,
    choose_by_ranks,
    picture_index,
)

MODELS = ["ahmed", "normxcorr", "fused"]
RANKS = [
    [1, 3, 2, 30, 1, 5],
    [1, 2, 1, 40, 1, 9],
    [1, 1, 1, 21, 1, 20],
]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("all-right", [0, 4]), ("only-fused", [1]), ("false-match", [1, 3, 5]), ("all-fail", [3]), ("random", range(6))],
)
def test_kinds_are_what_their_names_say(kind, expected):
    assert choose_by_ranks(kind, RANKS, MODELS, count=9).tolist() == list(expected)


def test_of_many_so_many_are_taken_by_seed():
    ranks = np.ones((1, 50), int)
    drawn = [choose_by_ranks("all-right", ranks, ["fused"], 4, seed).tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and all(len(each) == 4 and each == sorted(each) for each in drawn)


def test_fewer_pictures_shown_make_more_fail():
    assert choose_by_ranks("all-fail", RANKS, MODELS, count=9, shown=4).tolist() == [3, 5]


def test_none_of_a_kind_says_what_to_do():
    with pytest.raises(InputError, match=r"none of the 2 probes is of the kind all-fail .* --among"):
        choose_by_ranks("all-fail", [[1, 2]], ["fused"], 1)
    with pytest.raises(InputError, match="about the model fused: name a run of it"):
        choose_by_ranks("only-fused", [[1, 2]], ["normxcorr"], 1)
    with pytest.raises(InputError, match="none of the 2 probes is of the kind occlusion"):
        choose_by_difficulty("occlusion", [0, 0], 2)
    with pytest.raises(ValueError, match="kind must be"):
        choose_by_ranks("nice", RANKS, MODELS, 1)


def test_the_hardest_come_first_and_easy_ones_never():
    assert choose_by_difficulty("light", [0.1, 0.5, 0, 0.3], count=9).tolist() == [1, 3, 0]
    ties = [choose_by_difficulty("occlusion", np.ones(30), 3, seed).tolist() for seed in (0, 0, 1)]
    assert ties[0] == ties[1] != ties[2]


def test_a_picture_is_found_by_position():
    people = synthetic(identities=2)
    for position in (3, np.int64(3), "3"):
        assert picture_index(people, position) == 3
    for wrong in (-1, 8, np.int64(8)):
        with pytest.raises(InputError, match=f"picture {wrong}: .*has pictures 0 to 7"):
            picture_index(people, wrong)


def test_the_command_knows_these_kinds():
    from tfnxc.cli.plot.probes import ranking

    (kind,) = [option for option in ranking.params if option.name == "kind"]
    assert tuple(kind.type.choices) == PROBE_KINDS
    with pytest.raises(ValueError, match=r"kind must be one of random, all-right.*got 'nice'"):
        ProbeChoice("nice")


def test_a_picture_is_found_in_either_unicode_form():
    composed, parted = (unicodedata.normalize(form, "zoé/é.png") for form in ("NFC", "NFD"))
    for path, wanted in ((composed, parted), (parted, composed), (parted, composed.rpartition("/")[2])):
        people = ImageSet("few", ["a.png", path], np.array([1, 2]), np.array([0, 0]), read=None)
        assert picture_index(people, wanted) == 1
    both = ImageSet("few", [composed, parted], np.array([1, 2]), np.array([0, 0]), read=None)
    assert [picture_index(both, each) for each in (composed, parted)] == [0, 1]
