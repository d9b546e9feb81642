"""docs/evaluation.md says what the package does: its examples are run."""

import doctest
import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"


def test_the_examples_of_the_guide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 10 and found.failed == 0
