"""The versions that a result depends on."""

import platform

import numpy as np

from tfnxc.version import __version__


def versions() -> dict[str, str]:
    """The versions of this package, of what it computes with, and the kind of machine.

    Returns:
        Version by name: `"tfnxc"`, `"tensorflow"`, `"keras"`, `"numpy"`, `"python"`; and `"machine"`.

    Example:
        >>> versions()["numpy"] == np.__version__
        True
    """
    import keras
    import tensorflow as tf

    return {
        "tfnxc": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
