"""What the commands print: lines, tables and JSON."""

import contextlib
import functools
import json
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import click

from tfnxc.console import console
from tfnxc.errors import InputError
from tfnxc.files import write_json
from tfnxc.tables import Column, Table, note

STANDARD_OUTPUT = "-"
"""What `--json` is given for a file that is none."""

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".npz", ".keras"}


def as_json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flag `--json`: standard output is one JSON document, and all else goes to standard error."""

    @click.option("--json", "as_json", is_flag=True, help="As one JSON document; notes go to standard error.")
    @functools.wraps(command)
    def with_option(*args, as_json, **options):
        with _only_json(as_json):
            return command(*args, as_json=as_json, **options)

    return with_option


def json_file_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds `--json [FILE]`: `what` goes to a file besides what is printed, or without one as by `as_json_option`."""

    def add(command):
        @click.option(
            "--json",
            "json_file",
            is_flag=False,
            flag_value=STANDARD_OUTPUT,
            type=click.Path(),
            metavar="[FILE]",
            help=f"Also write {what} to this file; without FILE, as the last option, print nothing but that.",
        )
        @functools.wraps(command)
        def with_option(*args, json_file, **options):
            if json_file is not None and json_file != STANDARD_OUTPUT:
                path = pathlib.Path(json_file)
                if path.is_dir() or path.suffix.lower() in _PICTURES:  # an argument that stood behind --json
                    raise InputError(f"--json {json_file}: expected a file to write, or nothing. Give --json last.")
            with _only_json(json_file == STANDARD_OUTPUT):
                return command(*args, json_file=json_file, **options)

        return with_option

    return add


@contextlib.contextmanager
def _only_json(asked: bool) -> Iterator[None]:
    """Has the console of the commands write to standard error while it lasts, where JSON is asked for."""
    before, console.stderr = console.stderr, asked or console.stderr
    try:
        yield
    finally:
        console.stderr = before


def give_json(data: object, json_file: str | None) -> None:
    """Writes plain types as JSON where `json_file_option` was told to; nowhere without it."""
    if json_file == STANDARD_OUTPUT:
        print_json(data)
    elif json_file is not None:
        write_json(json_file, data)


def print_lines(*lines: str) -> None:
    """Prints lines as they are: what looks like markup in the name of a file is none."""
    for line in lines:
        console.print(line)


def print_notes(*texts: str) -> None:
    """Prints texts that are folded between words at the width of the console."""
    for text in texts:
        console.print(note(text), soft_wrap=False)


def print_json(data: object) -> None:
    """Prints plain types as JSON, whatever the width of the console."""
    click.echo(json.dumps(data, indent=1))


def print_table(title: str, columns: Mapping[str, bool], rows: Iterable[Iterable[object]], comma: str = "") -> None:
    """Prints a table; `columns` says of each name whether it is a text, `comma` what stands between thousands.

    The first column has the names of the rows.
    """
    heading, *headings = columns
    table = Table(title, [Column(each.strip(), columns[each]) for each in headings], heading)
    for name, *values in rows:
        table.add_row(str(name), *(_cell(value, comma) for value in values))
    console.print(table)


def _cell(value: object, comma: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:{comma}}"
    if not isinstance(value, list):
        return str(value)
    if len(value) > 2 and isinstance(value[0], int) and value == list(range(value[0], value[-1] + 1)):
        return f"{value[0]} to {value[-1]}"
    return ", ".join(map(str, value))
