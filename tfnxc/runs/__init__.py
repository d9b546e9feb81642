"""The run folder: settings, history, results, models, and who was trained on."""

from tfnxc.runs.history import History
from tfnxc.runs.result import Result, versions
from tfnxc.runs.run import Run, load_model
from tfnxc.runs.settings import RunSettings

__all__ = ["History", "Result", "Run", "RunSettings", "load_model", "versions"]
