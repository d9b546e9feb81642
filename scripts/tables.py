"""What the scripts share that put results of runs into tables: reading run folders, cells, Markdown."""

import json

from tfnxc.errors import InputError
from tfnxc.evaluation import Spread, published_figures
from tfnxc.files import write_json, write_text

PROTOCOLS = ("cross-camera", "paper")
BY_PROTOCOLS = tuple(word for protocol in PROTOCOLS for word in ("--protocol", protocol))  # for `tfnxc evaluate`
IDENTITIES = 971  # of CUHK01


def add_measuring_options(parser, repeats=1, told="%(default)s"):
    """Adds the options of how runs are trained and measured to a parser of arguments.

    Args:
        parser: The parser.
        repeats: What `--repeats` is by default. Defaults to 1.
        told: What its help says of that. Defaults to the default itself.
    """
    parser.add_argument("--recipe", default="grouped", choices=("grouped", "published"), help="default %(default)s")
    parser.add_argument("--learning-rate", type=float, help="default: that of the recipe")
    parser.add_argument("--repeats", type=int, default=repeats, help=f"draws of the gallery (default {told})")
    parser.add_argument("--probes", type=int, help="at most so many probes a draw (default: all)")


def train_arguments(options, run, model, dataset, data, split, epochs):
    """The words of `tfnxc train` into the folder `run`, with the recipe of the options."""
    what = (dataset, "--data", data, "--split", split, "--model", model, "--epochs", epochs, "--run", run)
    rate = () if options.learning_rate is None else ("--learning-rate", options.learning_rate)
    return ("train", *what, "--recipe", options.recipe, *rate, "--checkpoint-seconds", 60)


def evaluate_arguments(run, repeats, probes):
    """The words of `tfnxc evaluate` of the folder `run`, under both protocols.

    Args:
        run: The folder.
        repeats: How many draws of the gallery.
        probes: At most so many probes a draw; `None` for all.
    """
    few = () if probes is None else ("--probes", probes)
    return ("evaluate", run, *BY_PROTOCOLS, "--repeats", repeats, "--both-orders", *few)


def result_of(folder, protocol, repeats, probes):
    """What `tfnxc evaluate` with `evaluate_arguments` wrote of a trained run, or `None` where it has not yet."""
    draws = f"{repeats}draws-{'all' if probes is None else probes}probes-seed0-pessimistic"
    path = folder / "results" / f"trained-both-orders-{protocol}-{draws}.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    return result if result["epochs_done"] == result["settings"]["epochs"] else None


def measured_of(results):
    """Under what several results of one protocol came about, as plain types."""
    first = results[0]
    return {
        "protocol": first["protocol"],
        "splits": {each["split"]: each["split_digest"] for each in results},
        "draws": first["repeats"],
        "probes": [each["probes"] for each in results],
        "gallery": [each["gallery"] for each in results],
        "both_orders": True,
        "models": [each["model_digest"] for each in results],
    }


def drawing_of(folder):
    """By which way of drawing a run of groups had its pairs, a number; `None` where it is of before that was noted."""
    from tfnxc.training import Run

    return Run.open(folder).record.get("pictures", {}).get("drawing")


def training_of(folder, log, step):
    """How a run was trained, as plain types.

    Args:
        folder: The run folder.
        log: The `steps.Log`.
        step: Name of the step that trained it.
    """
    from tfnxc.training import Recipe, Run

    run, known = Run.open(folder), log.of(step)
    recipe = Recipe(**{name: run.settings[name] for name in vars(Recipe()) if name in run.settings})
    return {
        "run": folder.name,
        "model": run.settings["model"],
        "search_size": run.settings["search_size"],
        "dataset": run.settings["dataset"],
        "split": run.record["split"]["name"],
        "split_digest": run.record["split_digest"],
        "identities": len(run.fitted_on[0][1]),
        "with": run.settings.get("with", []),
        "from": run.settings.get("from"),
        "epochs_done": run.epochs_done,
        "pairs": run.pairs_done,
        "minutes": known["seconds"] / 60,
        "peak_mb": known["peak_mb"],
        "recipe": vars(recipe),
        "drawing": drawing_of(folder),
        "versions": run.record["versions"],
    }


