"""The logistic regression that turns a score into the probability of a match."""

import numpy as np

_STEPS = 100  # Newton steps at most; about ten are taken


def fit_logistic(scores: np.ndarray, matches: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of a logistic regression in which matches together weigh as much as all others.

    Example:
        >>> slope, intercept = fit_logistic(np.array([0.0, 1.0, 1.0, 2.0]), np.array([False, False, True, True]))
        >>> slope > 0, round(slope + intercept, 6) == 0
        (True, True)

    References:
        Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """
    share = np.where(matches, 0.5 / max(1, matches.sum()), 0.5 / max(1, (~matches).sum()))
    centre, scale = scores.mean(), max(scores.std(), 1e-9)
    design = np.stack([(scores - centre) / scale, np.ones_like(scores)], axis=1)
    # Platt's targets keep the slope finite where scores separate the two without an error.
    targets = np.where(matches, 1 - 1 / (matches.sum() + 2), 1 / ((~matches).sum() + 2))
    weights = np.zeros(2)
    for _ in range(_STEPS):
        found = logistic(design @ weights)
        slope = design.T @ (share * (targets - found))
        information = (design * (share * found * (1 - found))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(information, slope)
        step *= min(1.0, 4 / np.abs(step).max()) if step.any() else 1.0
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[0] / scale), float(weights[1] - weights[0] * centre / scale)


def logistic(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-values)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * values))
