"""`--scorer` and `--shortlist` of `tfnxc evaluate`, `plot cmc`, `plot ranking`; and the report of such a run."""

import pathlib

import pytest

from tests.cli.run_command import error_of, run
from tests.evaluation.embedded_run import embedded_run, small_model
from tests.report.page_parts import Page
from tfnxc import visualization
from tfnxc.evaluation import SavedScores
from tfnxc.runs import Run

FEW = ("--repeats", 2, "--batch-size", 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose head, embedding, and both on a shortlist have been measured by the command."""
    folder = embedded_run(tmp_path_factory.mktemp("runs") / "mine", small_model()).folder
    scorers = ("--scorer", "head", "--scorer", "embedding", "--scorer", "both", "--shortlist", "50%")
    found = run("evaluate", folder, *scorers,
                "--protocol", "paper", "--both-orders", *FEW)  # fmt: skip
    assert found.exit_code == 0, found.output
    return folder


def legend_of(monkeypatch, *arguments):
    """What stands in the legend of the panel that `tfnxc plot cmc` draws, without the figures."""
    figures = []
    monkeypatch.setattr(visualization, "save_figure", lambda figure, path, dpi: figures.append(figure))
    found = run("plot", "cmc", *arguments, "--no-published")
    assert found.exit_code == 0, found.output
    (axes,) = figures[0].axes
    return sorted(text.get_text().partition("%  ")[2] for text in axes.get_legend().get_texts())


def test_each_scorer_has_files_of_its_own_and_is_in_the_run(folder):
    names = {each.name: (each.scorer, each.label) for each in Run.open(folder).results()}
    end = "paper-2draws-allprobes-seed0-pessimistic"
    assert names == {
        f"trained-both-orders-{end}": ("head", "normxcorr"),
        f"trained-embedding-{end}": ("embedding", "normxcorr, embedding"),
        f"trained-both-shortlist50percent-both-orders-{end}": ("both", "normxcorr, both, shortlist 50 %"),
    }


def test_tables_tell_the_scorers_and_what_the_shortlist_holds(folder):
    found = run("evaluate", folder, "--scorer", "both", "--shortlist", "2", "--protocol", "paper", *FEW)
    assert found.exit_code == 0, found.output
    text = " ".join(found.output.split())
    assert "normxcorr, both, shortlist 2, paper:" in text and "of the true matches of a probe are inside" in text
    assert "pairs that paper reads are on a shortlist" in text
    next((folder / "results").glob("trained-both-shortlist2-paper-*.json")).unlink()
    next((folder / "results").glob("trained-both-shortlist2-paper-*.csv")).unlink()


def test_shortlists_beside_all_pairs_say_what_they_lose(folder):
    lists = ("--shortlist", "1", "--shortlist", "0.5", "--shortlist", "all")
    found = run("evaluate", folder, "--scorer", "both", *lists, "--protocol", "market", *FEW)
    assert found.exit_code == 0, found.output
    names = sorted(each.name for each in Run.open(folder).results() if each.protocol == "market")
    assert [name.split("-market")[0] for name in names] == [
        "trained-both", "trained-both-shortlist1", "trained-both-shortlist50percent"
    ]  # fmt: skip
    assert " ".join(found.output.split()).count("To all pairs, probe by probe: rank 1") == 2
    for path in (folder / "results").glob("trained-both-*market-*"):
        path.unlink()


def test_curves_of_scorers_that_were_measured_stand_side_by_side(folder, monkeypatch):
    shown = legend_of(monkeypatch, folder, "--protocol", "paper", "--both-orders", *FEW)
    assert shown == ["NormXcorr", "NormXcorr, both, shortlist 50 %", "NormXcorr, embedding"]
    assert legend_of(monkeypatch, folder, "--protocol", "paper", "--scorer", "embedding") == ["NormXcorr, embedding"]
    assert legend_of(monkeypatch, folder, "--protocol", "paper", "--scorer", "both", "--shortlist", 3, *FEW) == [
        "NormXcorr, both, shortlist 3"
    ]


def test_rankings_by_several_scorers_stand_below_each_other(folder, monkeypatch):
    figures = []
    monkeypatch.setattr(visualization, "save_figure", lambda figure, path, dpi: figures.append(figure))
    found = run("plot", "ranking", folder, "--count", 1, "--scorer", "embedding", "--scorer", "both", "--top", 3)
    assert found.exit_code == 0, found.output
    words = [text.get_text() for text in figures[0].axes[0].texts]
    assert words.count("probe") == 2 and sum("embedding" in text for text in words) == 1
    assert "42 rows" in error_of("plot", "ranking", folder, "--count", 21, "--scorer", "head", "--scorer", "both")


def test_saved_scores_of_the_embedding_say_so(folder, tmp_path):
    found = run("evaluate", folder, "--scorer", "embedding", "--protocol", "market", "--save-scores", tmp_path)
    assert found.exit_code == 0, found.output
    assert SavedScores.load(tmp_path / "mine-trained-embedding.npz").about["scorer"] == "embedding"
    for path in (folder / "results").glob("trained-embedding-market-*"):
        path.unlink()


def test_bad_options_are_one_clear_error(folder):
    for text in ("0", "x", "0%", "100%", "1.5", "inf", "nan"):
        assert "such as 100, or a share of the gallery, such as 5%, or all" in error_of(
            "evaluate", folder, "--scorer", "both", "--shortlist", text
        )
    assert "--shortlist: no effect without --scorer both" in error_of("evaluate", folder, "--shortlist", 5)
    both = ("evaluate", folder, "--scorer", "both")
    assert "leave out --save-scores and --all-pairs" in error_of(*both, "--shortlist", 5, "--all-pairs")
    assert "--both-orders: no effect on --scorer embedding" in error_of(
        "evaluate", folder, "--scorer", "embedding", "--both-orders"
    )
    assert "Add --protocol paper" in error_of("evaluate", folder, "--scorer", "both-camera", "--protocol", "market")
    assert "--scorer: no effect here" in error_of(
        "evaluate", "--baseline", "colour-histogram", "--dataset", "synthetic", "--scorer", "both"
    )


def test_the_report_shows_scorers_side_by_side(folder, tmp_path):
    found = run("report", folder, "--probes", 1, "--to", tmp_path / "report.html")
    assert found.exit_code == 0, found.output
    page = Page(pathlib.Path(tmp_path / "report.html").read_text(encoding="utf-8"))
    _, *rows = page.rows("Results: Synthetic people, few-1, protocol paper")
    assert [row[0] for row in rows] == [
        "normxcorr, both orders", "normxcorr, both, shortlist 50 %, both orders", "normxcorr, embedding"
    ]  # fmt: skip
    told = page.texts("p")
    assert any("of the true matches of a probe are inside its shortlist" in text for text in told)
    assert any("Embedding: the cosine of two vectors" in text for text in told)
    assert any("ranked by: NormXcorr; NormXcorr, both." in text for text in told)
    (rankings,) = [
        attributes["alt"] for _, attributes, _ in page.all("img") if "best of its gallery" in attributes["alt"]
    ]
    assert "NormXcorr has the true match at rank" in rankings and "NormXcorr, both has the true match at" in rankings
    (curves,) = [attributes["alt"] for _, attributes, _ in page.all("img") if "CMC" in attributes["alt"]]
    assert "normxcorr, embedding" in curves and "both, shortlist 50 %" in curves
