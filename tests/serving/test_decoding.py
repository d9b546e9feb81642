import numpy as np
import pytest
import tensorflow as tf

from tests.serving.sent_pictures import DAMAGED_EXIF, JPEG, PIXELS, READ, REFUSED, encoded
from tfnxc.datasets import read_picture
from tfnxc.datasets.image_set import resize
from tfnxc.errors import InputError
from tfnxc.serving.decoding import decode_pictures

SIZE = (32, 24)


@pytest.fixture(scope="module")
def decode():
    return tf.function(
        lambda pictures: decode_pictures(pictures, SIZE, "probe_bytes"),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


def by_the_package(picture, folder):
    (folder / "picture").write_bytes(picture)
    return resize(read_picture(folder / "picture"), SIZE)


@pytest.mark.parametrize("kind", READ)
def test_the_numbers_are_those_of_the_packages_reader(kind, decode, tmp_path):
    np.testing.assert_array_equal(decode([READ[kind]]).numpy()[0], by_the_package(READ[kind], tmp_path))


@pytest.mark.filterwarnings("ignore:.*orrupt EXIF")
@pytest.mark.parametrize("kind", DAMAGED_EXIF)
def test_damaged_exif_data_turn_nothing(kind, decode, tmp_path):
    found = decode([DAMAGED_EXIF[kind]]).numpy()[0]
    np.testing.assert_array_equal(found, by_the_package(DAMAGED_EXIF[kind], tmp_path))
    np.testing.assert_array_equal(found, by_the_package(JPEG, tmp_path))


def test_a_batch_keeps_its_order(decode, tmp_path):
    found = decode(list(READ.values())).numpy()
    assert found.shape == (len(READ), *SIZE, 3)
    for image, picture in zip(found, READ.values(), strict=True):
        np.testing.assert_array_equal(image, by_the_package(picture, tmp_path))


@pytest.mark.parametrize("shape", [SIZE, (64, 48), (33, 25), (20, 10), (20, 100), (200, 150)])
def test_any_size_is_resized_as_pillow_does(shape, decode, tmp_path, rng):
    picture = encoded(rng.integers(0, 256, (*shape, 3), np.uint8))
    np.testing.assert_array_equal(decode([picture]).numpy()[0], by_the_package(picture, tmp_path))


def test_a_tall_and_narrow_picture_differs_by_one_level_at_most(decode, tmp_path, rng):
    """Pillow of late resizes the rows of such a picture first, and rounds between."""
    picture = encoded(rng.integers(0, 256, (300, 11, 3), np.uint8))
    assert np.abs(decode([picture]).numpy()[0].astype(int) - by_the_package(picture, tmp_path)).max() <= 1


def test_an_empty_batch_is_no_error(decode):
    assert decode(tf.constant([], tf.string)).shape == (0, *SIZE, 3)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_names_the_position_and_the_reason(kind, decode):
    good, (bad, reason) = encoded(PIXELS), REFUSED[kind]
    for position in (0, 2):
        batch = [good] * position + [bad, good]
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"probe_bytes, picture {position}: {reason}"):
            decode(batch)


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if REFUSED[kind][1] == "broken picture"])
def test_the_package_s_reader_refuses_the_same(kind, tmp_path):
    (tmp_path / "picture").write_bytes(REFUSED[kind][0])
    with pytest.raises(InputError, match=r"broken picture|not a picture"):
        read_picture(tmp_path / "picture")


def test_the_first_of_several_bad_pictures_is_named(decode):
    good, late = encoded(PIXELS), REFUSED["PNG cut off"][0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="picture 1: broken"):
        decode([good, late, b"", good])
    with pytest.raises(tf.errors.InvalidArgumentError, match="picture 1: empty"):
        decode([good, b"", late, good])


def test_a_jpeg_that_is_cut_anywhere_and_ended_is_refused_on_both_sides(decode, tmp_path):
    """Also behind a byte that begins a mark, and where parts of the last blocks alone are missing."""
    steps = np.random.default_rng(0).normal(0, 6, (40, 28, 3))
    whole = encoded(np.clip(np.cumsum(np.cumsum(steps, 0), 1) + 120, 0, 255).astype(np.uint8), "JPEG", quality=85)
    begin = whole.index(b"\xff\xda") + 14
    marks = [cut for cut in range(begin, len(whole) - 4) if whole[cut - 1] == 0xFF]
    cuts = sorted({*range(begin, len(whole) - 4, 97), *marks, *range(len(whole) - 40, len(whole) - 4, 5)})
    assert marks
    for cut in cuts:
        (tmp_path / "picture").write_bytes(whole[:cut] + b"\xff\xd9")
        with pytest.raises(InputError, match="broken picture"):
            read_picture(tmp_path / "picture")
        with pytest.raises(tf.errors.InvalidArgumentError, match="picture 0: broken picture"):
            decode([whole[:cut] + b"\xff\xd9"])
    assert decode([whole]).shape == (1, *SIZE, 3)
