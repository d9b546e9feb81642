"""Measuring runs and models: who is tested, under which protocols, by which scorer; and the metrics themselves."""

from typing import TYPE_CHECKING

from tfnxc import metrics as _metrics
from tfnxc.evaluation.baselines import BASELINES, Baseline
from tfnxc.evaluation.costs import Cost, Estimate, Estimates
from tfnxc.evaluation.evaluate import estimate, evaluate
from tfnxc.evaluation.probes import PROBE_KINDS, ProbeChoice
from tfnxc.evaluation.results import Results
from tfnxc.evaluation.saved_scores import SavedScores
from tfnxc.evaluation.scorer import SCORERS
from tfnxc.evaluation.tested import default_protocol, default_protocols, refuse_seen
from tfnxc.lazy import lazy_names
from tfnxc.metrics import *  # noqa: F403
from tfnxc.runs import Result
from tfnxc.scoring import View, colour_histogram_features, colour_histogram_scores, views

if TYPE_CHECKING:
    from tfnxc.evaluation.calibration import calibrate
    from tfnxc.evaluation.rankings import Rankings, correlate, find_correlation, pair_correlation, rank_probes

__all__ = [
    "BASELINES",
    "PROBE_KINDS",
    "SCORERS",
    "Baseline",
    "Cost",
    "Estimate",
    "Estimates",
    "ProbeChoice",
    "Rankings",
    "Result",
    "Results",
    "SavedScores",
    "View",
    "calibrate",
    "colour_histogram_features",
    "colour_histogram_scores",
    "correlate",
    "default_protocol",
    "default_protocols",
    "estimate",
    "evaluate",
    "find_correlation",
    "pair_correlation",
    "rank_probes",
    "refuse_seen",
    "views",
]
__all__ += _metrics.__all__

_NAMES = ("Rankings", "correlate", "find_correlation", "pair_correlation", "rank_probes")
_MODULES = dict.fromkeys(_NAMES, "tfnxc.evaluation.rankings") | {"calibrate": "tfnxc.evaluation.calibration"}
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