def check_drawn_alike(folder, trainings):
    """Raises an `InputError` if some runs of a folder, as from `training_of`, had their groups drawn in other ways."""
    drawn = {each["drawing"]: each["run"] for each in trainings if each["recipe"]["pairs"] == "grouped"}
    if len(drawn) > 1:
        few = " and ".join(list(drawn.values())[:2])
        raise InputError(
            f"{folder}: {few} were trained by versions that draw groups in different ways, and do not compare. Remove "
            "the older, or take another folder."
        )


def published_rows(methods, test_identities=486):
    """What was published of some methods on CUHK01 with so many test identities, as plain types; in their order."""
    known = {each.method: each for each in published_figures("cuhk01", test_identities)}
    return [
        {
            "method": each.method,
            "test_identities": each.test_identities,
            "protocol": each.protocol,
            "ranks": {str(rank): figure for rank, figure in each.ranks.items()},
            "source": each.source,
        }
        for each in map(known.__getitem__, methods)
    ]


def spread_of(values):
    """Mean, deviation and 95 % interval of measurements, with themselves, as plain types."""
    return {**Spread.of(values).to_dict(), "values": list(values)}


def cell(spread):
    """A spread as text: the mean, and where there are several values their standard deviation."""
    deviation = "" if spread["interval95"] is None else f" ± {spread['deviation']:.2f}"
    return f"{spread['mean']:.2f}{deviation}"


def published_cell(row, rank):
    """A published figure as text; empty where it was not printed."""
    return f"{row['ranks'][rank]:.2f}" if rank in row["ranks"] else ""


def markdown(head, rows):
    """A table as lines of Markdown."""
    lines = [list(map(str, head)), ["---"] * len(head), *(list(map(str, row)) for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def training_lines(trainings):
    """How runs were trained, as lines of Markdown: a table, and their recipes."""
    head = ("run", "split, digest", "identities", "epochs", "pairs", "minutes", "peak memory, MB")
    rows = [
        (
            each["run"],
            f"{each['split']}, {each['split_digest']}",
            each["identities"],
            f"{each['epochs_done']} of {each['recipe']['epochs']}",
            f"{each['pairs']:,}",
            f"{each['minutes']:.1f}",
            f"{each['peak_mb']:.0f}",
        )
        for each in trainings
    ]
    recipes = {}
    for each in trainings:
        parts = [f"{name} {value}" for name, value in each["recipe"].items()]
        # Of a file of an earlier version it is not known.
        parts += [] if each.get("drawing") is None else [f"groups drawn in way {each['drawing']}"]
        recipes.setdefault(", ".join(parts), []).append(each["run"])
    return [*markdown(head, rows), "", *(f"Recipe of {', '.join(runs)}: {text}." for text, runs in recipes.items())]


def steps_taken(log):
    """What each step took, as plain types; without its arguments, which hold paths of this machine."""
    return {name: {key: log.of(name)[key] for key in ("seconds", "peak_mb", "done")} for name in log}


def step_lines(log, prefix):
    """What the steps whose names begin so took, as lines of Markdown; `training_lines` tells it of trainings."""
    rows = []
    for name in log:
        known = log.of(name)
        if name.startswith(prefix):
            shown = name if known["done"] else f"{name}, not finished"
            rows.append((shown, f"{known['seconds'] / 60:.1f}", f"{known['peak_mb']:.0f}"))
    return markdown(("step", "minutes", "peak memory, MB"), rows)


def version_line(versions):
    """The versions of what took part, as a line."""
    return f"Written with {', '.join(f'{name} {version}' for name, version in versions.items())}."


def write_results(folder, results, lines):
    """Writes `results.json` and `results.md`, each whole or not at all, and prints the latter."""
    write_json(folder / "results.json", results)
    text = "\n".join([*lines, ""])
    write_text(folder / "results.md", text)
    print(text, flush=True)
