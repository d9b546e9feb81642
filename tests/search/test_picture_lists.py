"""Pictures from folders and CSV files, and times."""

import errno
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from tfnxc.errors import InputError
from tfnxc.search import csv_pictures, folder_pictures, list_pictures


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 2, 3), np.uint8)).save(path)


def test_a_folder_with_what_lies_below(tmp_path, monkeypatch):
    for name in ("lift/anna/2.png", "lift/anna/1.JPG", "hall/berta/3.bmp", ".hidden/4.png", "lift/anna/.5.png"):
        write(tmp_path / "crops" / name)
    (tmp_path / "crops" / "notes.txt").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    found = list(folder_pictures("crops"))
    names = [str(tmp_path / "crops" / name) for name in ("hall/berta/3.bmp", "lift/anna/1.JPG", "lift/anna/2.png")]
    assert [each.name for each in found] == names and {each[2:] for each in found} == {(None, None, None)}
    assert found[0].read().shape == (4, 2, 3)
    found = list(folder_pictures("crops", ("camera", "identity")))
    assert [each[2:] for each in found] == [("berta", "hall", None), *[("anna", "lift", None)] * 2]
    assert [each.camera for each in folder_pictures("crops", ("camera",))] == ["hall", "lift", "lift"]
    assert list(folder_pictures("crops", "camera/identity")) == found
    write(tmp_path / "crops" / "loose.png")
    with pytest.raises(InputError, match=r"loose\.png: in too few folders; expected crops/CAMERA/picture"):
        list(folder_pictures("crops", ("camera",)))
    with pytest.raises(InputError, match="a layout is made of identity and camera, each once; got camera/camera"):
        list(folder_pictures("crops", ("camera", "camera")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no picture here"):
        list(folder_pictures("empty"))
    with pytest.raises(InputError, match="nowhere: no such folder"):
        list(folder_pictures("nowhere"))


def test_what_is_of_another_format_is_told(tmp_path):
    for name in ("a.png", "b/c.tif", "b/d.webp", "notes.txt", ".hidden/e.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    unread = []
    found = list_pictures(tmp_path, unread=unread.append)
    assert [pathlib.Path(each.name).name for each in found] == ["a.png", "d.webp"]
    assert unread == [str(tmp_path / "b" / "c.tif")]


def test_a_file_s_name_of_two_lines(tmp_path):
    write(tmp_path / "two\nlines.png")
    assert [each.name for each in folder_pictures(tmp_path)] == [str(tmp_path / "two\nlines.png")]


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path, monkeypatch):
    write(tmp_path / "open" / "1.png")
    write(tmp_path / "closed" / "2.png")
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"closed: cannot be listed \(Permission denied\)"):
        list(folder_pictures(tmp_path))


def test_a_csv_file(tmp_path):
    path = tmp_path / "crops.csv"
    path.write_text("Path,time,camera,note\na/1.png,1970-01-02,lift,x\n b.png ,,,\n")
    first, second = csv_pictures(path)
    assert first.name == first.image == str(tmp_path / "a" / "1.png")
    assert first[2:] == (None, "lift", 86400.0) and second[2:] == (None, None, None)
    assert second.name == str(tmp_path / "b.png")


def test_labels_of_a_csv_file_that_are_one_number_are_one(tmp_path):
    path = tmp_path / "crops.csv"
    path.write_text("path,identity,camera\na.png,0007,1.0\nb.png,7.0,1\nc.png,7,01\nd.png,cafe\u0301,x\n", "utf-8")
    found = list(csv_pictures(path))
    assert [each.identity for each in found] == ["7"] * 3 + ["caf\u00e9"]
    assert [each.camera for each in found] == ["1"] * 3 + ["x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("identity,camera\n1,2\n", "no column path; expected a first line.*got identity,camera"),
        ("path,camera,camera\n", "two columns are called camera"),
        ("", "got nothing"),
        ("path,camera\na.png\n", "line 2: 1 fields; expected 2"),
        ("path\na.png,b\n", "line 2: 2 fields; expected 1"),
        ("path,camera\n,lift\n", "line 2: no path"),
        ("path,identity\na.png,nan\n", "line 2: the identity nan, which stands for a missing value; leave it empty"),
        ("path,time\na.png,noon\n", "line 2: 'noon' is no time; expected ISO 8601"),
        ("path,camera\na.png,1\n./a.png,2\n", r"line 3: \./a\.png is listed in line 2 already"),
        ("path,time\na.png,2026-W14\n", "line 2: '2026-W14' names a week and no day"),
        ('path\n"a\n', "not CSV"),
        (b"path\n\xff.png\n", "not in UTF-8"),
    ],
)
def test_what_is_not_such_a_csv_file(tmp_path, text, message):
    path = tmp_path / "crops.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        list(csv_pictures(path))
    with pytest.raises(InputError, match="cannot be read"):
        list(csv_pictures(tmp_path / "none.csv"))


def test_a_list_is_of_a_folder_or_a_csv_file(tmp_path):
    write(tmp_path / "crops" / "lift" / "1.png")
    path = tmp_path / "crops.csv"
    path.write_text("path,camera\ncrops/lift/1.png,lift\n")
    (of_folder,), (of_file,) = list_pictures(tmp_path / "crops", layout=("camera",)), list_pictures(path)
    assert of_folder.name == of_file.name and of_folder.camera == of_file.camera == "lift"
    with pytest.raises(InputError, match=r"crops\.csv: not a folder, to which alone a layout applies"):
        list_pictures(path, layout=("camera",))
    path.write_text("path,camera\n")
    with pytest.raises(InputError, match=r"crops\.csv: no picture in it; expected a line a picture"):
        list_pictures(path)
