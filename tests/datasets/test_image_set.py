import numpy as np
import pytest

from tfnxc.datasets import ImageSet
from tfnxc.errors import InputError


def people(read=None):
    identities = np.array([5, 5, 6, 6, 9])
    return ImageSet(
        name="few",
        paths=[f"{index}.png" for index in range(5)],
        identities=identities,
        cameras=np.array([0, 1, 0, 1, 0]),
        read=read or (lambda index: np.full((160, 60, 3), index, np.uint8)),
    )


def test_images_keep_their_order_and_progress_counts_them():
    done = []
    images = people().images(progress=done.append)
    assert images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4] and sum(done) == 5


def test_images_of_another_size_are_resized():
    images = people(lambda index: np.full((80 + index, 40, 3), index, np.uint8)).images(size=(32, 16))
    assert images.shape == (5, 32, 16, 3) and (images[3] == 3).all()


def test_of_identities_keeps_order_and_reads_the_right_pictures():
    some = people().of_identities({9, 5})
    assert some.identities.tolist() == [5, 5, 9] and some.paths == ["0.png", "1.png", "4.png"]
    assert some.images()[:, 0, 0, 0].tolist() == [0, 1, 4]
    assert some.take([2, 0]).images()[:, 0, 0, 0].tolist() == [4, 0]


def test_missing_identities_are_named():
    with pytest.raises(InputError, match=r"few has no picture of 2 of the 3 identities asked for: 7, 8\."):
        people().of_identities([5, 7, 8])


def test_a_picture_that_cannot_be_read_stops_the_reading():
    def read(index):
        raise InputError(f"{index}.png: broken")

    with pytest.raises(InputError, match=r"\.png: broken"):
        people(read).images()


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"equally many; got \(1, 2, 1\)"):
        ImageSet("x", ["a"], np.array([1, 2]), np.array([0]), read=None)
