"""What the run was started with: people, split, settings."""

from tfnxc.datasets import CATALOGUE
from tfnxc.recipes.recipe import Recipe
from tfnxc.report.markup import element, joined, paragraph, table
from tfnxc.report.section import Section
from tfnxc.runs import Run

_HEADS = ("Setting", "This run", "Published recipe")


def configuration(run: Run) -> Section:
    """The section on data and settings; it holds no path and no identity."""
    return Section(
        "configuration",
        "Configuration and data",
        joined(
            [
                table("data", "Who trains and who tests", ("Fact", "Value"), [(None, _data(run))], True),
                table("settings", "Settings", _HEADS, [(None, _settings(run))], True),
                paragraph(
                    "Settings that differ from the published recipe (Subramaniam, Chatterjee, Mittal, NIPS 2016) are ",
                    element("strong", "bold"),
                    ".",
                ),
            ]
        ),
    )


def title_of(dataset: str) -> str:
    """What a data set is called in print."""
    return CATALOGUE[dataset].title if dataset in CATALOGUE else dataset


def epochs_finished(run: Run) -> str:
    """How far the training got."""
    return f"{run.epochs_done} of {run.settings.recipe.epochs}"


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
