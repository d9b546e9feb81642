"""Devices and workers: strategies by name, what workers compare and tell each other, and scoring on all of them."""

from typing import TYPE_CHECKING

from tfnxc.lazy import lazy_names

if TYPE_CHECKING:
    from tfnxc.distribution.meeting import Meeting, told_by_chief, worker_losses_named
    from tfnxc.distribution.scorer import DistributedScorer
    from tfnxc.distribution.strategies import STRATEGIES, is_chief, strategy_named, training_strategy, worker_of

__all__ = [
    "STRATEGIES",
    "DistributedScorer",
    "Meeting",
    "is_chief",
    "strategy_named",
    "told_by_chief",
    "training_strategy",
    "worker_losses_named",
    "worker_of",
]

_MODULES = dict.fromkeys(__all__, "strategies") | {"DistributedScorer": "scorer"}
_MODULES |= dict.fromkeys(("Meeting", "told_by_chief", "worker_losses_named"), "meeting")
__getattr__, __dir__ = lazy_names(__name__, {name: f"{__name__}.{module}" for name, module in _MODULES.items()})
