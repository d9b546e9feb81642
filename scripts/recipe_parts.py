"""What each part of the recipe `grouped` buys: trainings with one part changed, on as many pairs, on held-back people.

They are training identities of one partition of CUHK01 that `tfnxc train --validate` holds back; nobody looks at a test
identity. `ablation.py` runs it.
"""

import json
import re

from steps import Step
from tables import (
    BY_PROTOCOLS,
    PROTOCOLS,
    cell,
    check_drawn_alike,
    markdown,
    spread_of,
    step_lines,
    steps_taken,
    training_lines,
    training_of,
    version_line,
)

from tfnxc.errors import InputError

DRAWS = 10
RANKS = ("1", "5", "10", "20")

RECIPE = "grouped"
PARTS = {
    RECIPE: (),
    "adam-0.001": ("--optimizer", "adam", "--learning-rate", 0.001),
    "adam-0.003": ("--optimizer", "adam", "--learning-rate", 0.003),
    "images-as-they-are": ("--scaling", "published"),
    "he-initialization": ("--initializer", "he"),
    "no-ranking": ("--ranking", 0),
    "cross-camera-positives": ("--positives", "cross-camera"),
    "random-negatives": ("--negatives", "uniform"),
    "hard-negatives": ("--hard-share", 1),
    "groups-of-4": ("--identities-per-group", 4),
    "batches-of-288": ("--batch-size", 288),
    "rate-0.002": ("--learning-rate", 0.002),
    "rate-0.005": ("--learning-rate", 0.005),
    "light-and-erasing": ("--light", 0.5, "--erase", 0.2),
}
"""The options that change a part, by the name of the run."""


def steps_of(options):
    """All steps, one part after the other; each seed holds other people back."""
    steps = []
    for seed, part in ((seed, part) for seed in range(options.seeds) for part in options.parts):
        run = _folder(options, part, seed)
        words = ("train", "cuhk01", "--data", options.data, "--split", f"cuhk01-486-{options.partition:02d}")
        words += ("--recipe", RECIPE, "--validate", options.validate, "--validate-every", options.epochs)
        words += ("--with", f"cuhk03-labeled={options.cuhk03}") if options.cuhk03 else ()
        words += ("--seed", seed) if seed else ()
        # A pass is one over the images: larger groups make more pairs of it.
        people = dict(zip(PARTS[part][::2], PARTS[part][1::2], strict=True)).get("--identities-per-group", 3)
        words += (*PARTS[part], "--epochs", round(options.epochs * 3 / people), "--run", run)
        steps.append(Step.of_tfnxc(f"train {run.name}", (*words, "--checkpoint-seconds", 60), run))
        words = ("evaluate", run, "--held-back", "--both-orders", *BY_PROTOCOLS, "--repeats", DRAWS)
        steps.append(Step.of_tfnxc(f"evaluate {run.name}", words, run, (f"train {run.name}",)))
    return steps


def _folder(options, part, seed):
    return options.to / (f"{part}-seed-{seed}" if seed else part)


def _seeds_of(options, part):
    """The seeds that a part has run folders of, ascending."""
    names = (re.fullmatch(rf"{re.escape(part)}-seed-([1-9]\d*)", each.name) for each in options.to.glob("*"))
    return [0, *sorted(int(name[1]) for name in names if name)]


