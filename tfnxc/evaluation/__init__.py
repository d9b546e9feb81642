"""Metrics on score matrices, the protocols they follow, and a baseline scorer, in NumPy; `scoring` runs the models."""

from tfnxc.evaluation.cmc import CMC, cmc, mean_average_precision, mean_inverse_negative_penalty
from tfnxc.evaluation.colour_histogram import colour_histogram_features, colour_histogram_scores
from tfnxc.evaluation.evaluate import Evaluation
from tfnxc.evaluation.look import Look, looks
from tfnxc.evaluation.protocols import PROTOCOLS, Protocol, Trial, draw_trials, get_protocol, needed_pairs
from tfnxc.evaluation.published import TITLES, Published, published_figures
from tfnxc.evaluation.ranking import RankLists, rank_lists
from tfnxc.evaluation.saved_scores import SavedScores
from tfnxc.evaluation.spread import Spread
from tfnxc.evaluation.summary import Summary

__all__ = [
    "CMC",
    "PROTOCOLS",
    "TITLES",
    "Evaluation",
    "Look",
    "Protocol",
    "Published",
    "RankLists",
    "SavedScores",
    "Spread",
    "Summary",
    "Trial",
    "cmc",
    "colour_histogram_features",
    "colour_histogram_scores",
    "draw_trials",
    "get_protocol",
    "looks",
    "mean_average_precision",
    "mean_inverse_negative_penalty",
    "needed_pairs",
    "published_figures",
    "rank_lists",
]
