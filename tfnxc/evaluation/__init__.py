"""Metrics on score matrices, the protocols they follow, and a baseline scorer, in NumPy; `scoring` runs the models."""

from tfnxc.evaluation.cmc import CMC, cmc
from tfnxc.evaluation.colour_histogram import colour_histogram_features, colour_histogram_scores
from tfnxc.evaluation.evaluate import Evaluation
from tfnxc.evaluation.protocols import PROTOCOLS, Protocol, Trial, draw_trials, get_protocol, needed_pairs

__all__ = [
    "CMC",
    "PROTOCOLS",
    "Evaluation",
    "Protocol",
    "Trial",
    "cmc",
    "colour_histogram_features",
    "colour_histogram_scores",
    "draw_trials",
    "get_protocol",
    "needed_pairs",
]
