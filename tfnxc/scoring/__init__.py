"""Scoring pairs of images: towers once an image, heads once a pair."""

from typing import TYPE_CHECKING

from tfnxc.lazy import lazy_names
from tfnxc.scoring.colour_histogram import colour_histogram_features, colour_histogram_scores
from tfnxc.scoring.lomo import lomo_features
from tfnxc.scoring.pairs import Pairs
from tfnxc.scoring.pictures import Pictures
from tfnxc.scoring.score_store import ScoreStore
from tfnxc.scoring.test_time_augmentation import View, views
from tfnxc.scoring.two_stages import Shortlist, TwoStages

if TYPE_CHECKING:
    from tfnxc.scoring.model_scores import ModelScores
    from tfnxc.scoring.pair_head import Embedder, PairHead, embed
    from tfnxc.scoring.pair_scorer import PairScorer
    from tfnxc.scoring.vectors import cosines, image_vectors

__all__ = [
    "Embedder",
    "ModelScores",
    "PairHead",
    "PairScorer",
    "Pairs",
    "Pictures",
    "ScoreStore",
    "Shortlist",
    "TwoStages",
    "View",
    "colour_histogram_features",
    "colour_histogram_scores",
    "cosines",
    "embed",
    "image_vectors",
    "lomo_features",
    "views",
]

# These import TensorFlow.
_MODULES = dict.fromkeys(("Embedder", "embed", "PairHead"), "pair_head") | {"PairScorer": "pair_scorer"}
_MODULES |= {"ModelScores": "model_scores"}
_MODULES |= dict.fromkeys(("cosines", "image_vectors"), "vectors")
__getattr__, __dir__ = lazy_names(__name__, {name: f"{__name__}.{module}" for name, module in _MODULES.items()})
