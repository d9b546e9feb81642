import re
import unicodedata

import pytest

from tests.datasets.picture_files import lay_out
from tfnxc.datasets import identity_folders
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK


def test_numerals_are_the_identities_and_names_without_a_camera_are_camera_0(tmp_path):
    folder = lay_out(tmp_path, "0007/b.jpg", "0007/a.png", "12/pic12.JPEG", "12/Thumbs.bmp")
    for other in ("0007/notes.txt", "readme.md"):
        (folder / other).write_text("x")
    lay_out(folder, ".trash/c.png", "empty/.hidden.png", "loose.png")
    people = identity_folders(folder)
    assert people.name == "folder" and people.probes is None
    assert people.identities.tolist() == [7, 7, 12, 12] and people.cameras.tolist() == [0] * 4
    assert people.paths[0] == str(folder / "0007" / "a.png") and people.read(0)[0, 0, 0] == 1


def test_names_are_numbered_in_their_order_and_nobody_is_somebody(tmp_path):
    people = identity_folders(lay_out(tmp_path, "zoe/1.png", "anna/1.png", "7/1.png", "Junk/1.png", "distractor/1.png"))
    assert dict(zip(people.paths, people.identities.tolist(), strict=True)) == {
        str(tmp_path / name / "1.png"): number
        for name, number in {"7": 0, "anna": 1, "zoe": 2, "Junk": JUNK, "distractor": DISTRACTOR}.items()
    }


def test_folders_in_an_identity_are_its_cameras(tmp_path):
    people = identity_folders(lay_out(tmp_path, "1/lift/a.png", "1/door/a.png", "2/lift/a.png"))
    assert people.identities.tolist() == [1, 1, 2] and people.cameras.tolist() == [0, 1, 1]
    people = identity_folders(lay_out(tmp_path / "numbered", "1/02/a.png", "1/5/a.png"))
    assert people.cameras.tolist() == [2, 5]


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("0002_c3s1_000451_03.jpg", 3),
        ("cam2.png", 2),
        ("x-Camera_12-7.png", 12),
        ("hall C4.png", 4),
        ("CAM-0_c9.png", 0),
        ("x_c12s3.png", 12),
        ("3fa85f64-c305-4562-c9fc-2c963f66afa6.png", 0),  # a UUID
        ("3fa85f64_5717_c562_b3fc_2c963f66afa6_c2.jpg", 2),
        ("c8d93fa85f645717.png", 0),  # a hash
        ("0001C3T0001F001.jpg", 3),  # MARS
        ("cam 3.png", 3),
        ("é_ec3.png", 0),
    ],
)
def test_a_camera_is_read_off_the_name(tmp_path, name, camera):
    assert identity_folders(lay_out(tmp_path, f"1/{name}")).cameras.tolist() == [camera]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["loose.png"], "no picture here; expected IDENTITY/picture or IDENTITY/CAMERA/picture"),
        (["1/a_c1.png", "1/b.png"], "b.png: no camera in the name, such as _c2, as others have"),
        (["1/a.png", "1/door/b.png"], "a.png lies beside the folder door; expected pictures, or a folder a camera"),
        (["1/door/a.png", "2/b.png"], "b.png: in no folder of a camera, as others are"),
        (["1/a.png", "001/a.png"], "001 and 1: the same identity twice; put them into one folder"),
        (
            ["-1/a.png"],
            "-1: the identity -1; expected a number of 0 or above or a name, or one of the words junk and distractor",
        ),
        (["1/-2/a.png"], "-2: the camera -2; expected a number of 0 or above or a name."),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, names, message):
    with pytest.raises(InputError, match=re.escape(message)):
        identity_folders(lay_out(tmp_path, *names))


def test_what_is_not_read_is_named_a_whole_person_too(tmp_path):
    folder = lay_out(
        tmp_path,
        "1/door/a.jpe",
        "1/door/b.jfif",
        "1/door/c.webp",
        "2/a.gif",
        "3/door/a.png",
        "3/door/deep/a.png",
        "x.png",
    )
    (folder / "3" / "notes.txt").write_text("no picture")
    people = identity_folders(folder)
    assert (
        people.identities.tolist() == [1, 1, 1, 3] and [people.read(each).shape for each in range(3)] == [(8, 4, 3)] * 3
    )
    assert people.unread == [str(folder / name) for name in ("x.png", "2/a.gif", "3/door/deep/a.png")]
    (note,) = people.notes()
    assert note.startswith("3 files are not read and no part of folder: ") and "2/a.gif" in note
    with pytest.raises(InputError, match=r"1 other files are here, such as .*a\.gif"):
        identity_folders(lay_out(tmp_path / "other", "1/a.gif"))


def test_a_layout_whose_cameras_look_accidental_is_said(tmp_path):
    (remark,) = identity_folders(lay_out(tmp_path / "a", "1/x_c305.png", "1/y_c2.png")).notes()
    assert "2 cameras to 2 pictures, such as c305 in x_c305.png, which looks accidental" in remark
    (remark,) = identity_folders(lay_out(tmp_path / "b", *(f"1/x_c{each}.png" for each in range(10)))).notes()
    assert "10 cameras to 10 pictures" in remark
    assert identity_folders(lay_out(tmp_path / "c", *(f"1/x_c{each}.png" for each in range(9)))).notes() == []


@pytest.mark.parametrize("name", ["camA.png", "0001C1.png", "walk camera.png", "0001C1T01.png"])
def test_a_name_that_may_have_a_camera_is_said(tmp_path, name):
    people = identity_folders(lay_out(tmp_path / "a", "1/0.png", f"2/{name}"))
    (remark,) = people.notes()
    assert people.cameras.tolist() == [0, 0] and "No camera was read off the names of the pictures" in remark
    assert f"names such as {name} may have one" in remark
    none = lay_out(tmp_path / "b", "1/12c305a93fa85f.png", "1/camel.png", "1/1.png")
    assert identity_folders(none).notes() == []


def test_a_folder_without_a_picture_is_named(tmp_path):
    folder = lay_out(tmp_path, "1/0.png", "5/0.gif")
    (folder / "2").mkdir()
    (folder / "3" / "door").mkdir(parents=True)
    (folder / "4").mkdir()
    (folder / "4" / "Thumbs.db").write_text("")
    people = identity_folders(folder)
    assert people.people.tolist() == [1] and people.unread == [str(folder / "5" / "0.gif")]
    assert people.remarks == ("3 folders have no picture, and the set nobody of that name: 2, 3, 4.",)


def test_a_name_of_two_lines_is_read(tmp_path):
    people = identity_folders(lay_out(tmp_path, "1/a\nb.png"))
    assert len(people) == 1 and not people.unread


def test_people_keep_their_names(tmp_path):
    people = identity_folders(lay_out(tmp_path / "named", "zoe/1.png", "7/1.png", "junk/1.png"))
    assert people.names == {0: "7", 1: "zoe"}
    assert identity_folders(lay_out(tmp_path / "numbered", "0007/1.png")).names == {7: "0007"}


def test_two_unicode_forms_are_one_name(tmp_path):
    with pytest.raises(InputError, match="the same identity twice"):
        identity_folders(lay_out(tmp_path, *(f"{unicodedata.normalize(form, 'Zoé')}/a.png" for form in ("NFC", "NFD"))))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder; expected a folder of folders, one an identity"):
        identity_folders(tmp_path / "nowhere")
