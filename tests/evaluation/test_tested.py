"""Who may be tested: a run's own people are known by their names, whatever their numbers."""

import dataclasses

import pytest
from rich.console import Console

from tests.datasets.picture_files import lay_out
from tfnxc.datasets import Split, csv_file, identity_folders, prepare
from tfnxc.datasets.known_people import first_pictures, names_of
from tfnxc.embedding import EmbeddingCard
from tfnxc.errors import InputError
from tfnxc.evaluation import tested as module
from tfnxc.evaluation.tested import refuse_fitted, splits_of_run
from tfnxc.runs import Run, RunSettings

SPLIT = Split("few", "by hand", (0, 1), (2, 3))  # anna and berta train, carl and dora test
WHO = {"state": "trained", "held_back": False, "partial": False, "other_people": False, "data": None, "console": None}


def people_in(folder, *names):
    return identity_folders(lay_out(folder, *(f"{name}/{camera}.png" for name in names for camera in ("c1", "c2"))))


@pytest.fixture
def run(tmp_path):
    people = people_in(tmp_path / "people", "anna", "berta", "carl", "dora")
    return Run.start(tmp_path / "run", RunSettings("folder", "normxcorr"), SPLIT, names=[names_of(people)])


def test_the_same_people_are_tested(run, tmp_path):
    (tested,) = splits_of_run(run, people_in(tmp_path / "copy", "anna", "berta", "carl", "dora"), None, **WHO)
    assert tested.at_home and tested.split == SPLIT


@pytest.mark.parametrize("how", [{}, {"partial": True}])
def test_a_changed_folder_is_refused_with_the_names_that_differ(run, tmp_path, how):
    """Without anna, and with emil, berta would be number 0, and carl, who was tested, number 1."""
    changed = people_in(tmp_path / "changed", "berta", "carl", "dora", "emil")
    with pytest.raises(InputError, match=r"not those of .*run \(missing: anna; new: emil; with other numbers: berta"):
        splits_of_run(run, changed, None, **{**WHO, **how})


def test_so_are_other_people_of_those_held_back(tmp_path):
    people = people_in(tmp_path / "people", *"abcdefg")
    split = Split("few", "by hand", (0, 1, 2, 3, 4), (5, 6))
    settings = RunSettings("folder", "normxcorr", validate=2)
    run = Run.start(tmp_path / "run", settings, split, names=[names_of(people)])
    with pytest.raises(InputError, match="missing: c; new: x"):
        splits_of_run(run, people_in(tmp_path / "changed", *"abdefgx"), None, **{**WHO, "held_back": True})


def run_of(people, folder):
    known = {"names": [names_of(people)], "first_pictures": first_pictures(people)}
    return Run.start(folder, RunSettings("folder", "normxcorr"), SPLIT, **known)


@pytest.mark.parametrize("how", [{}, {"partial": True}])
@pytest.mark.parametrize("unique", [False, True])
def test_people_who_exchanged_their_folders_are_refused(tmp_path, how, unique):
    """The names are the same, and anna, who trained, is in the folder of carl, who tests."""
    folder = tmp_path / "people"
    names = ("anna", "berta", "carl", "dora")
    pictures = (f"{name}/{name * unique}_{camera}.png" for name in names for camera in ("c1", "c2"))
    people = identity_folders(lay_out(folder, *pictures))
    run = run_of(people, tmp_path / "seen")
    for old, new in (("anna", "x"), ("carl", "anna"), ("x", "carl")):
        (folder / old).rename(folder / new)
    with pytest.raises(
        InputError, match=r"not those of .*seen \(another picture, .* that of: anna \(.*png\), carl \(.*"
    ):
        splits_of_run(run, identity_folders(folder), None, **{**WHO, **how})


def test_pictures_that_were_added_renamed_or_moved_are_no_other_people(tmp_path):
    folder = tmp_path / "people"
    people = people_in(folder, "anna", "berta", "carl", "dora")
    run = run_of(people, tmp_path / "seen")
    lay_out(folder, "carl/c0.png", "dora/a_c1.png")
    (folder / "berta" / "c1.png").rename(folder / "berta" / "c5.png")
    folder = folder.rename(tmp_path / "moved")
    (tested,) = splits_of_run(run, identity_folders(folder), None, **WHO)
    assert tested.at_home
    (folder / "anna" / "c1.png").unlink()  # the one that is known
    with pytest.raises(InputError, match=r"another picture, or none, in the place of that of: anna \(c1.png\)"):
        splits_of_run(run, identity_folders(folder), None, **WHO)
    (tested,) = splits_of_run(run, identity_folders(folder), None, **{**WHO, "partial": True})
    assert tested.at_home


def test_prepared_pictures_are_known_by_their_names(tmp_path):
    people = people_in(tmp_path / "people", "anna", "berta", "carl", "dora")
    run = run_of(people, tmp_path / "seen")
    (tested,) = splits_of_run(run, prepare(people, tmp_path / "prepared", (8, 4)), None, **WHO)
    assert tested.at_home


