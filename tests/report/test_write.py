"""`write_report` as a library call; tests/cli/test_report.py tests what the pictures are of."""

import io

import pytest
from rich.console import Console

from tests.report.page_parts import Page
from tests.report.small_run import add_result, small_run
from tfnxc.errors import InputError
from tfnxc.report import report_page, write_report


def test_a_run_or_its_folder_is_written_beside_its_results_or_elsewhere(tmp_path, capsys):
    run = small_run(tmp_path / "run")
    add_result(run)
    path = write_report(run.folder, pictures=False)
    assert path == run.folder / "report.html" == write_report(run, pictures=False)
    other = write_report(run, tmp_path / "new" / "mine.htm", pictures=False)
    text = other.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
    (note,) = [words for words in Page(text).texts("p") if words.startswith("Left out")]
    assert text == report_page(run, note)
    assert capsys.readouterr().out == ""


def test_why_there_are_no_pictures_is_in_the_page_and_on_the_console(tmp_path, capsys):
    run, console = small_run(tmp_path / "run"), Console(file=io.StringIO(), width=200)
    path = write_report(run, console=console)
    note = "The run has no model yet. Give the tfnxc train command that began it again: it goes on."
    assert note in Page(path.read_text(encoding="utf-8")).texts("p")
    assert console.file.getvalue() == f"Without pictures of people. {note}\n"
    assert capsys.readouterr().out == ""


def test_nothing_is_written_where_something_is_wrong(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.html"):
        write_report(tmp_path / "nothing", tmp_path / "report.pdf")
    with pytest.raises(InputError, match="no run here"):
        write_report(tmp_path / "nothing")
    assert not list(tmp_path.iterdir())
