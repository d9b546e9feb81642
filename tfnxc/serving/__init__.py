"""SavedModels for TensorFlow Serving and any other loader."""

from tfnxc.serving.card import CARD, COMBINATION, WARM_UP, embedding_card, run_card
from tfnxc.serving.checksums import CHECKSUMS, verify_export
from tfnxc.serving.export import export_model, export_run
from tfnxc.serving.variants import VARIANTS, measure_variant, rounded_weights

__all__ = [
    "CARD",
    "CHECKSUMS",
    "COMBINATION",
    "VARIANTS",
    "WARM_UP",
    "embedding_card",
    "export_model",
    "export_run",
    "measure_variant",
    "rounded_weights",
    "run_card",
    "verify_export",
]
