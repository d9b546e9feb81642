"""Person re-identification by inexact matching: given a probe crop of a person, rank the crops of a gallery.

- `tfnxc.ops`, `tfnxc.layers`: the normalized correlation, on tensors and as Keras layers.
- `tfnxc.models`, `tfnxc.losses`, `tfnxc.optimizers`: the three architectures, their loss and optimizer.
- `tfnxc.datasets`: data sets, splits and training pairs.
- `tfnxc.embedding`: 128 numbers of a picture, fitted to the towers' feature maps, and their sum with the pair head.
- `tfnxc.training`, `tfnxc.callbacks`: training in run folders; callbacks for any `model.fit`.
- `tfnxc.evaluation`, `tfnxc.metrics`, `tfnxc.scoring`: measuring runs and models, CMC and mAP, scores of pairs.
- `tfnxc.visualization`, `tfnxc.report`: figures, and a run as one HTML page.
- `tfnxc.serving`, `tfnxc.search`: SavedModels, and galleries on disk.
- `tfnxc.demo`: the whole job on drawn people.
- `tfnxc.identities`, `tfnxc.errors`: labels of pictures that show nobody to be found, and the error of unusable input.

Each part is imported when it is first used. Keras finds the serializable classes by their registered names, so that
`keras.models.load_model` needs no import but this one.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING

from tfnxc import keras_registry
from tfnxc.version import __version__

if TYPE_CHECKING:  # for type checkers and editors, which do not see what is imported later
    from tfnxc import (
        callbacks,
        datasets,
        demo,
        distribution,
        embedding,
        errors,
        evaluation,
        identities,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        recipes,
        report,
        runs,
        scoring,
        search,
        serving,
        training,
        visualization,
    )

if importlib.util.find_spec("tensorflow") is None:
    raise ImportError(
        "tfnxc needs TensorFlow, which is not installed. Install it with one of the extras: "
        'pip install "tfnxc[cpu]" (any machine) or pip install "tfnxc[gpu]" (Linux with an NVIDIA GPU).'
    )

keras_registry.make_known()

__all__ = [
    "__version__",
    "callbacks",
    "datasets",
    "demo",
    "distribution",
    "embedding",
    "errors",
    "evaluation",
    "identities",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "recipes",
    "report",
    "runs",
    "scoring",
    "search",
    "serving",
    "training",
    "visualization",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"tfnxc.{name}")
    raise AttributeError(f"module 'tfnxc' has no attribute {name!r}; it has {', '.join(__all__[1:])}")


def __dir__():
    return sorted(__all__)
