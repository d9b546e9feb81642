"""Options shared by several commands."""

import click

from tfnxc.datasets import CATALOGUE, open_dataset
from tfnxc.errors import InputError
from tfnxc.evaluation import SCORERS
from tfnxc.evaluation.scorer import VECTORS
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
OF_PAIRS = ("both_orders", "batch_size", "strategy")
OF_RUNS = (*_OF_MODELS, "state", "held_back", "strategy")
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
    given = [name for name in OF_PAIRS if options.get(name)]
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
