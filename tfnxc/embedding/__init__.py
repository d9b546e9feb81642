"""Metric learning on features: an embedding beside the pair head, and the metrics it is compared with."""

from tfnxc.embedding.calibration import (
    CALIBRATED,
    FALSE_MATCHES,
    Calibration,
    ScorerCalibration,
    calibrated_digest,
    calibration_path,
)
from tfnxc.embedding.combination import PRIOR, Combination, log_odds_of
from tfnxc.embedding.discriminant import Discriminant
from tfnxc.embedding.embedding import Embedding, EmbeddingCard, embedding_path, pooled, pooling_layer, pooling_model
from tfnxc.embedding.kissme import KISSME
from tfnxc.embedding.methods import METHODS, MetricProjection
from tfnxc.embedding.pooling import StatisticsPooling
from tfnxc.embedding.pretrained import pretrained_embedding
from tfnxc.embedding.xqda import XQDA

__all__ = [
    "CALIBRATED",
    "FALSE_MATCHES",
    "KISSME",
    "METHODS",
    "PRIOR",
    "XQDA",
    "Calibration",
    "Combination",
    "Discriminant",
    "Embedding",
    "EmbeddingCard",
    "MetricProjection",
    "ScorerCalibration",
    "StatisticsPooling",
    "calibrated_digest",
    "calibration_path",
    "embedding_path",
    "log_odds_of",
    "pooled",
    "pooling_layer",
    "pooling_model",
    "pretrained_embedding",
]
