"""Reading one picture file from a stranger."""

from __future__ import annotations

import os
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfnxc.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP")
MOST_PIXELS = 4096 * 4096
"""A crop of a person is far smaller; a picture above this is refused before it is decoded."""


def read_picture(path):
    """Reads a picture file as RGB.

    Args:
        path: A PNG, JPEG or BMP file of at most 4096 x 4096 pixels.

    Returns:
        uint8 array of shape `(height, width, 3)`.

    Raises:
        InputError: If the file is missing, no picture of these formats, too large, or broken; the message names it.

    Example:
        >>> read_picture("campus/0001001.png").shape
        (160, 60, 3)
    """
    path = os.fspath(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise InputError(
                        f"{path}: {picture.width} x {picture.height} is more than the {MOST_PIXELS} pixels read."
                    )
                return np.asarray(picture.convert("RGB"))
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture; expected a file of the format {', '.join(FORMATS)}.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise InputError(f"{path}: more than the {MOST_PIXELS} pixels that are read.") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: broken picture ({error}).") from None
