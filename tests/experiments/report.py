"""What an experiment reports, for tests."""

import json


def report(module, folder, *words):
    """What an experiment writes with `--report`: results, and their text."""
    experiment = module.EXPERIMENT
    experiment.run(experiment.parse([*words, "--report", "--to", str(folder)]))
    return json.loads((folder / "results.json").read_text()), (folder / "results.md").read_text()


def cells_of(text, *first):
    """The cells of the one line of a Markdown table that begins with these."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    (found,) = [row for row in rows if row[: len(first)] == list(first)]
    return found[len(first) :]
