"""The options that the pictures of `tfnxc plot` share, and how a picture is written."""

from __future__ import annotations

import dataclasses

import click

from tfnxc.cli.evaluate import evaluate
from tfnxc.errors import InputError
from tfnxc.evaluation import PROTOCOLS

KINDS = ("random", "all-right", "only-fused", "false-match", "all-fail", "occlusion", "light", "viewpoint")
"""Those of `tfnxc.evaluation.probes`, which is not imported before it is needed: it brings matplotlib along."""

DATA = ("dataset", "data", "split_name", "partial", "other_people", "held_back", "state")
PAIRS = ("both_orders", "flips", "batch_size")


def like_evaluate(*names):
    """Adds options of `tfnxc evaluate` to a command, as they are there."""
    options = {option.name: option for option in evaluate.params}

    def add(command):
        command.params += [options[name] for name in names]
        return command

    return add


def file_options(default):
    """The options that say where the picture goes."""

    def add(command):
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
        return to(dpi(command))

    return add


def _checked(context, parameter, path):
    # Before anything is scored.
    from tfnxc.visualization.save import check_form

    check_form(path)
    return path


def choice_options(command):
    """The options that say which probes are pictured."""
    kind = click.option(
        "--kind",
        default="random",
        show_default=True,
        type=click.Choice(KINDS),
        help="Which probes: at random; or by the ranks of their true matches; or the hardest in one respect, which "
        "the synthetic set knows of its pictures.",
    )
    probes = click.option(
        "--probe",
        "probes",
        multiple=True,
        metavar="PICTURE",
        help="This probe: its position in the test part, as the picture's title has it, or its file name. May be "
        "given several times.",
    )
    among = click.option(
        "--among",
        default=50,
        show_default=True,
        type=click.IntRange(1),
        help="At most so many probes, drawn at random, are scored to find those of a kind.",
    )
    seed = click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0), help="Draws the gallery, and which probes."
    )
    return kind(probes(among(seed(command))))


PROTOCOL = click.option(
    "--protocol", type=click.Choice(list(PROTOCOLS)), help="Its first draw is the gallery. Default: the data set's own."
)
"""The protocol of a picture of single probes."""


def split_choice(options):
    """The `Choice` among the options, and the others."""
    from tfnxc.evaluation.rankings import Choice

    names = [field.name for field in dataclasses.fields(Choice)]
    return Choice(**{name: options.pop(name) for name in names}), options


def subjects_of(folders, baseline, options):
    """`(name, data set, Subject)` of runs and the baseline; nothing is written into the runs but scores."""
    from tfnxc.evaluation import subjects as _subjects

    _subjects.check_options(folders, baseline, (), options)
    return _subjects.subjects(folders, baseline, (), ".", writes=False, **options)


def pixel_of(text):
    """`(row, column)` of a pixel, of the form `60,30`."""
    try:
        row, column = map(int, text.split(","))
    except ValueError:
        raise InputError(f"--patch takes the row and the column of a pixel, such as 60,30; got {text!r}.") from None
    if not (0 <= row < 160 and 0 <= column < 60):
        raise InputError(f"--patch {text}: pictures have 160 rows and 60 columns, counted from 0.")
    return row, column


def save(figure, path, dpi):
    """Writes the picture and says where."""
    from tfnxc.console import console
    from tfnxc.visualization import save_figure

    save_figure(figure, path, dpi)
    console.print(f"Picture: {path}")
