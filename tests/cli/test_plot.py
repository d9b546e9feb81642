"""`tfnxc plot` on runs that nobody trained, of six drawn people."""

import keras
import numpy as np
import pytest

from tests.cli.run_command import error_of, run
from tfnxc import models, training, visualization
from tfnxc.datasets import Split, synthetic
from tfnxc.evaluation import (
    EvaluationPlan,
    ProbeChoice,
    Result,
    Results,
    colour_histogram_scores,
    evaluate,
    rank_lists,
)
from tfnxc.evaluation.probes import draw_galleries, galleries_of
from tfnxc.scoring import embed
from tfnxc.visualization import save_figure

TESTED = (3, 50, 111, 200, 250, 299)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of two untrained models, as if they had been trained on others."""
    folder = tmp_path_factory.mktemp("runs")
    split = Split("few-1", "by hand", tuple(range(100, 110)), TESTED)
    for name in ("normxcorr", "ahmed"):
        keras.utils.set_random_seed(0)
        settings = training.RunSettings("synthetic", name, training.Recipe(epochs=1))
        made = training.Run.start(folder / name, settings, split)
        models.BUILDERS[name]().save(made.model_path())
        made.note_progress(1, pairs_per_epoch=1)
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """The figures that commands write, as they are."""
    figures = []

    def keep(figure, path, dpi):
        figures.append(figure)
        save_figure(figure, path, dpi)

    monkeypatch.setattr(visualization, "save_figure", keep)
    return figures


@pytest.fixture(scope="module")
def people():
    return synthetic(300).of_identities(TESTED)


def done(*arguments):
    result = run("plot", *arguments)
    assert result.exit_code == 0, result.output
    return result


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_cmc_draws_runs_and_baseline_in_a_panel_for_each_protocol(runs, drawn, people, tmp_path):
    done("cmc", runs / "normxcorr", "--baseline", "colour-histogram", "--repeats", 2, "--to", tmp_path / "a.svg")
    (figure,) = drawn
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    first, second = figure.axes
    assert first.get_title(loc="left").endswith("6 test identities (cross-camera)")
    assert second.get_title(loc="left").endswith("6 test identities (paper)")
    images = people.images()
    for axes, protocol in ((first, "cross-camera"), (second, "paper")):
        result = EvaluationPlan.of(protocol, people, repeats=2).measure(colour_histogram_scores(images, images))
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert f"{100 * result.rank(1):.2f}%  colour histogram" in texts and len(texts) == 2
        assert any(text.endswith("%  NormXcorr") for text in texts)
        np.testing.assert_allclose(axes.get_lines()[1].get_ydata(), 100 * result.mean)
    assert not (runs / "normxcorr" / "results").exists()  # a picture writes no results


def test_cmc_draws_several_baselines_beside_a_run(runs, drawn, people, tmp_path):
    done("cmc", runs / "normxcorr", "--baseline", "colour-histogram", "--baseline", "lomo-xqda", "--repeats", 2,
         "--protocol", "cross-camera", "--to", tmp_path / "a.png", "--dpi", 60)  # fmt: skip
    (axes,) = drawn[0].axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(text.partition("%  ")[2] for text in texts) == ["LOMO+XQDA", "NormXcorr", "colour histogram"]
    # Fitted on the training identities of the split of the run.
    everyone = synthetic(300)
    split = Split("few-1", "by hand", tuple(range(100, 110)), TESTED)
    (expected,) = evaluate("lomo-xqda", everyone, split=split, repeats=2, protocols="cross-camera")
    curves = [line.get_ydata() for line in axes.get_lines()]
    assert any(len(each) == 6 and np.allclose(each, 100 * expected.mean[:6]) for each in curves)
    assert f"{100 * expected.rank(1):.2f}%  LOMO+XQDA" in texts


def test_ranking_shows_what_the_scores_say(runs, drawn, people, tmp_path):
    to = tmp_path / "ranking.png"
    done("ranking", "--baseline", "colour-histogram", "--dataset", "synthetic", "--split", split_file(tmp_path),
         "--probe", 4, "--probe", "0111_a_01.png", "--to", to, "--dpi", 60)  # fmt: skip
    assert to.read_bytes().startswith(b"\x89PNG")
    (axes,) = drawn[0].axes
    images, plan = people.images(), EvaluationPlan.of("cross-camera", people, repeats=1)
    scores = colour_histogram_scores(images, images)[np.ix_(plan.rows, plan.columns)]
    labels = [each[side] for each in (people.identities, people.cameras) for side in (plan.rows, plan.columns)]
    lists = rank_lists(scores, *labels, k=6)
    rows = {int(plan.rows[probe]): at for at, probe in enumerate(lists.probes)}
    shown = sorted(axes.get_images(), key=lambda image: (image.get_extent()[3], image.get_extent()[0]))
    assert len(shown) == 2 * 7 and len(axes.patches) == 2
    for number, probe in enumerate((4, 9)):
        row = [probe, *plan.columns[lists.columns[rows[probe]]]]
        for image, index in zip(shown[7 * number :][:7], row, strict=True):
            np.testing.assert_array_equal(image.get_array(), images[index])
        assert f"match: {lists.first_match[rows[probe]]}" in words(drawn[0])
    assert "Probe 9, 0111_a_01.png" in words(drawn[0])


def split_file(folder):
    path = folder / "few.json"
    path.write_text('{"train": [1, 2], "test": [3, 50, 111, 200, 250, 299]}')
    return path


def test_kinds_of_probes_are_found_with_bounded_scoring(runs, drawn, people, tmp_path):
    both = runs / "ahmed", runs / "normxcorr"
    result = done("ranking", *both, "--kind", "false-match", "--among", 5, "--count", 2, "--to", tmp_path / "a.png",
                  "--dpi", 50)  # fmt: skip
    assert "30 pairs" in result.output  # 5 probes x 6 people
    texts = words(drawn[0])
    titles = [text for text in texts if text.startswith("Probe ")]
    assert titles and all("NormXcorr has somebody else at rank 1" in title for title in titles)
    assert texts.count("NormXcorr") == texts.count("Ahmed et al.") == len(titles)
    assert "about the model fused" in error_of("plot", "ranking", *both, "--kind", "only-fused", "--among", 5)


@pytest.mark.parametrize("kind", ["occlusion", "light", "viewpoint"])
def test_the_hardest_probes_are_those_that_the_set_knows(people, kind):
    from tfnxc.datasets.synthetic.people import conditions

    drawn = draw_galleries(people, "cross-camera")
    (hardest,) = galleries_of(people, "synthetic", "cross-camera", ProbeChoice(kind, count=1))
    known = conditions(people.paths)

    def difficulty(probe):
        (match,) = (each for each in drawn[probe] if people.identities[each] == people.identities[probe])
        first, second = known[probe], known[match]
        return {
            "occlusion": (first.occluder is not None) + (second.occluder is not None),
            "light": abs(first.brightness - second.brightness),
            "viewpoint": abs((first.turn - second.turn + 180) % 360 - 180),
        }[kind]

    assert difficulty(hardest) == pytest.approx(max(map(difficulty, drawn)))


def test_maps_are_those_of_the_tower(runs, drawn, people, tmp_path):
    done("maps", runs / "normxcorr", "--probe", 0, "--scale", "map", "--to", tmp_path / "maps.png", "--dpi", 50)
    model = training.Run.open(runs / "normxcorr").load_model()
    expected = embed(models.split(model).tower, people.images()[:1])[0]
    found = [image for image in drawn[0].axes[0].get_images() if image.get_array().shape == (37, 12)]
    found = sorted(found, key=lambda image: (image.get_extent()[3], image.get_extent()[0]))[:25]
    np.testing.assert_allclose(np.stack([image.get_array() for image in found], -1), expected, atol=1e-6)
    assert "Probe 0, 0003_a_00.png" in words(drawn[0]) and "probe" in words(drawn[0])


def test_correlation_takes_positions_names_files_and_the_match(runs, drawn, people, tmp_path):
    from PIL import Image

    Image.fromarray(people.read(0)).save(tmp_path / "mine.png")
    for probe, gallery in ((0, 2), ("0003_a_00.png", "match"), (tmp_path / "mine.png", "synthetic/0003_b_00.png")):
        done("correlation", runs / "normxcorr", probe, gallery, "--patch", "60,30", "--patches", 3, "--to",
             tmp_path / "c.png", "--dpi", 50)  # fmt: skip
    extents = [[image.get_extent() for image in figure.axes[0].get_images()] for figure in drawn]
    assert extents[0] == extents[1] == extents[2]
    assert words(drawn[0]) == words(drawn[1]) == words(drawn[2])
    pictures = [image.get_array() for image in drawn[0].axes[0].get_images() if image.get_array().shape == (160, 60, 3)]
    for picture, index in zip(pictures, (0, 2, 0, 2), strict=True):
        np.testing.assert_array_equal(picture, people.read(index))


def test_bad_input_is_one_clear_line(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = runs / "normxcorr"
    assert "a.jpg: pictures are written as .png, .svg, .pdf" in error_of("plot", "maps", folder, "--to", "a.jpg")
    assert "nothing to draw" in error_of("plot", "cmc") and "nothing to draw" in error_of("plot", "ranking")
    assert "no run here" in error_of("plot", "maps", tmp_path)
    assert "41 rows, one a run and probe, are more than 40" in error_of("plot", "ranking", folder, "--count", 41)
    assert "maps of 14 runs are more" in error_of("plot", "maps", *[folder] * 14)
    assert "picture 24: the test part of synthetic has pictures 0 to 23" in error_of(
        "plot", "ranking", folder, "--probe", 24
    )
    assert "picture 2 is no probe of this draw under cross-camera" in error_of("plot", "ranking", folder, "--probe", 2)
    assert "nobody.png: no picture of that name" in error_of("plot", "correlation", folder, "nobody.png", 0)
    assert "--patch takes the row and the column" in error_of("plot", "correlation", folder, 0, 2, "--patch", "x")
    assert "ahmed has no normalized correlation" in error_of("plot", "correlation", runs / "ahmed", 0, "match")
    assert "this run has 25 maps" in error_of("plot", "correlation", folder, 0, 2, "--channel", 26)
    assert not list(tmp_path.iterdir())


def test_runs_on_several_splits_are_one_curve_and_others_each_their_own(people):
    images, plan = people.images(), EvaluationPlan.of("cross-camera", people, repeats=2)
    measured = plan.measure(colour_histogram_scores(images, images))

    def result(name, split, **settings):
        settings = training.RunSettings("synthetic", "fused", **settings)
        about = {"split_digest": split, "settings": settings, "test_identities": 6}
        return Result.of(measured, "fused", name, dataset="synthetic", split=split, **about)

    l2 = training.Recipe(l2=0.1)
    found = Results([result("a", "few-1", seed=1), result("b", "few-2", seed=2), result("c", "few-2", recipe=l2)])
    (panel,) = found.panels()
    assert list(panel.curves) == ["Fused, a", "Fused, c"] and panel.title.endswith(", 6 test identities")
    assert panel.curves["Fused, a"].repeats == 2 and panel.curves["Fused, c"].repeats == measured.repeats
    np.testing.assert_allclose(panel.curves["Fused, a"].curves, [measured.mean, measured.mean])
    again = Results([result("a", "few-1"), result("b", "few-1")])
    assert [group.label for group in again.groups] == ["fused, a", "fused, b"]  # two on one split stay apart
