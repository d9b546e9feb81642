"""What was measured: CMC curves and tables, published figures beside them."""

from collections.abc import Sequence

from tfnxc.datasets import CATALOGUE
from tfnxc.datasets.splits import families
from tfnxc.evaluation.probe_intervals import interval_line
from tfnxc.evaluation.shortlists import shortlist_line
from tfnxc.metrics.cmc import REPORTED_RANKS
from tfnxc.metrics.published import published_figures
from tfnxc.report.configuration import epochs_finished, title_of
from tfnxc.report.markup import Markup, Section, code, element, figure, image, joined, missing, paragraph, table
from tfnxc.runs import Result, Run
from tfnxc.runs.result import HEAD
from tfnxc.visualization import plot_cmc

_SHOWN = 20  # ranks of the curves
_SCORERS = (
    "Without a word after the model's name the pair head scores, as in the paper. Embedding: the cosine of two "
    "vectors, each of one picture; with csls or k-reciprocal, corrected for vectors that are near to all. Both: a "
    "fitted sum of the two. Shortlist: the head scores only what the embedding likes best, and all others stand behind."
)
_FIRST = ("rank 1", "rank 10", "mAP")  # figures shown at a glance
_FIGURES = (*(f"rank {k}" for k in REPORTED_RANKS), "mAP", "mINP")  # those of a table


def measured(run: Run, results: Sequence[Result]) -> Section:
    """The section on results: for each split and protocol curves and a table."""
    if not results:
        content = missing("Nothing is measured yet. ", code("tfnxc evaluate RUN"), " does it; RUN is the run's folder.")
        return Section("results", "Results", content)
    groups: dict[tuple, list[Result]] = {}
    for result in results:
        groups.setdefault((result.dataset, result.split, result.protocol, result.ties), []).append(result)
    parts = [_group(f"group-{number}", run, group) for number, group in enumerate(groups.values(), start=1)]
    explained = paragraph(
        "In per cent: mean ± standard deviation over draws of the gallery, (half the 95 % interval of the mean). "
        "Rank k: probes whose person is among the k best of the gallery. mAP: mean average precision. mINP: what it "
        "costs to find the hardest match. Figures of different protocols do not compare."
    )
    scorers = {each.scorer for each in results}
    beside = [] if scorers == {HEAD} else [paragraph(_SCORERS)]
    return Section("results", "Results", joined([explained, *beside, *parts]))


def at_a_glance(run: Run, results: Sequence[Result]) -> Markup:
    """The main figures as a list: by the default protocol of the data set, or else another one."""
    own = [each for each in results if each.split_digest == run.split.digest and each.dataset in CATALOGUE]
    # The figures of the paper are those of the pair head.
    own = sorted((each for each in own if each.state == "trained"), key=lambda each: each.scorer != HEAD)
    usual = [each for each in own if each.protocol == CATALOGUE[each.dataset].default_protocol]
    facts: list[tuple[str, object]] = [("Epochs", epochs_finished(run))]
    for best in (usual + own)[:1]:
        draws = f"{best.protocol}, {best.probes} probes, {best.repeats} draw{'s' if best.repeats > 1 else ''}"
        draws += "" if best.scorer == HEAD else f", scorer {best.scorer}"
        shares = [(_head(name), f"{100 * best.figures[name].mean:.2f} % ") for name in _FIRST]
        facts = [(name, joined([share, element("small", draws)])) for name, share in shares] + facts
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in facts))


def _head(figure):
    return figure.capitalize() if figure.startswith("rank") else figure


def _group(name, run, results):
    first = results[0]
    people = _test_identities(run, first)
    published = published_figures(first.dataset, people) if people else []
    title = f"{title_of(first.dataset)}, {first.split}, protocol {first.protocol}"
    if first.ties != "pessimistic":
        title += f", {first.ties} ties"
    curves = {}
    for result in results:
        curves.setdefault(result.title, result)  # of one label that of the most probes, which comes first
    drawn = plot_cmc(curves, f"{title_of(first.dataset)}, {first.split}", _SHOWN, published)
    caption = "Share of the probes matched within each rank; bands show a standard deviation over the draws"
    some = any(each.probe_interval is not None for each in curves.values())
    caption += ", and of results of some of the probes the 95 % interval over their identities." if some else "."
    return element(
        "section",
        element("h3", title),
        figure(f"{name}-curves", image(drawn, _alt(title, curves, published), "svg"), caption),
        _table(f"{name}-table", title, results, published),
        *(paragraph(line) for each in results if (line := interval_line(each.title, [each])) is not None),
        *(paragraph(shortlist_line(each.title, [each])) for each in results if each.shortlist is not None),
    )


def _test_identities(run, result):
    """How many people tested, as far as it is known and all of the split were there; otherwise `None`."""
    if result.split.endswith("-partial"):
        return None
    if result.split_digest == run.split.digest:
        return len(run.split.test)
    counts = [len(family.tests[0]) for family in families().values() if result.split in family.names]
    return next(iter(counts), None)


def _table(name, title, results, published):
    heads = ("Method", *map(_head, _FIGURES), "Probes", "Gallery", "Draws")
    rows = [
        (each.title, *(_cell(each.figures[name]) for name in _FIGURES), each.probes, each.gallery, each.repeats)
        for each in results
    ]
    groups = [(None, rows)]
    if published:
        beside = []
        for each in published:
            ranks = [f"{each.ranks[k]:.2f}" if k in each.ranks else "–" for k in REPORTED_RANKS]
            unknown = ["–"] * (len(heads) - 1 - len(ranks))
            beside.append((f"{each.method} ({each.protocol or '?'})", *ranks, *unknown))
        groups.append(("Published (protocol, ? where the source does not say)", beside))
    return table(name, f"Results: {title}", heads, groups)


def _cell(spread):
    mean = f"{100 * spread.mean:.2f}"
    if spread.interval is None:
        return mean
    deviation = element("small", f"± {100 * spread.deviation:.2f}")
    return joined([f"{mean} ", deviation, " ", element("small", f"({100 * spread.interval:.2f})")])


def _alt(title, curves, published):
    lines = [
        f"{label} {100 * curve.rank(1):.2f} % at rank 1, {100 * curve.rank(10):.2f} % at rank 10"
        for label, curve in curves.items()
    ]
    beside = [f"{each.method} {each.ranks[1]:.2f} %" for each in published]
    told = f" Published, at rank 1: {', '.join(beside)}." if beside else ""
    return f"CMC curves, {title}: {'; '.join(lines)}.{told}"
