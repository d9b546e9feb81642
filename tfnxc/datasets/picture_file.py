"""Reading one picture file from a stranger."""

import os

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfnxc.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
MOST_PIXELS = 4096 * 4096  # a crop of a person is far smaller; a picture above this is refused before it is decoded
MOST_PER_SIDE = 65535  # what JPEG can say; resizing a picture of `MOST_PIXELS` in one row would take much memory


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture file as RGB.

    Args:
        path: A PNG, JPEG or BMP file of at most 4096 x 4096 pixels in all, and 65,535 along a side.

    Returns:
        uint8 array of shape `(height, width, 3)`.

    Raises:
        InputError: If the file is missing, no picture of these formats, too large, or broken; the message names it.

    Example:
        >>> read_picture("cuhk01/campus/0001001.png").shape
        (160, 60, 3)
    """
    path = os.fspath(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a folder; or a pipe, which would be waited for
        raise InputError(f"{path}: not a file.")
    try:
        # Opening reads the header only; nothing is decoded before the size is known.
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS or max(picture.size) > MOST_PER_SIDE:
                most = f"more than the {MOST_PIXELS} pixels read, and sides of {MOST_PER_SIDE}"
                raise InputError(f"{path}: {picture.width} x {picture.height} is {most}.")
            if picture.mode not in _MODES:
                raise InputError(f"{path}: pixels of the kind {picture.mode}; expected 8 bits a colour.")
            # Transparent palettes have to pass through RGBA.
            return np.asarray(picture.convert("RGBA").convert("RGB"))
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture; expected a file of the format {', '.join(FORMATS)}.") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: broken picture ({error}).") from None
