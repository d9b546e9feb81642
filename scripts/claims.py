"""What the models bear: rank 1 on drawn people against occlusion, light and viewpoint, each with a dial from 0 to 2.

Figures 2, 3 and 4 of the supplement show by an example each that NormXcorr and Fused bear these better than the model
of Ahmed et al. `ablation.py` runs it, `dials.py` does each step of it.
"""

import json
import pathlib

from steps import Step
from tables import (
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
from tfnxc.evaluation import TITLES, Spread

BASELINE = "ahmed"
FIGURES = {"occlusion": "figure 2", "light": "figure 3", "viewpoint": "figure 4"}
"""The dials, with the figures of the supplement that show what they are about."""

MOST = 2.0  # a dial's last value


def steps_of(options):
    """All steps, seed by seed."""
    script, steps = str(pathlib.Path(__file__).resolve().with_name("dials.py")), []
    for seed in range(options.seeds):
        for model in TITLES:
            run, name = _run(options.to, seed, model), f"train {seed} {model}"
            how = ("--model", model, "--seed", seed, "--identities", options.identities, "--epochs", options.epochs)
            how += ("--test-identities", options.test_identities)
            steps.append(Step(name, (script, "train", *map(str, (run, *how))), run))
            how = (script, "measure", str(run), "--draws", str(options.draws))
            steps.append(Step(f"measure {seed} {model}", how, run, (name,)))
    return steps


def _run(folder, seed, model):
    return folder / f"seed{seed}-{model}"


def results_of(options, log):
    """What there is, as plain types: rank 1 of each model at each value of each dial, and the verdicts."""
    from dials import DIALS, OTHERS

    from tfnxc.runs.run import versions
    from tfnxc.training import Run

    paths = sorted(options.to.glob("seed*/results/dials.json"))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    _check_alike(paths, found)
    measured = {(each["settings"]["model"], each["settings"]["seed"]): _by_dial(each, DIALS, OTHERS) for each in found}
    rows = []
    for dial in DIALS:
        for model in TITLES:
            seeds = sorted(seed for name, seed in measured if name == model)
            for value in sorted({value for seed in seeds for value in measured[model, seed][dial]}):
                rank = spread_of([measured[model, seed][dial][value] for seed in seeds])
                rows.append({"dial": dial, "value": value, "model": model, "seeds": seeds, "rank 1": rank})
    runs = [Run.open(path.parents[1]) for path in paths]
    names = [f"train {run.settings['seed']} {run.settings['model']}" for run in runs]
    trainings = [training_of(run.folder, log, name) for run, name in zip(runs, names, strict=True)]
    check_drawn_alike(options.to, trainings)
    first = found[0]["results"][0] if found else {}
    return {
        "data": f"drawn people, the dials that are not under test at {OTHERS:g}",
        "unit": "per cent",
        "measured": {
            **{key: first.get(key) for key in ("protocol", "repeats", "probes", "gallery", "ties")},
            "test_identities": len(found[0]["split"]["test"]) if found else None,
            "both_orders": True,
        },
        "rows": rows,
        "verdicts": verdicts_of(measured),
        "trainings": trainings,
        "steps": steps_taken(log),
        "versions": versions(),
    }


def _by_dial(measured, dials, others):
    """Rank 1 in per cent by dial and value; where no dial is under test, it counts for each of them."""
    found = {dial: {} for dial in dials}
    for each in measured["results"]:
        turned = [dial for dial in dials if each["dials"][dial] != others]
        for dial in turned or dials:
            found[dial][each["dials"][dial]] = each["ranks"]["1"]["mean"]
    return found


def _check_alike(paths, found):
    """Runs that differ in more than model and seed do not compare."""
    kinds = {}
    for path, each in zip(paths, found, strict=True):
        settings = {name: value for name, value in each["settings"].items() if name not in ("model", "seed")}
        kind = [settings, *(len(each["split"][part]) for part in ("train", "test")), each["epochs_done"]]
        kinds[json.dumps([*kind, each["results"][0]["repeats"]], sort_keys=True)] = path
    if len(kinds) > 1:
        few = " and ".join(map(str, list(kinds.values())[:2]))
        raise InputError(f"{few} come of different settings or draws and do not compare: remove those not wanted.")


def verdicts_of(measured):
    """Whether NormXcorr and Fused bear a challenge better than Ahmed et al.

    Args:
        measured: Rank 1 in per cent: `{(model, seed): {dial: {value: rank 1}}}`.

    Returns:
        A list of dicts as plain types, two for each dial and model: `measure`, `"rank 1 at 2"` or `"loss from 0 to 2"`;
        `difference`, that of the model minus that of Ahmed et al., as a spread over the seeds that both have; and
        `verdict`: `"holds"` where the 95 % interval of the mean excludes 0 on the side of the claim (a higher rank 1,
        a smaller loss), `"the contrary holds"` where it does on the other, else `"not shown"`.
    """
    found = []
    for dial, figure in FIGURES.items():
        for model in (each for each in TITLES if each != BASELINE):
            seeds = sorted(seed for name, seed in measured if name == model and (BASELINE, seed) in measured)
            if not seeds:
                continue
            pairs = [(measured[model, seed][dial], measured[BASELINE, seed][dial]) for seed in seeds]
            rank = [own[MOST] - other[MOST] for own, other in pairs]
            loss = [(own[0.0] - own[MOST]) - (other[0.0] - other[MOST]) for own, other in pairs]
            about = {"dial": dial, "figure": figure, "model": model, "seeds": seeds}
            for measure, values, better in (("rank 1 at 2", rank, 1), ("loss from 0 to 2", loss, -1)):
                verdict = _verdict([better * value for value in values])
                found.append({**about, "measure": measure, "difference": spread_of(values), "verdict": verdict})
    return found


def _verdict(differences):
    """In favour of the claim are differences above 0."""
    spread = Spread.of(differences)
    if spread.interval is None or abs(spread.mean) <= spread.interval:
        return "not shown"
    return "holds" if spread.mean > 0 else "the contrary holds"


def lines_of(results, log):
    """The results as lines of Markdown."""
    if not results["rows"]:
        return ["No results yet."]
    lines, measured = [], results["measured"]
    for dial in FIGURES:
        rows = [row for row in results["rows"] if row["dial"] == dial]
        values = sorted({row["value"] for row in rows})
        body = []
        for model in TITLES:
            own = {row["value"]: row for row in rows if row["model"] == model}
            if own:
                seeds = len(own[values[0]]["seeds"])
                body.append((TITLES[model], *(cell(own[value]["rank 1"]) for value in values), seeds))
        lines += [*markdown((dial, *(f"{value:g}" for value in values), "seeds"), body), ""]
    verdicts = [_sentence(each) for each in results["verdicts"]]
    return [
        f"Rank 1 in per cent of {measured['test_identities']} {results['data']}; {measured['protocol']}, both orders, "
        f"{measured['probes']} probes, draws: {measured['repeats']}; mean ± standard deviation over seeds, each of "
        "which has its own people, cameras and training.",
        "",
        *lines,
        "Differences to Ahmed et al. are paired by seed, with the 95 % interval of their mean by Student's t; of "
        f"{len(verdicts)} such intervals one in twenty misses by chance.",
        "",
        *verdicts,
        "",
        *training_lines(results["trainings"]),
        "",
        *step_lines(log, "measure"),
        "",
        version_line(results["versions"]),
    ]


def _sentence(verdict):
    difference = verdict["difference"]
    interval = "no interval with one seed"
    if difference["interval95"] is not None:
        interval = f"± {difference['interval95']:.2f}, {len(verdict['seeds'])} seeds"
    claim = f"{TITLES[verdict['model']]} bears {verdict['dial']} better than {TITLES[BASELINE]} ({verdict['figure']})"
    return f"- {claim}, {verdict['measure']}: {verdict['verdict']}; difference {difference['mean']:+.2f} ({interval})."
