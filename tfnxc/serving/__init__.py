"""SavedModels for TensorFlow Serving and any other loader."""

from tfnxc.serving.card import CARD, run_card
from tfnxc.serving.export import export_model, export_run
from tfnxc.serving.variant_loss import measure_variant
from tfnxc.serving.variants import VARIANTS, rounded_weights
from tfnxc.serving.warm_up import WARM_UP

__all__ = [
    "CARD",
    "VARIANTS",
    "WARM_UP",
    "export_model",
    "export_run",
    "measure_variant",
    "rounded_weights",
    "run_card",
]
