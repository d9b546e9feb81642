"""The search window: NormXcorr and the model of Ahmed et al., each with a narrow and a wide one, trained alike.

They are the four columns of section 3.1 of the supplement, on CUHK01; its 5x12 is 5 rows x the whole
width. `ablation.py` runs it.
"""

import json

from steps import Step
from tables import (
    PROTOCOLS,
    check_drawn_alike,
    evaluate_arguments,
    markdown,
    measured_of,
    published_cell,
    published_rows,
    result_of,
    step_lines,
    steps_taken,
    train_arguments,
    training_lines,
    training_of,
    version_line,
)

from tfnxc.errors import InputError
from tfnxc.evaluation import TITLES

WINDOWS = {
    ("normxcorr", "5x5"): "NormXcorr, 5x5 search",
    ("normxcorr", "5xall"): "NormXcorr",
    ("ahmed", "5x5"): "Ahmed et al.",
    ("ahmed", "5xall"): "Ahmed et al., 5x12 search",
}
"""Models and search windows, as `tfnxc.metrics.published` calls them."""

RANKS = ("1", "10", "50")


def steps_of(options):
    """All steps, one model and window after the other."""
    steps = []
    for model, search in WINDOWS:
        run, name = _run(options, model, search), _step("train", options, model, search)
        where = "cuhk01", options.data, f"cuhk01-486-{options.partition:02d}", options.epochs
        words = (*train_arguments(options, run, model, *where), "--search", search)
        steps.append(Step.of_tfnxc(name, words, run))
        words = evaluate_arguments(run, options.repeats, options.probes)
        steps.append(Step.of_tfnxc(_step("evaluate", options, model, search), words, run, (name,)))
    return steps


def _step(what, options, model, search):
    return f"{what} {options.partition:02d} {model} {search}"


def _run(options, model, search):
    return options.to / f"cuhk01-{options.partition:02d}-{model}-{search}"


def results_of(options, log):
    """What there is, as plain types: a row for each model, window and protocol that has a result."""
    from tfnxc.runs.run import versions

    rows, trainings, recipes = [], [], set()
    for (model, search), method in WINDOWS.items():
        run = _run(options, model, search)
        found = [result_of(run, protocol, options.repeats, options.probes) for protocol in PROTOCOLS]
        found = [result for result in found if result is not None]
        if not found:
            continue
        trainings.append(training_of(run, log, _step("train", options, model, search)))
        recipes.add(json.dumps(trainings[-1]["recipe"], sort_keys=True))
        about = {"method": method, "model": model, "search": search, "parameters": _parameters(trainings[-1])}
        for result in found:
            figures = {f"rank {rank}": result["ranks"][rank]["mean"] for rank in RANKS}
            rows.append({**about, **measured_of([result]), "figures": figures, "minutes": trainings[-1]["minutes"]})
    if len(recipes) > 1:
        raise InputError(f"{options.to}: the runs there were trained with {len(recipes)} recipes and do not compare.")
    check_drawn_alike(options.to, trainings)
    return {
        "data": f"CUHK01, partition {options.partition}, 485 training and 486 test identities",
        "unit": "per cent",
        "rows": rows,
        "published": published_rows(WINDOWS.values()),
        "trainings": trainings,
        "steps": steps_taken(log),
        "versions": versions(),
    }


def _parameters(training):
    from tfnxc.models import BUILDERS

    return BUILDERS[training["model"]](search_size=tuple(training["search_size"])).count_params()


def lines_of(results, log):
    """The results as lines of Markdown."""
    rows = []
    for published in results["published"]:
        for row in results["rows"]:
            if row["method"] == published["method"]:
                cells = [f"{row['figures'][f'rank {rank}']:.2f}" for rank in RANKS]
                last = f"{row['parameters']:,}", f"{row['minutes']:.1f}", row["draws"], row["probes"][0]
                rows.append((TITLES[row["model"]], row["search"], row["protocol"], *cells, *last))
        model, search = next(key for key, method in WINDOWS.items() if method == published["method"])
        cells = [published_cell(published, rank) for rank in RANKS]
        rows.append((f"{TITLES[model]}, published", search, published["protocol"] or "?", *cells, *[""] * 4))
    ranks = [f"rank {rank}" for rank in RANKS]
    return [
        f"{results['data']}, in per cent.",
        "",
        *markdown(("model", "search", "protocol", *ranks, "parameters", "minutes", "draws", "probes"), rows),
        "",
        *training_lines(results["trainings"]),
        "",
        *step_lines(log, "evaluate"),
        "",
        version_line(results["versions"]),
    ]
