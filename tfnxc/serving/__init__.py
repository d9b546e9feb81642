"""SavedModels for TensorFlow Serving and any other loader."""

from tfnxc.serving.export import export_model

__all__ = ["export_model"]
