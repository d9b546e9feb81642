import os

import numpy as np
import pytest
from PIL import Image, ImageOps

from tfnxc.datasets import read_picture
from tfnxc.errors import InputError


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    picture = Image.fromarray(np.full((4, 3, 3), 120, np.uint8)).convert(mode)
    picture.save(tmp_path / "a.png")
    image = read_picture(tmp_path / "a.png")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_as_its_exif_orientation_says(tmp_path, format, orientation):
    picture = Image.new("RGB", (12, 8))
    picture.paste((250, 250, 250), (0, 0, 6, 4))  # upper left
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a", format, exif=exif, **({"lossless": True} if format == "WEBP" else {}))
    with Image.open(tmp_path / "a") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    np.testing.assert_array_equal(read_picture(tmp_path / "a"), expected)
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    assert read_picture(tmp_path / "a")[corner[orientation]].min() > 200


def test_a_truncated_png_is_named(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (160, 60, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"a\.png: broken picture"):
        read_picture(path)


def test_a_text_file_named_png_is_named(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(InputError, match=r"a\.png: not a picture; expected a file of the format PNG, JPEG, BMP, WEBP"):
        read_picture(tmp_path / "a.png")


def test_another_format_is_refused(tmp_path):
    Image.fromarray(np.zeros((4, 3, 3), np.uint8)).save(tmp_path / "a.gif")
    with pytest.raises(InputError, match="not a picture"):
        read_picture(tmp_path / "a.gif")


def test_16_bit_grey_is_refused_rather_than_clipped(tmp_path):
    Image.fromarray(np.full((4, 3), 1000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="expected 8 bits a colour"):
        read_picture(tmp_path / "a.png")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.png: no such file"):
        read_picture(tmp_path / "a.png")


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (5000, 4000)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="5000 x 4000 is more than"):
        read_picture(tmp_path / "a.png")


def test_a_picture_of_one_endless_row_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (65_536, 1)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"65536 x 1 is more than .* sides of 65535"):
        read_picture(tmp_path / "a.png")


def test_what_the_system_refuses_is_no_broken_picture(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(File name too long\)"):
        read_picture(tmp_path / ("a" * 300))


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path / "a.png", tmp_path):
        with pytest.raises(InputError, match="not a file"):
            read_picture(path)
