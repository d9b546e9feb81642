"""What the commands print: nothing that a user gave is markup, and all of it can be shown."""

import io
import os

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from tfnxc import console as console_module
from tfnxc.cli import _OneLineErrors, main
from tfnxc.cli._printing import print_table
from tfnxc.console import console, plain, progress_bar, readable
from tfnxc.datasets import synthetic
from tfnxc.evaluation import EvaluationPlan, Result, Results

HOSTILE = ("runs/[bold]x", "a[/b]", ":car:", "[link=x]y[/link]", "[/]")


@pytest.fixture
def printed(monkeypatch):
    """What goes to the console of the commands."""
    file = io.StringIO()
    monkeypatch.setattr(console, "_file", file)
    return file.getvalue


@pytest.mark.parametrize("name", HOSTILE)
def test_what_looks_like_markup_is_printed_as_it_is(printed, name):
    console.print(f"Picture: {name}")
    print_table(name, {name: True}, [[name]])
    with progress_bar(f"Reading {name}", 1) as advance:
        advance(1)
    assert printed().count(name) == 5 and f"Picture: {name}\n" in printed()


@pytest.mark.parametrize("name", HOSTILE)
def test_results_keep_labels_on_any_console(name):
    people = synthetic(identities=3)
    curves = EvaluationPlan.of("paper", people, repeats=1).measure(people.identities[:, None] == people.identities)
    results = Results([Result.of(curves, name, dataset="street", split=name)])
    for width in (80, 200):
        file = io.StringIO()
        Console(file=file, width=width).print(results)
        assert file.getvalue().count(name) == 2  # in the title and in the row
    assert name in str(results)


def test_progress_is_told_in_lines_where_there_is_no_terminal(monkeypatch):
    file, clock = io.StringIO(), iter([0.0, 0.0, 0.5, 2.0, 2.5, 3.0, 8.0, 9.0, 5000.0, 5000.0, 5001.0])
    monkeypatch.setattr(console_module.time, "monotonic", lambda: next(clock))
    with progress_bar("Pairs", 12_000, Console(file=file, width=80)) as advance:
        for count in (1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000):
            advance(count)
        advance(4000)
    assert file.getvalue().splitlines() == [
        "Pairs: 3,000 of 12,000, 0:00:09 left",
        "Pairs: 6,000 of 12,000, 0:00:10 left",
        "Pairs: 8,000 of 12,000, 0:47:37 left",
        "Pairs: 12,000 of 12,000",
    ]


def test_a_name_that_is_not_utf_8_and_what_steers_a_terminal_are_replaced(printed):
    console.print(os.fsdecode(b"caf\xe9\x1b[31m.png"))
    assert printed() == "caf\ufffd\ufffd[31m.png\n"
    assert str(plain("a\tb\nc")) == "a\tb\nc"
    assert readable("a\tb\nc\u202ed\udce9é", in_line=True) == "a\ufffdb\ufffdc\ufffdd\ufffdé"


@pytest.mark.parametrize(
    ("charset", "expected"), [("koi8-r", "caf? ?"), ("latin-1", "café ?"), ("utf-8", "café \ufffd")]
)
def test_a_console_of_any_encoding_is_printed_to(charset, expected):
    group = _OneLineErrors("tfnxc")

    @group.command()
    def show():
        console.print("café \udce9")
        print_table("café \udce9", {"name": True}, [["café \udce9"]])
        click.echo("café \udce9")
        click.echo("café \ufffd", err=True)

    found = CliRunner(charset=charset).invoke(group, ["show"])
    assert found.exit_code == 0, found.exception
    printed = found.stdout_bytes.decode(charset)
    assert printed.count(expected) >= 3 and found.stderr_bytes.decode(charset) == f"{expected}\n"


def test_an_error_names_a_path_that_is_not_utf_8(tmp_path):
    found = CliRunner().invoke(main, ["datasets", "check", "folder", "--data", str(tmp_path / os.fsdecode(b"caf\xe9"))])
    assert found.exit_code == 1 and "caf\ufffd: no such folder" in found.output


def test_a_message_names_a_folder_with_brackets(tmp_path):
    found = CliRunner().invoke(main, ["datasets", "check", "folder", "--data", str(tmp_path / "a[/b]")])
    assert found.exit_code == 1 and "a[/b]: no such folder" in found.output