def results_of(options, log):
    """What there is, as plain types: a row for each part that has a result, over the seeds that have one."""
    from tfnxc.report.training import read_history
    from tfnxc.runs.run import versions
    from tfnxc.training import Run

    rows, trainings = [], []
    for part in PARTS:
        measured, kinds = {}, set()
        for seed in _seeds_of(options, part):
            folder = _folder(options, part, seed)
            results = {protocol: _result_of(folder, protocol) for protocol in PROTOCOLS}
            if all(results.values()):
                training = training_of(folder, log, f"train {folder.name}")
                trainings.append(training)
                settings = {name: value for name, value in Run.open(folder).settings.items() if name != "seed"}
                kinds.add(json.dumps(settings, sort_keys=True))
                measured[seed] = results, training, read_history(Run.open(folder))["loss"][-1]
        if not measured:
            continue
        if len(kinds) > 1:
            raise InputError(f"{options.to}: the seeds of {part} were trained with {len(kinds)} settings.")
        results, trained, losses = zip(*measured.values(), strict=True)
        recipe = next((row for row in rows if row["part"] == RECIPE), None)
        figures = {protocol: _figures([each[protocol] for each in results]) for protocol in PROTOCOLS}
        tested = [each[PROTOCOLS[0]] for each in results]
        rows.append(
            {
                "part": part,
                "changes": " ".join(map(str, PARTS[part])) or "the recipe as it is",
                "seeds": list(measured),
                "tested": [{key: each[key] for key in ("split", "split_digest")} for each in tested],
                "probes": {protocol: [each[protocol]["probes"] for each in results] for protocol in PROTOCOLS},
                "draws": DRAWS,
                "figures": figures,
                "rank 1 to the recipe": {
                    protocol: recipe and _difference(list(measured), figures[protocol], recipe, protocol)
                    for protocol in PROTOCOLS
                },
                "loss": spread_of(losses),
                "pairs": trained[0]["pairs"],
            }
        )
    check_drawn_alike(options.to, trainings)
    return {
        "data": "held-back training identities of CUHK01",
        "unit": "per cent",
        "protocols": list(PROTOCOLS),
        "both_orders": True,
        "rows": rows,
        "trainings": trainings,
        "steps": steps_taken(log),
        "versions": versions(),
    }


def _result_of(folder, protocol):
    """What `tfnxc evaluate` wrote of a run by a protocol, or `None` where it has not yet."""
    name = f"trained-*-held-back-*-both-orders-{protocol}-{DRAWS}draws-allprobes-*.json"
    found = list((folder / "results").glob(name))
    return json.loads(found[0].read_text(encoding="utf-8")) if found else None


def _figures(results):
    """Ranks and mAP of several results, as spreads over them."""
    figures = {f"rank {rank}": spread_of([each["ranks"][rank]["mean"] for each in results]) for rank in RANKS}
    return figures | {"mAP": spread_of([each["mAP"]["mean"] for each in results])}


def _difference(seeds, figures, recipe, protocol):
    """How much higher the rank 1 of a part is than that of the recipe, as a spread over the seeds that both have."""
    own = dict(zip(recipe["seeds"], recipe["figures"][protocol]["rank 1"]["values"], strict=True))
    pairs = zip(seeds, figures["rank 1"]["values"], strict=True)
    more = [value - own[seed] for seed, value in pairs if seed in own]
    return spread_of(more) if more else None


def lines_of(results, log):
    """The results as lines of Markdown."""
    names = [*(f"rank {rank}" for rank in RANKS), "mAP"]
    lines = []
    for protocol in PROTOCOLS:
        rows = [
            (
                row["part"],
                f"`{row['changes']}`" if row["changes"].startswith("--") else row["changes"],
                *(cell(row["figures"][protocol][name]) for name in names),
                _difference_cell(row["rank 1 to the recipe"][protocol]),
                f"{row['loss']['mean']:.3f}",
                len(row["seeds"]),
            )
            for row in results["rows"]
        ]
        head = (protocol, "changed", *names, f"rank 1 to {RECIPE}", "last loss", "seeds")
        lines += [*markdown(head, rows), ""]
    sets = {f"{each['split']}, {each['split_digest']}" for row in results["rows"] for each in row["tested"]}
    return [
        f"{results['data']} ({'; '.join(sorted(sets))}), all probes, {DRAWS} draws, both orders, in per cent; over "
        f"several seeds mean ± standard deviation, and the difference to {RECIPE} paired by seed with half the width "
        "of the 95 % interval of its mean.",
        "",
        *lines,
        *training_lines(results["trainings"]),
        "",
        *step_lines(log, "evaluate"),
        "",
        version_line(results["versions"]),
    ]


def _difference_cell(spread):
    if spread is None:
        return ""
    interval = "" if spread["interval95"] is None else f" ± {spread['interval95']:.2f}"
    return f"{spread['mean']:+.2f}{interval}"
