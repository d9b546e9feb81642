"""The run folder: settings, history, results, models, and who was trained on."""

from typing import TYPE_CHECKING

from tfnxc.lazy import lazy_names
from tfnxc.runs.history import History
from tfnxc.runs.result import Result
from tfnxc.runs.run import Run
from tfnxc.runs.settings import RunSettings
from tfnxc.runs.versions import versions

if TYPE_CHECKING:
    from tfnxc.runs.model_file import load_model

__all__ = ["History", "Result", "Run", "RunSettings", "load_model", "versions"]
__getattr__, __dir__ = lazy_names(__name__, {"load_model": "tfnxc.runs.model_file"})
