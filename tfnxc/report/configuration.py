"""What the run was started with, how fast pairs were scored, and with which versions."""

from collections.abc import Sequence

from tfnxc.datasets import CATALOGUE
from tfnxc.recipes.recipe import Recipe
from tfnxc.report.markup import Section, code, element, joined, missing, paragraph, table
from tfnxc.runs import Result, Run


def configuration(run: Run) -> Section:
    """The section on data and settings; it holds no path and no identity."""
    heads = ("Setting", "This run", "Published recipe")
    about = paragraph(
        "Settings that differ from the published recipe (Subramaniam, Chatterjee, Mittal, NIPS 2016) are ",
        element("strong", "bold"),
        ".",
    )
    data = table("data", "Who trains and who tests", ("Fact", "Value"), [(None, _data(run))], True)
    settings = table("settings", "Settings", heads, [(None, _settings(run))], True)
    return Section("configuration", "Configuration and data", joined([data, settings, about]))


def title_of(dataset: str) -> str:
    """What a data set is called in print."""
    return CATALOGUE[dataset].title if dataset in CATALOGUE else dataset


def epochs_finished(run: Run) -> str:
    """How far the training got."""
    return f"{run.epochs_done} of {run.settings.recipe.epochs}"


def timing(run: Run, results: Sequence[Result]) -> Section:
    """The section on speed and versions."""
    return Section("timing", "Timing and versions", joined([_speed(results), _versions(run, results)]))


def _data(run):
    _, *before = run.trained_on
    rows = {
        "Data set": title_of(run.settings.dataset),
        "Split": run.split.name,
        "Source of the split": run.split.source,
        "Digest of the split": run.split.digest,
        "People who train": len(run.split.train),
        "People who test": len(run.split.test),
        "Also trained on": ", ".join(f"{title_of(dataset)} ({len(people)} people)" for dataset, people in before),
        "Recipe": run.settings.recipe.title,
        "Epochs finished": epochs_finished(run),
    }
    return [row for row in rows.items() if row[1] != ""]


def _settings(run):
    published = vars(Recipe())
    for name, value in run.settings.to_dict().items():
        differs = name in published and value != published[name]
        shown = element("strong", _shown(value)) if differs else _shown(value)
        yield name.replace("_", " "), shown, _shown(published.get(name))


def _shown(value):
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _speed(results):
    timed = [
        (each.title, each.dataset, each.protocol, each.probes, f"{each.pairs_per_second:.0f}")
        for each in results
        if each.pairs_per_second is not None
    ]
    if not timed:
        return missing("No speed is noted yet. ", code("tfnxc evaluate RUN"), " notes it where it scores pairs anew.")
    heads = ("Method", "Data set", "Protocol", "Probes", "Pairs a second")
    return table("speed", "Speed of scoring, towers included", heads, [(None, timed)])


def _versions(run, results):
    names = dict.fromkeys([*run.versions, *(name for each in results for name in each.versions)])
    rows = []
    for name in names:
        measured = sorted({each.versions.get(name, "–") for each in results})
        rows.append((name, run.versions.get(name, "–"), ", ".join(measured) or "–"))
    return table("versions", "Versions", ("Part", "Trained with", "Measured with"), [(None, rows)], True)
