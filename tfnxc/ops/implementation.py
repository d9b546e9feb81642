"""Which implementation computes: the compiled library, or TensorFlow's own operations.

The compiled one runs wherever its library is there, with kernels for the GPU if TensorFlow has one. Graphs hold stock
operations all the same (see `_marks`), so that what XLA compiles and what is exported computes in plain TensorFlow.
"""

import functools
import logging
import os

import tensorflow as tf

from tfnxc.errors import InputError
from tfnxc.ops import _library

IMPLEMENTATIONS = ("auto", "native", "python")

VARIABLE = "TFNXC_OPS"
"""The environment variable that decides where a caller does not."""

_log = logging.getLogger("tfnxc")


def check_implementation(value):
    """`value`, one of `IMPLEMENTATIONS` or `None` for the environment's choice."""
    if value is not None and value not in IMPLEMENTATIONS:
        raise ValueError(f"implementation must be one of {IMPLEMENTATIONS}, or None; got {value!r}.")
    return value


def chosen(implementation=None):
    """The implementation asked for, by the caller or else by the environment."""
    name = check_implementation(implementation) or os.environ.get(VARIABLE) or "auto"
    if name not in IMPLEMENTATIONS:
        raise InputError(f"{VARIABLE} must be one of {', '.join(IMPLEMENTATIONS)}; it is {name!r}.")
    return name


@tf.autograph.experimental.do_not_convert  # loading and logging are no part of a graph
def native_ops(implementation=None):
    """The compiled operations, or `None` where the Python implementation is to compute.

    Raises:
        InputError: If `"native"` was asked for and there is no library.
    """
    name = chosen(implementation)
    if name == "python":
        return None
    library = _library.load()
    if library.ops is None and name == "native":
        raise InputError(f"the compiled op was asked for, but {library.reason}.")
    why_not = _why_not(library)
    if why_not is None:
        return library.ops
    if not library.known:
        _say_once(why_not)
    return None


def native_cpu_ops(implementation=None):
    """`native_ops` for an operation that has no GPU kernel: `None` too where TensorFlow has a GPU."""
    ops = native_ops(implementation)
    return None if ops is None or _has_gpu() else ops


def _why_not(library):
    """Why the library does not compute here, or `None` where it does.

    Where TensorFlow has a GPU, operations without kernels for it would take the maps to the CPU and back; plain
    TensorFlow runs on the GPU.
    """
    if library.ops is None:
        return library.reason
    return library.without_gpu if _has_gpu() else None


def _has_gpu():
    return bool(tf.config.list_logical_devices("GPU"))


def describe() -> dict[str, str | None]:
    """What computes here and why, in words: `{"implementation", "because", "library", "kernels"}`."""
    name, library = chosen(), _library.load()
    why_not = _why_not(library)
    native = name != "python" and why_not is None
    because = f"{VARIABLE}={name}" if name != "auto" else why_not or library.reason
    if name == "native" and not native:
        because += f", but {why_not}"
    nothing = name == "native" and library.ops is None
    return {
        "implementation": "native" if native else "none" if nothing else "python",
        "because": because,
        "library": str(library.path) if library.ops is not None else None,
        "kernels": library.kernels,
    }


@functools.cache
def _say_once(reason):
    _log.warning("The compiled op is not used, because %s. Everything runs in plain TensorFlow, slower.", reason)
