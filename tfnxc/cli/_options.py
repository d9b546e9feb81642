"""Options that several commands share."""

from __future__ import annotations

import click

OTHER_PEOPLE = click.option(
    "--other-people",
    is_flag=True,
    help="Own pictures (folder, csv): these people are others than those of the training, though numbers are the same.",
)
"""A promise: what is on disk does not tell whether person 7 of one folder is person 7 of another."""

SEED = click.IntRange(0, 2**32 - 1)
"""What Keras takes as a seed."""
