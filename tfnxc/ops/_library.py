"""The compiled library of `custom_ops/`: where it lies for this TensorFlow, and loading it on first use."""

import ctypes
import functools
import hashlib
import os
import pathlib
import platform
from typing import NamedTuple

import tensorflow as tf

from tfnxc.errors import InputError
from tfnxc.ops._compiler_flags import all_flags

BUILD_COMMAND = "tfnxc build-ops"


class Library(NamedTuple):
    """What came of looking for the library."""

    ops: object | None
    """The module with its operations, or `None`."""
    path: pathlib.Path
    """Where it lies, or where it would."""
    reason: str
    """Why it is used, or why it is not."""
    kernels: str | None = None
    """The instruction set of its CPU kernels on this processor."""


def cache_folder():
    """Where built libraries lie, one folder a key: `TFNXC_CACHE`, or `tfnxc/ops` in the user's cache."""
    own = os.environ.get("TFNXC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(own) if own else pathlib.Path(base) / "tfnxc" / "ops"


def sources_folder():
    """`custom_ops`: inside the package where it was installed from a wheel, beside it in a checkout."""
    package = pathlib.Path(__file__).resolve().parents[1]
    for folder in (package / "custom_ops", package.parent / "custom_ops"):
        if (folder / "include").is_dir():
            return folder
    raise InputError(f"the sources of the compiled op are missing: there is no {package / 'custom_ops'}.")


def library_path(cuda=False):
    """Where the library for this TensorFlow lies: one built for another, or otherwise, lies elsewhere."""
    key = hashlib.sha256()
    for part in (tf.version.VERSION, tf.version.GIT_VERSION, platform.machine(), *all_flags(cuda)):
        key.update(f"{part}\n".encode())
    sources = sources_folder()
    for path in sorted(sources.rglob("*")):
        name = path.relative_to(sources)
        for_cuda = name.parts[0] == "cuda" or name.name == "gpu_kernels.cc"
        if path.suffix in (".h", ".cc", ".cu", ".cuh") and name.parts[0] != "tests" and (cuda or not for_cuda):
            key.update(f"{name.as_posix()}\n".encode())
            key.update(path.read_bytes())
    folder = f"tensorflow-{tf.version.VERSION}{'-cuda' if cuda else ''}-{key.hexdigest()[:16]}"
    return cache_folder() / folder / "tfnxc_ops.so"


@functools.cache
def load():
    """The library, loaded: the one with CUDA if it was built, or else the one without."""
    try:
        paths = [library_path(cuda) for cuda in (True, False)]
    except InputError as error:
        return Library(None, cache_folder(), str(error))
    built = [path for path in paths if path.exists()]
    if not built:
        return Library(None, paths[-1], f"it is not built for TensorFlow {tf.version.VERSION}: run `{BUILD_COMMAND}`")
    path = built[0]
    try:
        ops = tf.load_op_library(str(path))
        about = ctypes.CDLL(str(path)).tfnxc_cpu_kernels
    except (tf.errors.OpError, OSError, AttributeError) as error:
        return Library(None, path, f"it does not load ({error}): run `{BUILD_COMMAND} --force`")
    about.restype = ctypes.c_char_p
    return Library(ops, path, "it is built for this TensorFlow", about().decode())
