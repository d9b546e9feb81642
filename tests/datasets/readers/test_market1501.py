import re

import pytest

from tests.datasets.picture_files import MARKET1501, lay_out
from tfnxc.datasets import market1501, market1501_split
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK


@pytest.mark.parametrize("inside", ["", "Market-1501-v15.09.15"])
def test_folders_are_parts_and_names_give_identity_and_camera(tmp_path, inside):
    folder = lay_out(tmp_path / inside, *MARKET1501)
    (folder / "query" / "Thumbs.db").write_text("x")
    people = market1501(tmp_path)
    assert people.name == "market1501"
    assert people.identities.tolist() == [2, 2, 7, 1, 3, JUNK, DISTRACTOR, 1, 3]
    assert people.cameras.tolist() == [0, 5, 2, 0, 3, 0, 0, 1, 0]
    assert people.probes.tolist() == [False] * 3 + [True] * 2 + [False] * 4
    assert people.paths == [str(folder / name) for name in MARKET1501]
    assert people.read(8)[0, 0, 0] == 8


def test_longer_numbers_and_other_extensions_are_read_and_what_does_not_fit_is_named(tmp_path):
    larger = ("bounding_box_train/12345_c10s1_000451_03.png", "bounding_box_train/00002_c6s12_000776_01.jpeg")
    odd = ("bounding_box_train/0002_c0s1_000451_03.jpg", "query/0003_c4_015641_00.jpg")
    people = market1501(lay_out(tmp_path, *MARKET1501[2:], *larger, *odd))
    assert people.identities[:3].tolist() == [2, 7, 12345] and people.cameras[:3].tolist() == [5, 2, 9]
    assert people.unread == [str(tmp_path / each) for each in odd]


def test_the_split_is_that_of_the_folders(tmp_path):
    people = market1501(lay_out(tmp_path, *MARKET1501))
    split = market1501_split(people)
    assert (split.name, split.train, split.test) == ("market1501", (2, 7), (1, 3))
    assert split.training_part(people).identities.tolist() == [2, 2, 7]
    assert split.test_part(people).identities.tolist() == [1, 3, JUNK, DISTRACTOR, 1, 3]
    assert split.test_part(people).probes.tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "query/-1_c1s1_000401_03.jpg",
            "query/-1_c1s1_000401_03.jpg: junk and distractors belong in bounding_box_test",
        ),
        ("bounding_box_train/0000_c1s1_000401_03.jpg", "junk and distractors belong in bounding_box_test"),
        ("bounding_box_train/0003_c1s1_000401_03.jpg", "1 identities are in bounding_box_train and in a test folder"),
        ("bounding_box_test/0002_c1s1_000401_03.jpg", "the first is 2: not the folders of Market-1501 as published"),
        ("bounding_box_test/0008_c1s1_000401_03.jpg", "1 identities of bounding_box_test have no picture in query"),
    ],
)
def test_an_identity_in_a_folder_that_cannot_have_it_is_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=re.escape(message)):
        market1501(lay_out(tmp_path, *MARKET1501, name))


def test_missing_and_empty_folders_are_one_clear_error(tmp_path):
    lay_out(tmp_path, *MARKET1501[:3])
    with pytest.raises(
        InputError, match="no folder query and no folder bounding_box_test here; expected the folder of"
    ):
        market1501(tmp_path)
    for part in ("query", "bounding_box_test"):
        (tmp_path / part).mkdir()
    with pytest.raises(InputError, match=r"query: no picture of Market-1501 here; expected files named PPPP_cCsS"):
        market1501(tmp_path)
