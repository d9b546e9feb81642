"""What the commands print: lines, tables and JSON."""

import json
from collections.abc import Iterable, Mapping

import click
from rich.table import Table

from tfnxc.console import console, plain


def print_lines(*lines: str) -> None:
    """Prints lines as they are: what looks like markup in the name of a file is none."""
    for line in lines:
        console.print(line)


def print_json(data: object) -> None:
    """Prints plain types as JSON, whatever the width of the console."""
    click.echo(json.dumps(data, indent=1))


def print_table(title: str, columns: Mapping[str, bool], rows: Iterable[Iterable[object]], comma: str = "") -> None:
    """Prints a table; `columns` says of each name whether it is a text, `comma` what stands between thousands."""
    table = Table(title=plain(title), title_justify="left")
    for column, is_text in columns.items():
        table.add_column(column, justify="left" if is_text else "right", no_wrap=column in ("name", "part"))
    for row in rows:
        table.add_row(*(plain(_cell(value, comma)) for value in row))
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
