import numpy as np
import pytest
from PIL import Image

from tfnxc.datasets import cuhk01, get_splits
from tfnxc.errors import InputError


@pytest.mark.parametrize("inside", ["", "campus"])
def test_identities_and_cameras_are_read_off_the_names(campus, inside):
    people = cuhk01(campus / inside)
    assert people.name == "cuhk01"
    assert people.identities.tolist() == np.repeat([1, 2, 7, 8, 9], 4).tolist()
    assert people.cameras.tolist() == [0, 0, 1, 1] * 5
    assert [path[-11:] for path in people.paths[:2]] == ["0001001.png", "0001002.png"]


def test_pictures_are_those_of_the_files(campus):
    people = cuhk01(campus)
    images = people.images()
    assert images.shape == (20, 160, 60, 3) and images.dtype == np.uint8
    for path, image in zip(people.paths, images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), image)


def test_other_files_are_passed_over(campus):
    (campus / "campus" / "Thumbs.db").write_bytes(b"x")
    (campus / "campus" / "0001005.png").write_bytes(b"x")
    assert len(cuhk01(campus)) == 20


def test_missing_and_empty_folders_are_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder; expected the folder campus"):
        cuhk01(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no picture of CUHK01 here; expected files named PPPPKKK\.png"):
        cuhk01(tmp_path)


def test_the_real_set_is_whole_and_the_published_splits_fit_it(real_data):
    people = cuhk01(real_data / "cuhk01")
    assert (len(people), len(np.unique(people.identities))) == (3884, 971)
    for family, test in (("cuhk01-486", 486), ("cuhk01-100", 100)):
        for split in get_splits(family, people.identities):
            assert len(split.test_part(people)) == test * 4
            assert len(split.training_part(people)) == (971 - test) * 4
