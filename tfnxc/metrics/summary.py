"""Results of several splits under one protocol, put together."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfnxc.metrics.cmc import CMC, REPORTED_RANKS
from tfnxc.metrics.spread import Spread


@dataclasses.dataclass(frozen=True)
class Summary:
    """Figures with their spread: over splits where there are several, otherwise over the draws of the one.

    The interval of draws says how much the draw of the gallery matters, not how far another split might be off: all
    draws are of the same people and the same model.

    Args:
        over: What the spread is over: `"splits"` or `"draws"`.
        figures: `Spread` by name: `"rank 1"` and so on, `"mAP"`, `"mINP"`; shares in [0, 1].
        results: The `CMC` of each split.
    """

    over: str
    figures: dict[str, Spread]
    results: tuple[CMC, ...]

    @classmethod
    def of(cls, results):
        """The summary of the results of one or several splits, all under one protocol and one way to count ties.

        Raises:
            ValueError: If they are of different protocols, or there are none.
        """
        results = tuple(results)
        protocols = {(result.protocol, result.ties) for result in results}
        if len(protocols) != 1:
            raise ValueError(f"a summary is of results of one protocol; got {sorted(protocols) or 'none'}.")
        over = "draws" if len(results) == 1 else "splits"
        figures = cls(over, {}, results).curves().figures()
        return cls(over, {name: Spread.of(values) for name, values in figures.items()}, results)

    def rank(self, k):
        """The `Spread` of a reported rank: 1, 5, 10, 20 or 50."""
        return self.figures[f"rank {k}"]

    def curves(self):
        """The mean curve of each split as a `CMC` whose repeats are the splits; of one split, its draws."""
        if len(self.results) == 1:
            return self.results[0]
        longest = max(result.gallery for result in self.results)
        # Beyond a smaller gallery every probe is found.
        curves = [np.pad(result.mean, (0, longest - result.gallery), constant_values=1) for result in self.results]
        figures = [(result.mean_average_precision, result.mean_inverse_negative_penalty) for result in self.results]
        return dataclasses.replace(
            self.results[0],
            repeats=len(curves),
            probes=max(result.probes for result in self.results),
            gallery=longest,
            curves=np.array(curves),
            average_precisions=np.array([precision for precision, _ in figures]),
            inverse_negative_penalties=np.array([penalty for _, penalty in figures]),
            unmatched=sum(result.unmatched for result in self.results),
        )

    def to_dict(self):
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
