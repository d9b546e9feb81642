"""`tfnxc report`: where its pictures come from and where it goes; tests/report tests the page."""

import pytest

from tests.cli.run_command import error_of, run
from tests.report.page_parts import Page
from tests.report.small_run import small_run
from tfnxc import models


@pytest.fixture
def begun(campus, tmp_path):
    """A run on two of five identities of CUHK01 that has no model yet."""
    return small_run(tmp_path / "run", "cuhk01", (2, 7), "few", data=campus)


@pytest.fixture
def trained(campus, tmp_path, keras_seed):
    """One with a model, which is not trained: what it ranks first does not matter here."""
    run = small_run(tmp_path / "run", "cuhk01", (2, 7), "few", data=campus, train=(1, 8, 9))
    models.normxcorr().save(run.model_path())
    return run


def page_of(path):
    return Page(path.read_text(encoding="utf-8"))


def test_pictures_of_a_few_probes_and_scores_that_are_kept(trained):
    result = run("report", trained.folder, "--probes", 2)
    assert result.exit_code == 0, result.output
    path = trained.folder / "report.html"
    assert f"Report: {path}" in result.output.replace("\n", "")
    page = page_of(path)
    captions = [text for text in page.texts("figcaption") if text.startswith("Probe ")]
    assert len(captions) == 5  # rankings of both, maps and correlation of each
    assert captions[0].count("NormXcorr has the true match at rank") == 2
    assert len(page.all("img")) == 6
    (scores,) = (trained.folder / "scores").rglob("*.scores")
    kept = scores.read_bytes()
    again = run("report", trained.folder, "--probes", 2)
    assert again.exit_code == 0 and scores.read_bytes() == kept and "Head, once a pair" not in again.output
    assert page_of(path).elements == page.elements


def test_without_pictures_nothing_is_scored(trained, tmp_path):
    to = tmp_path / "here" / "mine.html"
    result = run("report", trained.folder, "--no-pictures", "--to", to)
    assert result.exit_code == 0, result.output
    assert "image/png" not in to.read_text() and not (trained.folder / "scores").exists()
    assert "Left out, as asked for by --no-pictures" in " ".join(page_of(to).texts("p"))


def notes_of(folder):
    """What a report says in the place of pictures, which the console says too."""
    result = run("report", folder)
    assert result.exit_code == 0, result.output
    notes = [text for name, attributes, text in page_of(folder / "report.html").all("p") if attributes]
    (note,) = [each for each in notes if each in result.output.replace("\n", "")]
    return note


def test_a_run_without_a_model_says_how_to_get_it(begun):
    assert notes_of(begun.folder).startswith("The run has no model yet. Give the tfnxc train command")


def test_pictures_that_moved_may_be_named(trained, tmp_path):
    (tmp_path / "cuhk01").rename(tmp_path / "elsewhere")
    assert notes_of(trained.folder) == (
        "The pictures of CUHK01 (campus) are not at hand. Say where they are: tfnxc report RUN --data FOLDER."
    )
    assert "nowhere" in error_of("report", trained.folder, "--data", tmp_path / "nowhere")


def test_a_data_set_of_another_name_has_no_pictures(tmp_path):
    of_a_script = small_run(tmp_path / "run", "of my own")
    of_a_script.model_path().touch()
    assert notes_of(of_a_script.folder) == (
        "The pictures of of my own are not at hand: tfnxc reads no data set of that name."
    )


def test_bad_arguments_are_one_clear_error(begun, tmp_path):
    assert "no run here" in error_of("report", tmp_path / "nothing")
    assert "ends in .html" in error_of("report", begun.folder, "--to", tmp_path / "report.pdf")
    (begun.folder / "history.csv").write_text("x")
    (tmp_path / "old.html").write_text("old")
    assert "damaged" in error_of("report", begun.folder, "--to", tmp_path / "old.html")
    assert (tmp_path / "old.html").read_text() == "old"
