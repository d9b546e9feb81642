"""Reading a model file from a stranger: what it would take of memory is known before Keras makes anything of it."""

import contextlib
import inspect
import io
import json
import math
import os
import pathlib
import struct
import threading
import zipfile

import h5py
import keras
import numpy as np

from tfnxc.errors import InputError
from tfnxc.files import refuse_special
from tfnxc.hashes import file_digest

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MOST_CONFIG = 1 << 22  # bytes of the description; that of EfficientNetV2-L, with a thousand layers, has a third
_DEEPEST = 100  # lists and objects of the description inside each other
_MOST_IMAGE = 1 << 26  # numbers of an input: more than a picture of 4096 x 4096 pixels has
_MOST_OBJECTS = 1 << 16  # groups and arrays of the weights
_UNKEPT = 1 << 20  # weights that a layer may make and not keep
_LONGEST = 300  # letters that a message has of what Keras says
_ALONE = threading.RLock()  # held while `Layer.add_weight` is another


def load_model(path: str | os.PathLike, compile: bool = False) -> tuple[keras.Model, str]:
    """`tfnxc.runs.load_model`, which says more: every `.keras` file that the package reads comes through here.

    A file as Keras writes it is not compressed, so that its size bounds what is read of it; one that is, is refused.
    So is one whose arrays are larger than the file, or whose description asks for more weights than it holds.
    """
    import tfnxc.layers  # noqa: F401  registers the layers that a model file names

    path = pathlib.Path(path)
    if path.suffix != ".keras":
        raise InputError(f"{path}: expected a model as a .keras file.")
    refuse_special(path)
    try:
        digest = file_digest(path)
        with open(path, "rb") as file:
            weights = _check(file)
        with _ALONE, _at_most(2 * weights + _UNKEPT):
            model = keras.models.load_model(path, compile=compile)
        if not isinstance(model, keras.Model):
            raise ValueError(f"it is of a {type(model).__name__}, not of a model")
        if not all(np.isfinite(each).all() for each in model.get_weights()):
            raise ValueError("weights that are not finite, with which it computes nothing")
        return model, digest
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a .keras model.") from None
    except Exception as error:  # Keras and h5py raise errors of any kind for a file that they would not write
        if isinstance(error, OSError) and error.filename is not None:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
        said = " ".join(str(error).split()) or type(error).__name__
        said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]} ..."
        raise InputError(f"{path}: broken model file ({said}).") from None


def _check(file):
    """How many numbers the weights in an open `.keras` file are; a `ValueError` where it is not as Keras writes it."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [each.filename for each in members]
        if len(set(names)) != len(names) or not {_CONFIG, _WEIGHTS} <= set(names):
            raise ValueError(f"expected {_CONFIG} and {_WEIGHTS} in it, each once")
        for each in members:
            if each.compress_type != zipfile.ZIP_STORED or each.file_size != each.compress_size:
                raise ValueError(f"{each.filename} is compressed, which Keras does not do: zip it anew with zip -0")
        if sum(each.file_size for each in members) > os.fstat(file.fileno()).st_size:
            raise ValueError("its parts are larger than the file")
        if archive.getinfo(_CONFIG).file_size > _MOST_CONFIG:
            raise ValueError(f"{_CONFIG} has more than {_MOST_CONFIG} bytes")
        _check_config(json.loads(archive.read(_CONFIG)))
        return _numbers_in(_Part(file, archive.getinfo(_WEIGHTS)))


def _check_config(config):
    """Raises an error where the description of a model is too deep to be gone through, or an input too large."""
    if not isinstance(config, dict):
        raise ValueError(f"{_CONFIG} describes no model")
    level = [(None, config)]
    for _ in range(_DEEPEST):
        for key, each in level:
            if isinstance(each, list) and str(key).endswith("shape"):
                sizes = [abs(size) for size in each if isinstance(size, int | float)]
                if math.prod(sizes, start=1.0) > _MOST_IMAGE:
                    raise ValueError(f"{_CONFIG}: {key} {str(each)[:80]} is of more than {_MOST_IMAGE} numbers")
        level = [
            pair
            for _, each in level
            for pair in (each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ())
        ]
        if not level:
            return
    raise ValueError(f"{_CONFIG} is more than {_DEEPEST} levels deep")


def _numbers_in(part):
    """How many numbers an HDF5 file of weights holds, none of which may lie elsewhere or be more than are there."""
    numbers, size, seen = 0, 0, set()
    with h5py.File(part, "r") as weights:
        waiting = [weights]
        while waiting:
            group = waiting.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"{_WEIGHTS} has links")
                found = group[name]
                address = h5py.h5o.get_info(found.id).addr
                if address in seen:
                    continue
                seen.add(address)
                if isinstance(found, h5py.Group):
                    waiting.append(found)
                elif not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
                    raise ValueError(f"{_WEIGHTS} has parts that are no arrays, or lie in other files")
                else:
                    numbers += found.size or 0
                    size += (found.size or 0) * found.dtype.itemsize
            if len(seen) > _MOST_OBJECTS:
                raise ValueError(f"{_WEIGHTS} has more than {_MOST_OBJECTS} parts")
    if size > len(part):
        raise ValueError(f"{_WEIGHTS} has {len(part)} bytes, and its arrays would take {size}")
    return numbers


class _Part(io.RawIOBase):
    """A member of an archive that is not compressed, as a file of its own, from which one may read at any place."""

    def __init__(self, file, member):
        file.seek(member.header_offset + 26)
        lengths = struct.unpack("<HH", file.read(4))  # of the name and of the extra field in the local header
        self._file, self._size, self._at = file, member.file_size, 0
        self._begin = member.header_offset + 30 + sum(lengths)

    def __len__(self):
        return self._size

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=os.SEEK_SET):
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self):
        return self._at

    def readinto(self, buffer):
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        self._file.seek(self._begin + self._at)
        count = self._file.readinto(view)
        self._at += count
        return count


@contextlib.contextmanager
def _at_most(numbers):
    """A block in which layers may make so many weights: more are a `ValueError` before they take memory."""
    make, left, thread = keras.layers.Layer.add_weight, numbers, threading.get_ident()
    signature = inspect.signature(make)

    def counted(layer, *args, **kwargs):
        nonlocal left
        if threading.get_ident() != thread:  # another makes a model of its own meanwhile
            return make(layer, *args, **kwargs)
        shape = signature.bind(layer, *args, **kwargs).arguments.get("shape") or ()
        left -= math.prod(int(size) for size in (shape if hasattr(shape, "__iter__") else (shape,)))
        if left < 0:
            raise ValueError(f"{_CONFIG} describes more weights than {_WEIGHTS} holds")
        return make(layer, *args, **kwargs)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = make
