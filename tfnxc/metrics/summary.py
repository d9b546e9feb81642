"""Results of several splits under one protocol, put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from tfnxc.metrics.cmc import CMC, REPORTED_RANKS
from tfnxc.metrics.spread import Spread


class CurveLike(Protocol):
    """A CMC curve with the protocol it was measured under: a `CMC`, or a result that was read from a file."""

    @property
    def protocol(self) -> str: ...  # noqa: D102
    @property
    def mean(self) -> np.ndarray: ...  # noqa: D102
    @property
    def deviation(self) -> np.ndarray: ...  # noqa: D102
    def rank(self, k: int) -> float: ...  # noqa: D102


@dataclasses.dataclass(frozen=True)
class Summary:
    """Figures with their spread: over splits where there are several, otherwise over the draws of the one.

    The interval of draws says how much the draw of the gallery matters, not how far another split might be off: all
    draws are of the same people and the same model.

    Args:
        over: What the spread is over: `"splits"` or `"draws"`.
        figures: `Spread` by name: `"rank 1"` and so on, `"mAP"`, `"mINP"`; shares in [0, 1].
        results: The result of each split: a `CMC`, or a `tfnxc.evaluation.Result`.

    Example:
        >>> halves = [tfnxc.evaluation.cmc(np.eye(2), [1, 2], ids, repeats=1) for ids in ([1, 2], [2, 1])]
        >>> Summary.of(halves).rank(1)
        Spread(mean=0.5, deviation=0.7071067811865476, interval=6.353, count=2)
    """

    over: str
    figures: Mapping[str, Spread]
    results: tuple[Any, ...]

    @classmethod
    def of(cls, results: Iterable[Any]) -> Summary:
        """The summary of results; raises `ValueError` unless all are of one protocol and one way to count ties."""
        results = tuple(results)
        protocols = {(result.protocol, result.ties) for result in results}
        if len(protocols) != 1:
            raise ValueError(f"a summary is of results of one protocol; got {sorted(protocols) or 'none'}.")
        over = "draws" if len(results) == 1 else "splits"
        return cls(over, cls(over, {}, results)._joined().figures, results)

    def rank(self, k: int) -> Spread:
        """The `Spread` of a reported rank: 1, 5, 10, 20 or 50."""
        return self.figures[f"rank {k}"]

    def curves(self) -> CurveLike:
        """The mean curve of each split as a `CMC` whose repeats are the splits; of one split, its result."""
        return self._joined()

    def _joined(self):
        first = self.results[0]
        if len(self.results) == 1:
            return first
        longest = max(result.gallery for result in self.results)
        # Beyond a smaller gallery every probe is found.
        curves = [np.pad(each.mean, (0, longest - len(each.mean)), constant_values=1) for each in self.results]
        return CMC(
            protocol=first.protocol,
            ties=first.ties,
            repeats=len(curves),
            seed=first.seed,
            probes=max(result.probes for result in self.results),
            gallery=longest,
            curves=np.array(curves),
            average_precisions=np.array([result.figures["mAP"].mean for result in self.results]),
            inverse_negative_penalties=np.array([result.figures["mINP"].mean for result in self.results]),
            unmatched=sum(result.unmatched for result in self.results),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON, in per cent: the figures and what the spread is over."""
        figures = {name: spread.to_dict(100) for name, spread in self.figures.items()}
        return {
            "protocol": self.results[0].protocol,
            "ties": self.results[0].ties,
            "unit": "per cent",
            "spread_over": self.over,
            "count": self.figures["rank 1"].count,
            "ranks": {str(k): figures[f"rank {k}"] for k in REPORTED_RANKS},
            "mAP": figures["mAP"],
            "mINP": figures["mINP"],
        }
