"""`tfnxc calibrate`."""

import click

from tfnxc.cli._options import OTHER_PEOPLE
from tfnxc.cli._printing import as_json_option, print_json
from tfnxc.datasets import CATALOGUE, open_dataset


@click.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option(
    "--false-matches",
    multiple=True,
    type=float,
    metavar="N",
    help="Make a threshold for N false matches per 1,000 gallery pictures. Repeatable. Default: 0.1, 0.3, 1, 3, 10, 30 "
    "and 100, as far as the people suffice.",
)
@click.option("--on", "dataset", type=click.Choice(list(CATALOGUE)), help="Data set with other people. Default: RUN's.")
@click.option("--data", type=click.Path(), help="Its folder or file. Default: the one that the run was trained from.")
@click.option(
    "--state",
    default="trained",
    show_default=True,
    type=click.Choice(["trained", "best"]),
    help="Of the run's model.",
)
@OTHER_PEOPLE
@click.option(
    "--pairs",
    "most_pairs",
    default=100_000,
    show_default=True,
    type=click.IntRange(1),
    help="The most to score.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Draws people and intervals.")
@click.option("--picture", type=click.Path(), help="Also draw the reliability diagrams: .png, .svg or .pdf.")
@as_json_option
def calibrate(run, dataset, data, false_matches, picture, as_json, **options):
    """Makes thresholds for a stated number of false matches, and calibrates probabilities.

    The people are those who trained neither the model of RUN nor its embedding and are not tested: those whom tfnxc
    train --validate N held back, or the others of another data set. The result lies beside the embedding,
    calibration.json; an index that tfnxc index makes of RUN takes it along, and so does an export's card. Then tfnxc
    search --false-matches N finds confident matches only. docs/thresholds.md says what the numbers mean.

    \b
    tfnxc calibrate runs/mine
    tfnxc calibrate runs/mine --false-matches 0.5 --false-matches 5 --picture reliability.png
    tfnxc calibrate runs/mine --on folder --data labelled
    """
    if picture is not None:
        from tfnxc.visualization import check_form

        check_form(picture)
    from tfnxc.console import console
    from tfnxc.embedding import calibration_path
    from tfnxc.evaluation import calibrate
    from tfnxc.evaluation.calibration_tables import calibration_tables

    people = None if dataset is None else open_dataset(dataset, data)
    where = {"people": people} if dataset is not None else {"data": data}
    found = calibrate(run, false_matches=false_matches or None, **where, **options, console=console)
    if as_json:
        print_json(found.to_dict())
    for each in () if as_json else calibration_tables(found):
        console.print(each, soft_wrap=False)
    console.print(f"Calibration: {calibration_path(run, options['state'])}")
    if picture is not None:
        from tfnxc.visualization import plot_reliability, save_figure

        scorers = {name: (each.before, each.after) for name, each in found.scorers.items()}
        save_figure(plot_reliability(scorers), picture)
