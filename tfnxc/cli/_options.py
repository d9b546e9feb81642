"""Options shared by several commands."""

import click

from tfnxc.datasets import CATALOGUE, open_dataset
from tfnxc.errors import InputError
from tfnxc.evaluation import SCORERS
from tfnxc.evaluation.scorer import VECTORS
from tfnxc.runs.result import HEAD
from tfnxc.scoring.two_stages import Shortlist

# A promise: what is on disk does not tell whether person 7 of one folder is person 7 of another.
OTHER_PEOPLE = click.option(
    "--other-people",
    is_flag=True,
    help="Own pictures (folder, csv): these people are others than those of the training, though numbers are the same.",
)
SEED = click.IntRange(0, 2**32 - 1)  # what Keras takes


def _length(text):
    """Pictures, or a share of the gallery of the form `5%` or `0.05`; `None` for `all`."""
    if text == "all":
        return None
    try:
        if text.isdecimal():
            return Shortlist(int(text)).asked
        return Shortlist(float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)).asked
    except ValueError:
        told = "pictures, such as 100, or a share of the gallery, such as 5%, or all"
        raise click.BadParameter(f"{told}; got {text!r}.") from None


SCORER = click.option(
    "--scorer",
    multiple=True,
    type=click.Choice(SCORERS),
    help="What of a run scores: the pair head; the embedding, once a picture, also with a remedy against hubs; both "
    "together; or both with the camera, for the protocol paper. May be given more than once. Default: head.",
)
SHORTLIST = click.option(
    "--shortlist",
    "shortlist",
    multiple=True,
    metavar="K",
    callback=lambda context, parameter, texts: [_length(text) for text in texts] or None,
    help="Of --scorer both: the head scores only the K pictures of each gallery that the embedding likes best, or K%, "
    "such as 5%, of each. May be given more than once; beside all, which leaves out none, each says what it loses.",
)

_OF_MODELS = ("both_orders", "flips", "batch_size", "other_people", "scorer", "shortlist")
_OF_PAIRS = ("both_orders", "batch_size", "strategy")
_OF_RUNS = (*_OF_MODELS, "state", "held_back", "strategy")
_OF_PEOPLE = ("dataset", "data", "split_name", "partial")


def check_options(folders, baselines, files, options):
    """Refuses options that could not have an effect, rather than ignoring them, or that contradict."""
    if options["held_back"]:
        if not folders:
            raise InputError("--held-back: name the runs whose held-back people are meant.")
        if options["dataset"] or options["split_name"]:
            raise InputError("--held-back means people of each run's own split: leave out --dataset and --split.")
    unused = [name for name in _OF_MODELS if options.get(name)] if not folders else []
    if files and not folders and not baselines:
        unused += [name for name in _OF_PEOPLE if options[name]]
    if unused:
        names = ", ".join(f"--{name.removesuffix('_name').replace('_', '-')}" for name in unused)
        raise InputError(f"{names}: no effect here; saved scores and baselines are measured as they are.")


def check_scorers(options, save_to=None):
    """Refuses options without effect on the scorers asked for, and a shortlist that is to be saved."""
    given = [name for name in _OF_PAIRS if options.get(name)]
    if options["scorer"] and set(options["scorer"]) <= set(VECTORS) and given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(f"{names}: no effect on --scorer embedding, which compares no pairs; leave out.")
    if options["shortlist"] is None:
        return
    if not any(kind.startswith("both") for kind in options["scorer"]):
        raise InputError(
            "--shortlist: no effect without --scorer both, whose head scores what the embedding leaves to it."
        )
    if any(options["shortlist"]) and (save_to is not None or options.get("all_pairs")):
        raise InputError(
            "--shortlist: its scores are of shortlists inside the galleries that are drawn, and serve no other: leave "
            "out --save-scores and --all-pairs."
        )


def people_of(dataset, data, split_name):
    """The people of a data set and the split that tests them, as arguments of `evaluate`."""
    if dataset is None:
        raise InputError("--baseline needs --dataset, and --data where the set lies on disk.")
    return {"people": open_dataset(dataset, data), "split": split_name or CATALOGUE[dataset].default_split}


def where(run, dataset, data, split_name):
    """The people that a run is tested on, as arguments of `evaluate`."""
    if dataset in (None, run.settings.dataset):
        return {"split": split_name, "data": data}
    return {**people_of(dataset, data, split_name), "data": data}


def measured_scorers(run, state, tested):
    """Scorers other than the head, with the shortlist of each, that a run has results of on one of the tested parts."""
    people = {(each.dataset, each.split.digest) for each in tested}
    there = [each for each in run.results() if each.state == state and (each.dataset, each.split_digest) in people]
    asked = {(each.scorer, None if each.shortlist is None else each.shortlist["asked"]) for each in there}
    others = [each for each in asked if each[0] != HEAD]
    return sorted(others, key=lambda each: (SCORERS.index(each[0]), each[1] or 0))


def measured(folders, baselines, files, dataset, data, split_name, partial, known_scorers=False, call=None, **options):
    """The `Results` of each subject, one after the other; options are those of `evaluate`.

    `call` is made in its place, such as `tfnxc.evaluation.estimate`.

    Where no scorer is named, it is the head of a run; with `known_scorers` also each other one that was measured on the
    same people.
    """
    from tfnxc.evaluation import evaluate
    from tfnxc.runs import Run

    evaluate = call or evaluate
    of_runs = {name: options.pop(name) for name in _OF_RUNS if name in options}
    named = of_runs.pop("scorer", ())
    tested = {}
    for folder in folders:
        run = Run.open(folder)
        people = {**where(run, dataset, data, split_name), "partial": partial}
        found = evaluate(run, scorer=named or HEAD, **people, **of_runs, **options)
        yield found
        for each in found.tested:
            tested.setdefault((each.dataset, each.split.digest), each)
        if known_scorers and not named:
            for scorer, shortlist in measured_scorers(run, of_runs["state"], found.tested):
                asked = options["protocols"] or ("paper",)
                if scorer == "both-camera" and "paper" not in asked:
                    continue
                if "open-set" in asked and (shortlist is not None or scorer == "embedding-k-reciprocal"):
                    continue  # their scores do not compare from probe to probe
                how = {**of_runs, **options, "scorer": scorer, "shortlist": shortlist}
                if scorer in VECTORS:
                    how = {name: value for name, value in how.items() if name not in _OF_PAIRS}
                yield evaluate(run, **people, **how)
    for baseline in dict.fromkeys(baselines):
        if not folders:
            yield evaluate(baseline, **people_of(dataset, data, split_name), partial=partial, **options)
        for each in tested.values():
            yield evaluate(baseline, each.people, split=each.split, **options)
    for file in files:
        yield evaluate(file, **options)
