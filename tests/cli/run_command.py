"""Running `tfnxc` as a user does."""

from click.testing import CliRunner

from tfnxc.cli import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def error_of(*arguments):
    """The one line that a command prints on bad input."""
    result = run(*arguments)
    assert result.exit_code != 0 and isinstance(result.exception, SystemExit), result
    line = result.output.strip().splitlines()[-1]
    assert line.startswith("Error: ") and "Traceback" not in result.output
    return line
