"""What the run was started with: people, split, settings."""

from __future__ import annotations

from tfnxc.datasets import CATALOGUE
from tfnxc.recipes.recipe import Recipe
from tfnxc.report.markup import element, joined, paragraph, table
from tfnxc.report.section import Section

_HEADS = ("Setting", "This run", "Published recipe")


def configuration(run):
    """The section on data and settings of a `Run`; it holds no path and no identity."""
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


def title_of(dataset):
    """What a data set is called in print."""
    return CATALOGUE[dataset].title if dataset in CATALOGUE else dataset


def _data(run):
    split = run.record["split"]
    before = [f"{title_of(dataset)} ({len(people)} people)" for dataset, people in run.record.get("before", ())]
    rows = {
        "Data set": title_of(run.settings["dataset"]),
        "Split": split.get("name", ""),
        "Source of the split": split.get("source", ""),
        "Digest of the split": run.record["split_digest"],
        "People who train": len(split["train"]),
        "People who test": len(split["test"]),
        "Also trained on": ", ".join(before),
        "Passes finished": f"{run.epochs_done} of {run.settings['epochs']}",
    }
    return [row for row in rows.items() if row[1] != ""]


def _settings(run):
    published = vars(Recipe())
    for name, value in run.settings.items():
        differs = name in published and value != published[name]
        shown = element("strong", _shown(value)) if differs else _shown(value)
        yield name.replace("_", " "), shown, _shown(published.get(name))


def _shown(value):
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
