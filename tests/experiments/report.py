"""What an experiment reports, for tests."""

import json


def report(module, folder, *words):
    """What an experiment writes with `--report`: results, and their text."""
    experiment = module.EXPERIMENT
    experiment.run(experiment.parse([*words, "--report", "--to", str(folder)]))
    files = folder / experiment.files
    return json.loads(files.with_suffix(".json").read_text()), files.with_suffix(".md").read_text()


def cells_of(text, *first):
    """The cells of the one line of a Markdown table that begins with these."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    (found,) = [row for row in rows if row[: len(first)] == list(first)]
    return found[len(first) :]
