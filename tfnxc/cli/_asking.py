"""Questions that a command asks before it does what cannot be undone."""

import sys

import click

from tfnxc.console import console
from tfnxc.errors import InputError


def agree(what: str, yes: bool) -> None:
    """Says `what` will be done and goes on where the answer, or the option `--yes`, is yes; otherwise ends the command.

    Where nobody can answer, because standard input is no terminal, that is an `InputError` with the remedy.
    """
    console.print(what)
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nobody can be asked, since standard input is no terminal; nothing was done. --yes agrees.")
    click.confirm("Go on?", abort=True)
