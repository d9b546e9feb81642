"""Keras callbacks for any training: ranking by validation, keeping the best model, stopping on NaN, a live table."""

from tfnxc.callbacks.follow_chief import FollowChief
from tfnxc.callbacks.keep_best import KeepBest, ValidationEarlyStopping
from tfnxc.callbacks.learning_rate import learning_rate
from tfnxc.callbacks.live_table import LiveTable
from tfnxc.callbacks.stop_on_nan import StopOnNaN
from tfnxc.callbacks.tensorboard import TensorBoard
from tfnxc.callbacks.validation_cmc import ValidationCMC

__all__ = [
    "FollowChief",
    "KeepBest",
    "LiveTable",
    "StopOnNaN",
    "TensorBoard",
    "ValidationCMC",
    "ValidationEarlyStopping",
    "learning_rate",
]
