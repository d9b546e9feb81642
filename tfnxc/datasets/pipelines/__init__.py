"""Training pairs: which pictures make a pair, and the pairs as `tf.data` pipelines."""

from typing import TYPE_CHECKING

from tfnxc.datasets.pipelines.hard_negatives import hard_negatives
from tfnxc.lazy import lazy_names

if TYPE_CHECKING:
    from tfnxc.datasets.pipelines.groups import GroupPipeline
    from tfnxc.datasets.pipelines.pairs import PairPipeline

__all__ = ["GroupPipeline", "PairPipeline", "hard_negatives"]

# These import TensorFlow.
_MODULES = {"GroupPipeline": f"{__name__}.groups", "PairPipeline": f"{__name__}.pairs"}
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
