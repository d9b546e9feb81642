"""Reading one picture file from a stranger."""

import os
import struct
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfnxc.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_NUMBERS = {3: "H", 4: "I"}  # of EXIF, by their kind
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
MOST_PIXELS = 4096 * 4096  # a crop of a person is far smaller; a picture above this is refused before it is decoded
MOST_PER_SIDE = 65535  # what JPEG can say; resizing a picture of `MOST_PIXELS` in one row would take much memory

# How the stored pixels become the picture, by the orientation of EXIF 2.3 (section 4.6.4 A, tag 0112).
TRANSPOSED = (5, 6, 7, 8)
"""Orientations whose rows are the columns of the picture."""
COLUMNS_REVERSED = (2, 3, 6, 7)
"""Orientations whose columns, after that, stand in reverse."""
ROWS_REVERSED = (3, 4, 7, 8)
"""Orientations whose rows, after that, stand in reverse."""


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture file as RGB.

    Args:
        path: A PNG, JPEG, BMP or WebP file of at most 4096 x 4096 pixels in all, and 65,535 along a side.

    Returns:
        uint8 array of shape `(height, width, 3)`, turned and mirrored as its EXIF orientation says; of what moves, the
        first picture.

    Raises:
        InputError: If the file is missing, no picture of these formats, too large, or broken; the message names it.

    Example:
        >>> read_picture("cuhk01/campus/0001001.png").shape
        (160, 60, 3)
    """
    path = os.fspath(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a folder; or a pipe, which would be waited for
        raise InputError(f"{path}: not a file.")
    return decode_picture(path, path)


def decode_picture(source: str | BinaryIO, path: str) -> np.ndarray:
    """`read_picture` of a path or of an open binary file, which messages call `path`."""
    try:
        # Opening reads the header only; nothing is decoded before the size is known.
        with Image.open(source, formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS or max(picture.size) > MOST_PER_SIDE:
                most = f"more than the {MOST_PIXELS} pixels read, and sides of {MOST_PER_SIDE}"
                raise InputError(f"{path}: {picture.width} x {picture.height} is {most}.")
            if picture.mode not in _MODES:
                raise InputError(f"{path}: pixels of the kind {picture.mode}; expected 8 bits a colour.")
            # Transparent palettes have to pass through RGBA.
            pixels = np.asarray(picture.convert("RGBA").convert("RGB"))
            return upright(pixels, orientation_of(picture.info.get("exif", b"")))
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture; expected a file of the format {', '.join(FORMATS)}.") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the system, not of the decoder
            raise InputError(f"{path}: cannot be read ({os.strerror(error.errno)}).") from None
        raise InputError(f"{path}: broken picture ({error}).") from None


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels `(height, width, channels)` as they are stored, turned and mirrored as an EXIF orientation says."""
    if orientation in TRANSPOSED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in COLUMNS_REVERSED:
        pixels = pixels[:, ::-1]
    if orientation in ROWS_REVERSED:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def orientation_of(exif: bytes) -> int:
    """The orientation that the EXIF data of a picture file tells, 1 to 8; 1 (upright) where they tell none.

    It is the tag 0112 in the first directory: one number of 16 or 32 bits. Damaged data tell none, as in viewers.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    try:
        if order is not None:
            (directory,) = struct.unpack_from(f"{order}I", exif, 4)
            (count,) = struct.unpack_from(f"{order}H", exif, directory)
            for place in range(directory + 2, directory + 2 + 12 * count, 12):
                tag, kind, values = struct.unpack_from(f"{order}HHI", exif, place)
                if tag == 0x0112 and values == 1 and kind in _NUMBERS:
                    (found,) = struct.unpack_from(f"{order}{_NUMBERS[kind]}", exif, place + 8)
                    return found if 1 <= found <= 8 else 1
    except struct.error:
        pass
    return 1
