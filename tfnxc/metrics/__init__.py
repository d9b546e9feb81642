"""Metrics on score matrices and the protocols they follow, in NumPy."""

from tfnxc.metrics.cmc import (
    CMC,
    REPORTED_RANKS,
    Spread,
    Summary,
    cmc,
    mean_average_precision,
    mean_inverse_negative_penalty,
)
from tfnxc.metrics.open_set import DETECTION_RANKS, FALSE_ALARM_RATES, OpenSet, threshold_at
from tfnxc.metrics.plan import EvaluationPlan
from tfnxc.metrics.protocols import PROTOCOLS, Protocol, Trial, draw_trials, get_protocol, needed_pairs
from tfnxc.metrics.published import TITLES, Published, published_figures
from tfnxc.metrics.ranking import TIES, RankLists, rank_lists
from tfnxc.metrics.reliability import Reliability, ReliabilityBin
from tfnxc.metrics.thresholds import ScoredPairs, Threshold, smallest_rate

__all__ = [
    "CMC",
    "DETECTION_RANKS",
    "FALSE_ALARM_RATES",
    "PROTOCOLS",
    "REPORTED_RANKS",
    "TIES",
    "TITLES",
    "EvaluationPlan",
    "OpenSet",
    "Protocol",
    "Published",
    "RankLists",
    "Reliability",
    "ReliabilityBin",
    "ScoredPairs",
    "Spread",
    "Summary",
    "Threshold",
    "Trial",
    "cmc",
    "draw_trials",
    "get_protocol",
    "mean_average_precision",
    "mean_inverse_negative_penalty",
    "needed_pairs",
    "published_figures",
    "rank_lists",
    "smallest_rate",
    "threshold_at",
]
