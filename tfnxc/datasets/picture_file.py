"""Reading one picture file from a stranger."""

import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfnxc.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_NUMBERS = {3: "H", 4: "I"}  # of EXIF, by their kind
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
MOST_PIXELS = 4096 * 4096  # a crop of a person is far smaller; a picture above this is refused before it is decoded
MOST_BYTES = 1 << 28  # of a file: more than these pixels take in any format
_AT_ONCE = 1 << 20  # bytes of pixels that are unpacked at a time
MOST_PER_SIDE = 65535  # what JPEG can say; resizing a picture of `MOST_PIXELS` in one row would take much memory

# In no order, because the codes of zero bits are those of blocks in one colour, which are put in for missing ones too.
_BLIND = bytes((each * 97 + 169) % 254 + 1 for each in range(254))
BEHIND_THE_PIXELS = _BLIND + b"".join(bytes([0xFF, 0xD0 + number]) + _BLIND[:32] for number in range(8))
"""Bytes, and the eight marks at which a JPEG decoder begins anew: what it reads as pixels if some are missing."""

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
        path: A PNG, JPEG, BMP or WebP file of at most 4096 x 4096 pixels in all, 65,535 along a side, and 256 MiB.

    Returns:
        uint8 array of shape `(height, width, 3)`, turned and mirrored as its EXIF orientation says; of what moves, the
        first picture.

    Raises:
        InputError: If the file is missing, no picture of these formats, too large, broken, or without some of its
            pixels; the message names it. It is not seen that rows of a JPEG in one colour are missing, or
            that a progressive one ends between two of its scans.

    Example:
        >>> read_picture("cuhk01/campus/0001001.png").shape
        (160, 60, 3)
    """
    path = os.fspath(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a folder; or a pipe, which would be waited for
        raise InputError(f"{path}: not a file.")
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except (OSError, ValueError) as error:  # the second of a name with a zero in it
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from None
    return decode_picture(data, path)


def decode_picture(data: bytes, path: str) -> np.ndarray:
    """`read_picture` of the bytes of a file, which messages call `path`."""
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: more than the {MOST_BYTES} bytes read.")
    try:
        # Opening reads the header only; nothing is decoded before the size is known.
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS or max(picture.size) > MOST_PER_SIDE:
                most = f"more than the {MOST_PIXELS} pixels read, and sides of {MOST_PER_SIDE}"
                raise InputError(f"{path}: {picture.width} x {picture.height} is {most}.")
            if picture.mode not in _MODES:
                raise InputError(f"{path}: pixels of the kind {picture.mode}; expected 8 bits a colour.")
            if data.startswith(b"\x89PNG"):
                _check_png(data)
            elif data.startswith(b"\xff\xd8"):
                _check_jpeg(data, picture)
            # Transparent palettes have to pass through RGBA.
            pixels = np.asarray(picture.convert("RGBA").convert("RGB"))
            return upright(pixels, orientation_of(picture.info.get("exif", b"")))
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture; expected a file of the format {', '.join(FORMATS)}.") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, zlib.error, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: broken picture ({error}).") from None


def _check_png(data):
    """Raises a `ValueError` where a PNG file ends too early or a needed part has another checksum than it says.

    Pillow ends when it has all rows, and passes over checksums in them.
    """
    at, kind, pixels, most = 8, b"", zlib.decompressobj(), 16 * MOST_PIXELS
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ValueError("its end is missing")
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        end = at + 12 + length
        needed = kind[:1].isupper()
        if end > len(data) or (needed and data[end - 4 : end] != struct.pack(">I", zlib.crc32(data[at + 4 : end - 4]))):
            raise ValueError("its end is missing" if end > len(data) else "a checksum is wrong")
        part = data[at + 8 : end - 4] if kind == b"IDAT" else b""
        full = bool(part)
        while full and not pixels.eof and most > 0:
            count = len(pixels.decompress(part, _AT_ONCE))
            part, most, full = pixels.unconsumed_tail, most - count, count == _AT_ONCE
        at = end
    if not pixels.eof and most > 0:
        raise ValueError("its pixels end too early")


def _check_jpeg(data, picture):
    """Raises a `ValueError` where a JPEG file has fewer pixels than it says, for which decoders put in grey ones.

    With more bytes at their end, nothing changes in a picture that has all pixels; in another, these become some.
    """
    end = data.rfind(b"\xff\xd9")
    # Behind a byte 0xFF, where a file may be cut, the zero keeps the next from making a mark of it.
    more = b"\0" * data[:end].endswith(b"\xff") + BEHIND_THE_PIXELS
    with Image.open(io.BytesIO(data[:end] + more + data[end:]), formats=["JPEG"]) as other:
        if end < 0 or not np.array_equal(np.asarray(picture), np.asarray(other)):
            raise ValueError("it has fewer rows than its header says")


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