def test_a_run_without_names_says_so(tmp_path, capsys):
    run = Run.start(tmp_path / "run", RunSettings("folder", "normxcorr"), SPLIT)
    people = people_in(tmp_path / "people", "anna", "berta", "carl", "dora")
    said = Console(width=400)
    splits_of_run(run, people, None, **{**WHO, "console": said})
    assert capsys.readouterr().out.count("keeps no names of its people") == 1
    named = Run.start(tmp_path / "named", RunSettings("folder", "normxcorr"), SPLIT, names=[names_of(people)])
    splits_of_run(named, people, None, **{**WHO, "console": said})
    splits_of_run(run, people, None, **{**WHO, "console": said, "other_people": True})
    assert capsys.readouterr().out == ""


def test_a_part_of_the_folder_whose_numbers_are_the_same_is_tested(run, tmp_path):
    part = people_in(tmp_path / "part", "anna", "berta", "carl")
    (tested,) = splits_of_run(run, part, None, **{**WHO, "partial": True})
    assert tested.split.test == (2,)


@pytest.mark.parametrize("test", [(2,), (1, 2)])
def test_who_trained_is_known_by_name_on_any_split(run, tmp_path, test):
    """Here anna is number 2; number 0, who trained there, is aaron."""
    others = people_in(tmp_path / "others", "aaron", "alma", "anna", "zoe")
    with pytest.raises(InputError, match=f"trained on 1 of the {len(test)} test identities of new, such as anna"):
        splits_of_run(run, others, Split("new", "by hand", (3,), test), **WHO)
    (tested,) = splits_of_run(run, others, Split("few", "by hand", (2, 3), (0, 1)), **WHO)
    assert not tested.at_home


def test_so_is_who_trained_in_a_set_of_another_name(run, tmp_path):
    """Whatever own pictures are called: by their names, where both sets have names, and by no numbers of others."""
    mine = dataclasses.replace(people_in(tmp_path / "mine", "anna", "zoe"), name="mine")
    with pytest.raises(InputError, match=r"trained on 1 of the 2 test identities of all, such as anna.*--other-people"):
        splits_of_run(run, mine, None, **WHO)
    assert len(splits_of_run(run, mine, None, **{**WHO, "other_people": True})) == 1
    (tested,) = splits_of_run(run, mine, Split("new", "by hand", (0,), (1,)), **WHO)
    assert tested.split.test == (1,)
    nameless = dataclasses.replace(mine, names=None)
    assert len(splits_of_run(run, nameless, None, **WHO)) == 1


def test_where_everybody_was_trained_on_nobody_is_left_to_test(tmp_path):
    people = people_in(tmp_path / "people", "anna", "berta")
    run = Run.start(
        tmp_path / "run",
        RunSettings("folder", "normxcorr"),
        Split("all", "everybody is fitted on", (0, 1), (2,)),
        names=[names_of(people)],
    )
    with pytest.raises(InputError, match="on everybody in folder, and nobody is left to test"):
        splits_of_run(run, people, None, **WHO)


def test_a_split_of_the_same_numbers_is_not_that_of_the_run(run, tmp_path):
    others = people_in(tmp_path / "others", "p", "q", "r", "s")
    (tested,) = splits_of_run(run, others, SPLIT, **WHO)
    assert not tested.at_home


def test_a_csv_file_lists_the_same_people(run, tmp_path):
    (tmp_path / "people.csv").write_text(
        "path,identity,camera\npeople/carl/c1.png,carl,1\npeople/anna/c1.png,anna,1\npeople/anna/c2.png,anna,2\n"
    )
    with pytest.raises(InputError, match="trained on 1 of the 2 test identities of all, such as anna"):
        splits_of_run(run, csv_file(tmp_path / "people.csv"), None, **WHO)


def test_an_embedding_knows_by_name_on_whom_it_was_fitted(tmp_path):
    fitted = people_in(tmp_path / "fitted", "anna", "berta")
    card = EmbeddingCard("a1", "discriminant", (("folder", (0, 1)),), 4, names=names_of(fitted))
    assert EmbeddingCard.from_dict(card.to_dict()) == card
    others = people_in(tmp_path / "others", "aaron", "abel", "anna")
    refuse_fitted(card, "it", module.Tested(others, Split("new", "by hand", (2,), (0, 1))))
    with pytest.raises(InputError, match="fitted on 1 of the 1 test identities of new, such as anna"):
        refuse_fitted(card, "it", module.Tested(others, Split("new", "by hand", (0,), (2,))))
    nameless = dataclasses.replace(card, names=None)
    assert "names" not in nameless.to_dict()
    with pytest.raises(InputError, match="fitted on 2 of the 2 test identities of new, such as aaron"):
        refuse_fitted(nameless, "it", module.Tested(others, Split("new", "by hand", (2,), (0, 1))))
