"""How a command ends where something is wrong: with one line and without a traceback."""

import contextlib
import errno
import os
import signal
import sys

import click

from tfnxc.console import readable
from tfnxc.errors import InputError
from tfnxc.files import refusal


@contextlib.contextmanager
def errors_in_one_line():
    """A block in which what a user gave, and what the system refuses, ends the command with a line and status 1.

    Ctrl-C ends it with status 130, as shells have it.
    """
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
        raise SystemExit(128 + signal.SIGINT) from None
    except InputError as error:
        raise click.ClickException(readable(str(error))) from None
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read has had enough; click ends quietly
            raise
        raise click.ClickException(readable(f"{_where(error)}{error.strerror or error}.")) from None
    except Exception as error:
        code = refusal(error)
        if code is None or isinstance(error, click.ClickException):
            raise
        raise click.ClickException(f"the system refused a file: {os.strerror(code)}.") from None


def _where(error):
    """What the error of the system is about, and a colon."""
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: "
    if refusal(error) is None:
        return ""
    try:
        print(flush=True)  # fails again where that is what failed
    except OSError:
        # Or Python would try again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return "standard output: "
    return ""
