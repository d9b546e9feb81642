"""Commands that have the compiled op built in the background."""

import contextlib
import functools
import sys

import click

from tfnxc.cli._importing import around_import


def builds_op(command: click.Command, wait: bool = True) -> None:
    """Has a command, or all of a group, build the compiled op in the background once TensorFlow is imported.

    Bad input that is found before costs nothing. What is said goes to standard error, because results may be for a
    program.

    Args:
        command: A command or a group.
        wait: As in `tfnxc.ops.build_in_background`. Defaults to `True`.
    """
    for each in getattr(command, "commands", {}).values():
        builds_op(each, wait)
    if command.callback is None or isinstance(command, click.Group):
        return
    does = command.callback

    @functools.wraps(does)
    def build_and_do(*args, **options):
        if "tfnxc.ops" in sys.modules:
            _build(wait)
        else:
            around_import("tfnxc.ops", lambda: _then_build(wait))
        return does(*args, **options)

    command.callback = build_and_do


@contextlib.contextmanager
def _then_build(wait):
    yield
    _build(wait)


def _build(wait):
    from tfnxc import ops
    from tfnxc.console import error_console

    ops.build_in_background(error_console, wait)
