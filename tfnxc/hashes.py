"""Digests of files and arrays: how a model, a split or a data set is recognized."""

import hashlib
import os
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

_DIGITS = 12
"""Hexadecimal digits of a short digest."""


def sha256_of(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(path: str | os.PathLike) -> str:
    """The first 12 hexadecimal digits of a file's SHA-256: how model files are told apart."""
    return sha256_of(path)[:_DIGITS]


def short_digest(data: bytes | np.ndarray) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of some bytes or of the numbers of an array."""
    content = data if isinstance(data, bytes) else np.ascontiguousarray(data).data
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def weights_digest(model: Any) -> str:
    """The short digest of the weights of a Keras model, wherever it comes from."""
    return short_digest(b"".join(weight.tobytes() for weight in model.get_weights()))


def checksum(arrays: Iterable[np.ndarray]) -> int:
    """CRC-32 over several arrays, one after the other."""
    total = 0
    for array in arrays:
        total = zlib.crc32(np.ascontiguousarray(array).data, total)
    return total
