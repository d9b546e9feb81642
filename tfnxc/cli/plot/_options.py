"""What the commands of `tfnxc plot` share: options, who is tested, writing a picture."""

import click

from tfnxc.cli._options import check_options, people_of, where
from tfnxc.cli.evaluate import evaluate

PEOPLE = ("dataset", "data", "split_name", "partial", "other_people", "held_back", "state")
PAIRS = ("both_orders", "flips", "batch_size")
RUNS = click.argument("folders", metavar="[RUN]...", nargs=-1, type=click.Path())


def like_evaluate(*names):
    """Adds options of `tfnxc evaluate` to a command, as they are there."""
    options = {option.name: option for option in evaluate.params}

    def add(command):
        command.params += [options[name] for name in names]
        return command

    return add


def file_options(default):
    """The options that say where the picture goes."""
    to = click.option(
        "--to",
        "path",
        default=default,
        show_default=True,
        type=click.Path(),
        help="File; .png, or .svg or .pdf, sharp at any size.",
        callback=_checked,
    )
    dpi = click.option(
        "--dpi", default=200, show_default=True, type=click.IntRange(50, 1200), help="Pixels an inch, of a PNG."
    )
    return lambda command: to(dpi(command))


def _checked(context, parameter, path):
    # Before anything is scored.
    from tfnxc.visualization import check_form

    check_form(path)
    return path


def tested(folders, baselines, dataset, data, split_name, **options):
    """Who is tested and how, as arguments of `tfnxc.evaluation.rank_probes`."""
    from tfnxc.runs import Run

    check_options(folders, baselines, (), {**options, "dataset": dataset, "data": data, "split_name": split_name})
    if folders:
        return {**where(Run.open(folders[0]), dataset, data, split_name), **options}
    return {**people_of(dataset, data, split_name), "partial": options["partial"]}


def save(figure, path, dpi):
    """Writes the picture and says where."""
    from tfnxc import visualization
    from tfnxc.console import console

    visualization.save_figure(figure, path, dpi)
    console.print(f"Picture: {path}")
