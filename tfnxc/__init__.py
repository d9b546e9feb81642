"""Person re-identification by inexact matching: given a probe crop of a person, rank the crops of a gallery.

`tfnxc.ops` and `tfnxc.layers` hold the normalized correlation, `tfnxc.models` the three architectures around it,
`tfnxc.losses` and `tfnxc.optimizers` what they learn with beside Keras' own, `tfnxc.datasets` people and pairs,
`tfnxc.training`, `tfnxc.evaluation` and `tfnxc.serving` what is done with them. Each is imported when it is first used.
"""

import importlib
import importlib.util

from tfnxc.version import __version__

if importlib.util.find_spec("tensorflow") is None:
    raise ImportError(
        "tfnxc needs TensorFlow, which is not installed. Install it with one of the extras: "
        'pip install "tfnxc[cpu]" (any machine) or pip install "tfnxc[gpu]" (Linux with an NVIDIA GPU).'
    )

_PARTS = (
    "datasets",
    "errors",
    "evaluation",
    "layers",
    "losses",
    "models",
    "ops",
    "search",
    "serving",
    "training",
    "visualization",
)

__all__ = ["__version__", *_PARTS]


def __getattr__(name):
    if name in _PARTS:
        return importlib.import_module(f"tfnxc.{name}")
    raise AttributeError(f"module 'tfnxc' has no attribute {name!r}; it has {', '.join(_PARTS)}")


def __dir__():
    return sorted(__all__)
