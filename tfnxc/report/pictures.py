"""What the model does with pictures of people: rankings, maps, correlations."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfnxc.report.markup import Markup, Section, figure, image, joined, missing, paragraph
from tfnxc.visualization import MapRow, PairCorrelation, RankedProbe, plot_correlation, plot_maps, plot_rankings


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What is shown of some probes.

    Args:
        rankings: A `RankedProbe` each.
        maps: For each probe, lists of `MapRow` by model.
        correlations: `(probe, gallery picture, PairCorrelation)` of each; empty where the model has no such layer.
    """

    rankings: Sequence[RankedProbe]
    maps: Sequence[Mapping[str, Sequence[MapRow]]]
    correlations: Sequence[tuple[np.ndarray, np.ndarray, PairCorrelation]]


def pictures(shown: Pictures | str) -> list[Section]:
    """The sections on pictures, or one that says why there are none and how to get them."""
    if not isinstance(shown, Pictures):
        return [Section("pictures", "Rankings, maps and correlations", missing(shown))]
    return [
        Section("rankings", "Rankings", _rankings(shown.rankings)),
        Section("maps", "Maps of the tower", _maps(shown.rankings, shown.maps)),
        Section("correlations", "What the correlation sees", _correlations(shown.rankings, shown.correlations)),
    ]


def _rankings(probes) -> Markup:
    about = paragraph(
        "A few probes, drawn at random, and what the model ranks first in the gallery: the true match in a green "
        "frame, ranks above and probabilities below."
    )
    scorers = [each.label for each in probes[0].rankings] if probes else []
    if len(scorers) > 1:
        told = f"The rows of a probe are ranked by: {'; '.join(scorers)}. Both are pair head and embedding together."
        about = joined([about, paragraph(told)])
    ranks = [(probe.title, each.label, each.match_rank) for probe in probes for each in probe.rankings]
    found = "; ".join(f"{title}: {label} has the true match at rank {rank}" for title, label, rank in ranks) + "."
    alt = f"Rows of pictures, each a probe and the best of its gallery. {found}"
    return joined([about, figure("rankings-figure", image(plot_rankings(probes), alt, "png"), found)])


def _maps(probes, maps) -> Markup:
    about = paragraph(
        "The feature maps after the second stage of the tower, which the model compares: those of the probe, of the "
        "picture at rank 1, and of the true match. One colour scale for all of a figure."
    )
    figures = []
    for number, (probe, rows) in enumerate(zip(probes, maps, strict=True), start=1):
        first = next(iter(rows.values()))
        roles, count = ", ".join(row.role for row in first), first[0].maps.shape[-1]
        alt = f"A row for each of: {roles}. In each the picture and its {count} maps."
        figures.append(figure(f"maps-{number}", image(plot_maps(rows), alt, "png"), probe.title))
    return joined([about, *figures])


def _correlations(probes, correlations) -> Markup:
    if not correlations:
        return missing("This model has no normalized correlation; normxcorr and fused have.")
    about = paragraph(
        "Inexact matching: a patch of the probe is compared with all patches of a wide search window in the gallery "
        "picture of the same person. Red is alike, blue opposite. Numbered lines join patches with their best matches."
    )
    figures = []
    for number, (probe, (first, second, correlation)) in enumerate(zip(probes, correlations, strict=True), start=1):
        best = max(correlation.best(position)[1] for position in correlation.strongest(6))
        alt = (
            "On the left a patch of the probe and its correlations over the search window in the picture of the true "
            f"match; on the right lines from patches to their best matches. The strongest is {best:.2f}."
        )
        drawn = image(plot_correlation(first, second, correlation), alt, "png")
        figures.append(figure(f"correlations-{number}", drawn, f"{probe.title}, and its true match"))
    return joined([about, *figures])
