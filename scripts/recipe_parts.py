"""What each part of the recipe `grouped` buys: trainings with one part changed, on as many pairs, on held-back people.

They are training identities of one partition of CUHK01 that `tfnxc train --validate` holds back; nobody looks at a test
identity. `ablation.py` runs it.
"""

import json

from steps import Step
from tables import markdown, step_lines, steps_taken, training_lines, training_of, version_line

PROTOCOL = "cross-camera"
DRAWS = 10
RANKS = ("1", "5", "10", "20")

PARTS = {
    "grouped": (),
    "adam-0.001": ("--optimizer", "adam", "--learning-rate", 0.001),
    "adam-0.003": ("--optimizer", "adam", "--learning-rate", 0.003),
    "images-as-they-are": ("--scaling", "published"),
    "he-initialization": ("--initializer", "he"),
    "no-ranking": ("--ranking", 0),
    "cross-camera-positives": ("--positives", "cross-camera"),
    "random-negatives": ("--negatives", "uniform"),
    "hard-negatives": ("--hard-share", 1),
    "groups-of-4": ("--people", 4),
    "batches-of-288": ("--batch-size", 288),
    "rate-0.002": ("--learning-rate", 0.002),
    "rate-0.005": ("--learning-rate", 0.005),
    "light-and-erasing": ("--light", 0.5, "--erase", 0.2),
}
"""The options that change a part, by the name of the run."""


def steps_of(options):
    """All steps, one part after the other."""
    steps = []
    for part in options.parts:
        run = options.to / part
        words = ("train", "cuhk01", "--data", options.data, "--split", f"cuhk01-486-{options.partition:02d}")
        words += ("--recipe", "grouped", "--validate", options.validate, "--validate-every", options.passes)
        words += ("--with", f"cuhk03-labeled={options.cuhk03}") if options.cuhk03 else ()
        # A pass is one over the images: larger groups make more pairs of it.
        people = dict(zip(PARTS[part][::2], PARTS[part][1::2], strict=True)).get("--people", 3)
        words += (*PARTS[part], "--passes", round(options.passes * 3 / people), "--run", run)
        steps.append(Step.of_tfnxc(f"train {part}", (*words, "--checkpoint-seconds", 60), run))
        words = ("evaluate", run, "--held-back", "--both-orders", "--protocol", PROTOCOL, "--repeats", DRAWS)
        steps.append(Step.of_tfnxc(f"evaluate {part}", words, run, (f"train {part}",)))
    return steps


def results_of(options, log):
    """What there is, as plain types: a row for each part that has a result."""
    from tfnxc.report.training import read_history
    from tfnxc.training import Run
    from tfnxc.training.run import versions

    rows, trainings = [], []
    for part in PARTS:
        folder = options.to / part
        found = list((folder / "results").glob(f"trained-*-held-back-*-both-orders-{PROTOCOL}-{DRAWS}draws-*.json"))
        if not found:
            continue
        result = json.loads(found[0].read_text(encoding="utf-8"))
        figures = {f"rank {rank}": result["ranks"][rank]["mean"] for rank in RANKS} | {"mAP": result["mAP"]["mean"]}
        trainings.append(training_of(folder, log, f"train {part}"))
        changes = " ".join(map(str, PARTS[part])) or "the recipe as it is"
        about = {"part": part, "changes": changes, "split": result["split"], "split_digest": result["split_digest"]}
        about |= {
            "loss": read_history(Run.open(folder))["loss"][-1],
            "probes": result["probes"],
            "draws": result["repeats"],
        }
        rows.append({**about, "figures": figures, **{key: trainings[-1][key] for key in ("pairs", "minutes")}})
    return {
        "data": "held-back training identities of CUHK01",
        "unit": "per cent",
        "protocol": PROTOCOL,
        "both_orders": True,
        "rows": rows,
        "trainings": trainings,
        "steps": steps_taken(log),
        "versions": versions(),
    }


def lines_of(results, log):
    """The results as lines of Markdown."""
    names = [*(f"rank {rank}" for rank in RANKS), "mAP"]
    rows = [
        (
            row["part"],
            f"`{row['changes']}`" if row["changes"].startswith("--") else row["changes"],
            *(f"{row['figures'][name]:.2f}" for name in names),
            f"{row['loss']:.3f}",
            f"{row['pairs']:,}",
            f"{row['minutes']:.1f}",
        )
        for row in results["rows"]
    ]
    sets = sorted({f"{row['split']}, {row['split_digest']}: {row['probes']} probes" for row in results["rows"]})
    return [
        f"{results['data']} ({'; '.join(sets)}), {PROTOCOL}, {DRAWS} draws, both orders, in per cent.",
        "",
        *markdown(("part", "changed", *names, "last loss", "pairs", "minutes"), rows),
        "",
        *training_lines(results["trainings"]),
        "",
        *step_lines(log, "evaluate"),
        "",
        version_line(results["versions"]),
    ]
