"""The second stage of a search: the pair head on pictures of a gallery, of which the best are kept."""

from __future__ import annotations

import numpy as np

_BLOCK = 256
"""Pictures of the gallery whose maps are in memory at a time, in single precision: 11 MB."""


def best_of(engine, snapshot, probes, rows, allowed, top, both_orders=False, progress=None):
    """The best of some pictures for each probe; memory does not grow with how many they are.

    Args:
        engine: The `Engine`.
        snapshot: The `Snapshot` of the gallery.
        probes: float32 feature maps of shape `(probes, *map_shape)`.
        rows: Rows of the gallery, ascending.
        allowed: Booleans of shape `(probes, rows)`: what may be found.
        top: How many are kept for each probe, at most.
        both_orders: As in `Engine.score`. Defaults to `False`.
        progress: Called with the number of pairs after each block. Defaults to `None`.

    Returns:
        A list a probe of `(row, probability)`, best first; of equal ones the first row is first.
    """
    best = np.empty((len(probes), 0), np.int64)
    scores = np.empty((len(probes), 0), np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = np.asarray(rows[start : start + _BLOCK])
        found = engine.score(probes, snapshot.maps_of(block), both_orders)
        if progress is not None:
            progress(found.size)
        found[~allowed[:, start : start + _BLOCK]] = -np.inf
        scores = np.concatenate([scores, found], axis=1)
        best = np.concatenate([best, np.broadcast_to(block, found.shape)], axis=1)
        # Stable, and what was added earlier stands first already.
        kept = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        scores, best = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(best, kept, axis=1)
    lists = zip(best.tolist(), scores.tolist(), strict=True)
    return [[pair for pair in zip(*each, strict=True) if pair[1] > -np.inf] for each in lists]
