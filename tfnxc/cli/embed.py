"""`tfnxc embed`."""

import click

from tfnxc.cli._options import OTHER_PEOPLE
from tfnxc.cli._printing import as_json_option, print_json
from tfnxc.datasets import CATALOGUE, open_dataset
from tfnxc.errors import InputError


@click.group()
def embed():
    """The embedding of a run: 128 numbers a picture, whose cosine ranks a gallery without the pair head.

    tfnxc train fits it at its end. It is used by tfnxc evaluate --scorer embedding | both, index, search and export.
    """


@embed.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option("--on", "dataset", type=click.Choice(list(CATALOGUE)), help="Data set to fit on. Default: the run's own.")
@click.option("--data", type=click.Path(), help="Its folder or file. Default: the one that the run was trained from.")
@click.option("--split", help="Fit on the training people of this split; see tfnxc splits. Default: on all people.")
@click.option("--identities", type=click.IntRange(2), help="Fit on so many of them, drawn at random. Default: all.")
@click.option("--to", type=click.Path(), help="New run folder for the model and the embedding. Default: into RUN.")
@click.option(
    "--state",
    default="trained",
    show_default=True,
    type=click.Choice(["trained", "best", "initial"]),
    help="Of the run's model.",
)
@OTHER_PEOPLE
@click.option(
    "--method",
    default="discriminant",
    show_default=True,
    type=click.Choice(["discriminant", "xqda", "kissme"]),
    help="How the projection is fitted.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Draws people held back.")
@as_json_option
def fit(run, dataset, data, as_json, **options):
    """Fits the embedding of a run anew: on the people it was trained on, or on labelled pictures of another place.

    It takes seconds, and no weight of the model changes. RUN may be pretrained, the model that comes with tfnxc; then
    --on and --to are needed. People who are tested may not be fitted on: use the split that will be tested.

    \b
    tfnxc embed fit runs/mine                                      after training with an older version
    tfnxc embed fit runs/mine --state best
    tfnxc embed fit pretrained --on folder --data labelled --to runs/here
    tfnxc embed fit pretrained --on cuhk01 --data cuhk01/campus --split cuhk01-486-01 --identities 50 --to runs/fifty
    tfnxc evaluate runs/fifty --scorer embedding
    """
    from tfnxc.console import console
    from tfnxc.training import fit_embedding

    if dataset is None and any(options[name] for name in ("split", "identities", "to")):
        raise InputError("--split, --identities and --to are about the people of --on; name a data set there.")
    if run == "pretrained" and (dataset is None or options["to"] is None):
        raise InputError("pretrained needs --on, the data set to fit on, and --to, the folder of a new run.")
    people = None if dataset is None else open_dataset(dataset, data)
    embedding = fit_embedding(run, people, data=data, **options, console=console)
    card, folder = embedding.card, options["to"] or run
    fitted = sum(len(identities) for _, identities in card.fitted_on)
    console.print(
        f"Embedding of {embedding.dimensions} numbers, fitted on {card.pictures} pictures of {fitted} identities, "
        f"{card.method}, regularization {card.regularization:g}."
    )
    console.print(f"With the head: {card.combination.describe()}.", soft_wrap=True)
    if as_json:
        print_json(card.to_dict())
    if dataset is None or options["split"] is not None:  # otherwise all people were fitted on, and nobody can be tested
        console.print(f"Measure it with: tfnxc evaluate {folder} --scorer embedding --scorer both", soft_wrap=True)
