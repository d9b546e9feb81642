import re

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


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder; expected a folder of folders, one an identity"):
        identity_folders(tmp_path / "nowhere")
