"""What was measured: CMC curves and tables, published figures beside them."""

from __future__ import annotations

import itertools

from tfnxc.datasets import CATALOGUE
from tfnxc.datasets.splits import families
from tfnxc.metrics.cmc import REPORTED_RANKS
from tfnxc.metrics.published import published_figures
from tfnxc.report.configuration import title_of
from tfnxc.report.image import image
from tfnxc.report.markup import code, element, figure, joined, paragraph, table
from tfnxc.report.results import FIGURES
from tfnxc.report.section import Section, missing
from tfnxc.visualization import plot_cmc

_SHOWN = 20
"""Ranks of the curves."""


def measured(run, results):
    """The section on the `Result`s of a `Run`: for each split and protocol curves and a table."""
    if not results:
        content = missing("Nothing is measured yet. ", code("tfnxc evaluate RUN"), " does it; RUN is the run's folder.")
        return Section("results", "Results", content)
    alike = {}
    for result in results:
        alike.setdefault((result.dataset, result.split, result.protocol, result.ties), []).append(result)
    parts = [_group(f"group-{number}", run, group) for number, group in enumerate(alike.values(), start=1)]
    explained = paragraph(
        "In per cent: mean ± standard deviation over draws of the gallery, (half the 95 % interval of the mean). "
        "Rank k: probes whose person is among the k best of the gallery. mAP: mean average precision. mINP: what it "
        "costs to find the hardest match. Figures of different protocols do not compare."
    )
    return Section("results", "Results", joined([explained, *parts]))


def at_a_glance(run, results):
    """The figures that are asked for first, as a list: by the protocol that goes with the data set, or else another."""
    own = [each for each in results if _of_trained_at_home(run, each)]
    usual = [each for each in own if each.protocol == CATALOGUE[each.dataset].default_protocol]
    best = next(iter(usual + own), None)
    facts = [("Passes", f"{run.epochs_done} of {run.settings['epochs']}")]
    if best is not None:
        draws = f"{best.protocol}, {best.probes} probes, {_draws(best.repeats)}"
        facts = [(name.capitalize() if name != "mAP" else name, _fact(best, name, draws)) for name in _FIRST] + facts
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in facts))


_FIRST = ("rank 1", "rank 10", "mAP")


def _of_trained_at_home(run, result):
    """Whether a result is of the trained model on its own split."""
    own = result.split_digest == run.record["split_digest"] and result.dataset in CATALOGUE
    return own and result.state == "trained"


def _fact(result, name, draws):
    return joined([f"{result.figures[name][0]:.2f} % ", element("small", draws)])


def _draws(count):
    return f"{count} draw{'s' if count > 1 else ''}"


def _group(name, run, results):
    first = results[0]
    people = _test_identities(run, first)
    published = published_figures(first.dataset, people) if people else []
    title = f"{title_of(first.dataset)}, {first.split}, protocol {first.protocol}"
    if first.ties != "pessimistic":
        title += f", {first.ties} ties"
    curves = {}
    for result in results:
        curves.setdefault(result.label, result.curve)  # of one label that of the most probes, which comes first
    drawn = plot_cmc(curves, f"{title_of(first.dataset)}, {first.split}", _SHOWN, published)
    caption = "Share of the probes matched within each rank; bands show a standard deviation over the draws."
    return element(
        "section",
        element("h3", title),
        figure(f"{name}-curves", image(drawn, _alt(title, curves, published), "svg"), caption),
        _table(f"{name}-table", title, results, published),
    )


def _test_identities(run, result):
    """How many people tested, as far as it is known and all of the split were there; otherwise `None`."""
    if result.split.endswith("-partial"):
        return None
    if result.split_digest == run.record["split_digest"]:
        return len(run.record["split"]["test"])
    counts = [len(family.tests[0]) for family in families().values() if result.split in family.names]
    return next(iter(counts), None)


def _table(name, title, results, published):
    heads = ("Method", *(name.capitalize() if name.startswith("rank") else name for name in FIGURES))
    heads += ("Probes", "Gallery", "Draws")
    rows = [
        (each.label, *(_cell(*each.figures[name]) for name in FIGURES), each.probes, each.gallery, each.repeats)
        for each in results
    ]
    groups = [(None, rows)]
    if published:
        unknown = "–"
        beside = [
            (
                f"{each.method} ({each.protocol or '?'})",
                *(f"{each.ranks[k]:.2f}" if k in each.ranks else unknown for k in REPORTED_RANKS),
                *itertools.repeat(unknown, len(heads) - 1 - len(REPORTED_RANKS)),
            )
            for each in published
        ]
        groups.append(("Published (protocol, ? where the source does not say)", beside))
    return table(name, f"Results: {title}", heads, groups)


def _cell(mean, deviation, interval):
    if interval is None:
        return f"{mean:.2f}"
    return joined([f"{mean:.2f} ", element("small", f"± {deviation:.2f}"), " ", element("small", f"({interval:.2f})")])


def _alt(title, curves, published):
    lines = [
        f"{label} {100 * curve.rank(1):.2f} % at rank 1, {100 * curve.rank(10):.2f} % at rank 10"
        for label, curve in curves.items()
    ]
    beside = [f"{each.method} {each.ranks[1]:.2f} %" for each in published]
    told = f" Published, at rank 1: {', '.join(beside)}." if beside else ""
    return f"CMC curves, {title}: {'; '.join(lines)}.{told}"
