import dataclasses

import numpy as np
import pytest

from tests.datasets.picture_files import lay_out
from tfnxc.datasets import ImageSet, csv_file, identity_folders, prepare, synthetic
from tfnxc.datasets.known_people import difference, names_of, numbers_in


def nameless(*paths):
    """A set whose numbers somebody gave to the folders of its pictures."""
    folders = [path.split("/")[1] for path in paths]
    numbers = np.unique(folders, return_inverse=True)[1]
    return ImageSet("mine", paths, numbers, np.zeros(len(paths), int), read=None)


def test_own_people_are_known_by_name_and_published_ones_by_number(tmp_path):
    folder = lay_out(tmp_path / "people", "anna/1.png", "berta/1.png")
    people = identity_folders(folder)
    (tmp_path / "people.csv").write_text("path,identity,camera\npeople/anna/1.png,berta,0\n")
    assert names_of(people) == {0: "anna", 1: "berta"} and names_of(synthetic(identities=2)) is None
    assert names_of(prepare(people, tmp_path / "prepared")) == names_of(people)
    assert numbers_in(csv_file(tmp_path / "people.csv"), [0, 1], names_of(people)) == [0]


def test_a_prepared_set_of_other_names_is_another(tmp_path):
    people = identity_folders(lay_out(tmp_path / "people", "anna/1.png", "berta/1.png"))
    prepare(people, tmp_path / "prepared")
    with pytest.raises(ValueError, match="holds 2 prepared pictures of folder"):
        prepare(dataclasses.replace(people, names={0: "anna", 1: "carl"}), tmp_path / "prepared")


def test_people_without_names_are_known_by_a_picture():
    people = nameless("a/anna/1.png", "a/anna/2.png", "a/carl/1.png")
    assert names_of(people) == {0: "the picture a/anna/1.png", 1: "the picture a/carl/1.png"}
    assert difference(names_of(people), nameless("a/anna/0.png", "a/anna/1.png", "a/carl/1.png")) == ""
    others = nameless("a/berta/1.png", "a/carl/1.png")
    assert difference(names_of(people), others).startswith("missing: the picture a/anna/1.png; new: the picture a/be")
    assert numbers_in(others, [0, 1], names_of(people)) == [1]


@pytest.mark.parametrize(
    ("people", "partial", "expected"),
    [
        ({0: "anna", 1: "carl"}, False, ""),
        ({0: "anna", 1: "dora"}, False, "missing: carl; new: dora"),
        ({0: "anna"}, False, "missing: carl"),
        ({0: "anna"}, True, ""),
        ({0: "carl", 1: "dora"}, True, "missing: anna; new: dora; with other numbers: carl"),
        ({0: "anna", 1: "berta", 2: "carl"}, False, "new: berta; with other numbers: carl"),
    ],
)
def test_a_difference_is_told_by_names(people, partial, expected):
    assert difference({0: "anna", 1: "carl"}, people, partial) == expected


def test_numerals_are_the_same_however_they_are_written():
    assert difference({7: "0007"}, {7: "7.0"}) == ""
