import os

import numpy as np
import pytest
from PIL import Image

from tfnxc.datasets import synthetic
from tfnxc.datasets.readers.folder import pictures as picture_files
from tfnxc.errors import InputError
from tfnxc.scoring import Pictures


@pytest.fixture
def files(tmp_path, rng):
    """The paths of six pictures."""
    (tmp_path / "people").mkdir()
    paths = [tmp_path / "people" / f"{number}.png" for number in range(6)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (20, 10, 3), np.uint8)).save(path)
    return list(map(str, paths))


class Counted:
    """The set of picture files, and which of them were read."""

    def __init__(self, files, monkeypatch):
        from tfnxc.datasets.readers import folder

        self.read, found = [], folder.read_picture
        monkeypatch.setattr(folder, "read_picture", lambda path: (self.read.append(int(path[-5])), found(path))[1])
        self.people = picture_files("people", files, np.zeros(6, int), np.zeros(6, int))


@pytest.fixture
def counted(files, monkeypatch):
    return Counted(files, monkeypatch)


def test_only_pictures_that_are_asked_for_are_read_and_known_ones_not_again(counted, tmp_path):
    pictures = Pictures(counted.people, (16, 8))
    pictures.remember_in(tmp_path / "scores")
    images = pictures.images(np.array([1, 4]))
    np.testing.assert_array_equal(images, counted.people.take([1, 4]).images((16, 8)))
    counted.read.clear()
    digests = pictures.digests(np.array([4, 1, 2]))
    assert counted.read == [2] and len(set(digests.tolist())) == 3
    again = Pictures(counted.people, (16, 8))
    again.remember_in(tmp_path / "scores")
    np.testing.assert_array_equal(again.digests(np.array([[4, 1], [2, 2]])), digests[[[0, 1], [2, 2]]])
    assert counted.read == [2] and again.known(np.arange(6)).tolist() == [False, True, True, False, True, False]
    assert Pictures(counted.people.take([4]), (16, 8)).digests(np.array([0])) == digests[0]  # by what it shows
    other = Pictures(counted.people, (8, 8))
    other.remember_in(tmp_path / "scores")
    assert not other.known(np.arange(6)).any()


def test_a_picture_that_has_changed_is_read_again(counted, files, tmp_path):
    def digests():
        pictures = Pictures(counted.people.take(range(6)), (16, 8))
        pictures.remember_in(tmp_path / "scores")
        return pictures.digests(np.arange(6))

    before = digests()
    counted.read.clear()
    Image.fromarray(np.zeros((20, 10, 3), np.uint8)).save(files[3])
    os.utime(files[5], ns=(1, 1))  # touched, and the same
    after = digests()
    assert sorted(counted.read) == [3, 5] and np.flatnonzero(before != after).tolist() == [3]
    os.unlink(files[0])
    with pytest.raises(InputError, match=r"0\.png: cannot be read"):
        digests()


def test_sets_that_recognize_nothing_are_read(tmp_path):
    people = synthetic(identities=1)
    for _ in range(2):
        pictures = Pictures(people, (160, 60))
        pictures.remember_in(tmp_path)
        assert not pictures.stamped and not pictures.known(np.arange(4)).any()
        pictures.digests(np.arange(4))
    assert not list(tmp_path.iterdir())


def test_a_reader_of_other_pictures_with_the_same_names_is_not_taken_for_them(counted, tmp_path):
    import dataclasses

    pictures = Pictures(counted.people, (16, 8))
    pictures.remember_in(tmp_path)
    digests = pictures.digests(np.arange(6))
    darker = dataclasses.replace(counted.people, read=lambda index: counted.people.read(index) // 2)
    other = Pictures(darker, (16, 8))
    other.remember_in(tmp_path)
    assert (other.digests(np.arange(6)) != digests).all()


def test_a_damaged_file_of_digests_is_one_clear_error(counted, tmp_path):
    for text in ("{", "[1]", '{"a": 3}', '{"a": "no"}'):
        (tmp_path / "pictures-16x8.json").write_text(text)
        with pytest.raises(InputError, match=r"pictures-16x8\.json: damaged\. Remove it"):
            Pictures(counted.people, (16, 8)).remember_in(tmp_path)


def test_pictures_in_memory(rng):
    images = rng.integers(0, 255, (5, 16, 8, 3), np.uint8)
    pictures = Pictures.of(images)
    np.testing.assert_array_equal(pictures.images(np.array([0, 3])), images[[0, 3]])
    pictures.release()
    assert len(pictures) == 5 and len(set(pictures.digests(np.arange(5)).tolist())) == 5
