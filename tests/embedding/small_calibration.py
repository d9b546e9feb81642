"""A calibration with thresholds that a test chooses."""

from tfnxc.embedding import Calibration, ScorerCalibration, calibrated_digest
from tfnxc.metrics import Reliability, Threshold

WORTH = Reliability.of([0.9, 0.1], [True, False])
NUMBERS = (1.0, 10.0, 300.0)


def calibration_of(embedding, scores=(9.0, 8.0, -9.0), **change):
    """A calibration with thresholds at the given scores, whichever the scorer."""
    intervals = {"interval": (0.5, 2.0), "found": 0.75, "found_interval": (0.6, 0.9)}
    found = [Threshold(number, score, number, **intervals) for number, score in zip(NUMBERS, scores, strict=True)]
    fitted = ScorerCalibration(0.5, -0.25, tuple(found), None, WORTH)
    known = {"pictures": 40, "probes": 40, "matches": 40, "strangers": 10_000, "combined": 0, **change}
    scorers = dict.fromkeys(("head", "embedding", "both"), fitted)
    return Calibration(calibrated_digest(embedding), (("synthetic", (1, 2)),), scorers=scorers, **known)
