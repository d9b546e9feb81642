import base64
import dataclasses
import hashlib
import importlib.resources
import json
import re

import numpy as np
import pytest

from tests.report.page_parts import Page
from tests.report.small_run import add_result, small_run
from tfnxc.errors import InputError
from tfnxc.report import Pictures, report_page
from tfnxc.runs import Run
from tfnxc.visualization import MapRow, PairCorrelation, RankedProbe, Ranking

NONE = "Left out."


def pictures(title="Probe 4"):
    """Pictures of one probe, of random arrays."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (3, 160, 60, 3), np.uint8)
    ranking = Ranking("NormXcorr", images[1:], np.array([0.9, 0.2]), np.array([False, True]), 2)
    rows = [MapRow(role, image, rng.random((37, 12, 25))) for role, image in zip("abc", images, strict=True)]
    correlation = PairCorrelation(rng.uniform(-1, 1, (37, 12, 2, 5, 12)), True)
    return Pictures(
        [RankedProbe(title, images[0], [ranking])], [{"NormXcorr": rows}], [(images[0], images[1], correlation)]
    )


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """The page of a run with everything."""
    run = small_run(tmp_path_factory.mktemp("runs") / "whole")
    add_result(run)
    add_result(run, "normxcorr, initial", "initial")
    (run.folder / "best.json").write_text('{"epoch": 1, "val_rank_1": 0.2, "val_mAP": 0.3}')
    return report_page(run, pictures())


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_headings_lead_through_the_page_in_order(page):
    headings = [(int(name[1]), text) for name, _, text in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert headings == [
        (1, "whole"),
        (2, "Results"),
        (3, "Synthetic people, mine, protocol cross-camera"),
        (2, "Training"),
        (2, "Rankings"),
        (2, "Maps of the tower"),
        (2, "What the correlation sees"),
        (2, "Configuration and data"),
        (2, "Timing and versions"),
    ]
    assert page.texts("title") == ["whole: report on a run of tfnxc"]
    assert page.all("html")[0][1] == {"lang": "en"}


def test_landmarks_and_names_that_lead_somewhere(page):
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.all(landmark)) == 1
    names = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(set(names)) == len(names)
    leading = [attributes["href"] for _, attributes, _ in page.all("a")]
    assert len(leading) == 8 and {name.removeprefix("#") for name in leading} <= set(names)
    labelled = [attributes["aria-labelledby"] for _, attributes, _ in page.elements if "aria-labelledby" in attributes]
    assert labelled and set(labelled) <= set(names)


def test_every_image_is_inside_and_says_what_it_shows(page):
    images = [attributes for _, attributes, _ in page.all("img")]
    assert len(images) == 5
    for attributes in images:
        assert re.match(r"data:image/(png|svg\+xml);base64,", attributes["src"])
        assert len(attributes["alt"]) > 40 and int(attributes["width"]) > 0 and int(attributes["height"]) > 0
    alts = [attributes["alt"] for attributes in images]
    assert "Loss from 0.9000 to 0.4000" in alts[1] and "Validation rank 1 from – to 20.00" in alts[1]
    assert "Probe 4: NormXcorr has the true match at rank 2" in alts[2]
    assert "the picture and its 25 maps" in alts[3] and re.search(r"The strongest is \d\.\d\d", alts[4])


def test_curves_and_tables_show_the_results(page, tmp_path):
    run = small_run(tmp_path / "run")
    result = add_result(run)
    (curves,) = [attributes["alt"] for _, attributes, _ in page.all("img") if "CMC" in attributes["alt"]]
    assert f"normxcorr {100 * result.rank(1):.2f} % at rank 1" in curves
    heads, trained, initial = page.rows("Results: Synthetic people, mine, protocol cross-camera")
    assert heads[0] == "Method" and heads[1] == "Rank 1" and heads[-3:] == ["Probes", "Gallery", "Draws"]
    assert (trained[0], initial[0]) == ("normxcorr", "normxcorr, initial")
    assert trained[1].startswith(f"{100 * result.rank(1):.2f} ± ") and trained[-3:] == ["3", "3", "2"]
    assert f"{100 * result.rank(1):.2f} % cross-camera, 3 probes, 2 draws" in page.texts("dd")
    assert page.rows("Speed of scoring, towers included")[1][-1] == "18"  # pairs in half a second: 9
    assert ["keras", run.versions["keras"], run.versions["keras"]] in page.rows("Versions")


def test_the_history_is_also_a_table(page):
    heads, *rows = page.rows("The training, epoch by epoch; shares in per cent")
    assert heads[:4] == ["Epoch", "Accuracy", "Loss", "Validation rank 1"] and heads[-1] == "Validation mAP"
    assert [row[:4] for row in rows] == [["1", "50.00", "0.9000", "–"], ["2", "75.00", "0.4000", "20.00"]]
    assert any("The best model is that of epoch 2." in caption for caption in page.texts("figcaption"))


def test_settings_stand_beside_the_published_recipe(page):
    rows = {row[0]: row[1:] for row in page.rows("Settings")}
    assert rows["learning rate"] == ["0.5", "0.005"] and rows["batch size"] == ["128", "128"]
    assert {"0.5", "2"} == set(page.texts("strong")) - {"bold"}
    rows = dict(page.rows("Who trains and who tests"))
    assert rows["People who test"] == "3" and rows["Epochs finished"] == "2 of 2"
    assert rows["Recipe"] == "published with learning rate 0.5"


def test_tables_have_captions_and_scopes_and_boxes_that_scroll_by_keyboard(page):
    assert len(page.all("table")) == len(page.all("caption")) == 6
    assert {attributes["scope"] for _, attributes, _ in page.all("th")} == {"col", "row"}
    assert all(text.strip() for text in page.texts("th"))
    boxes = [attributes for _, attributes, _ in page.elements if attributes.get("class") == "box"]
    assert len(boxes) == 11 and all(box["tabindex"] == "0" and box["role"] == "group" for box in boxes)


def test_the_page_loads_and_runs_nothing(text, page):
    """The policy forbids all but the one style sheet, which is as the file of the package has it, and images inside."""
    style = importlib.resources.files("tfnxc.report").joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [attributes["content"] for _, attributes, _ in page.all("meta") if "http-equiv" in attributes]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert [text for _, _, text in page.all("style")] == [style] and "url(" not in style and "@import" not in style
    assert text.index("Content-Security-Policy") < text.index("<style>")
    for name, attributes, _ in page.elements:
        assert name not in {"script", "iframe", "object", "embed", "form", "base", "video", "audio", "source", "svg"}
        for key, value in attributes.items():
            assert not key.startswith("on") and key not in {"style", "srcset", "action", "background"}
            if key in {"src", "href"}:
                assert value.startswith(("data:", "#")), value


def test_the_same_run_gives_the_same_page(tmp_path):
    run = small_run(tmp_path / "run")
    add_result(run)
    assert report_page(run, pictures()) == report_page(run, pictures())


def test_what_comes_from_disk_is_text(tmp_path):
    hostile = "<script>alert('x')<b onload=\"y\"> $x^$ &"
    run = small_run(tmp_path / hostile, name=hostile)
    record = json.loads((run.folder / "run.json").read_text())
    record["settings"] |= {hostile: hostile, "other": "\udc80\x00"}
    record["versions"][hostile] = hostile
    record["before"] = [[hostile, [1]]]
    (run.folder / "run.json").write_text(json.dumps(record))
    run = Run.open(run.folder)
    add_result(run, dataset="mine", split="mine")
    (path,) = (run.folder / "results").glob("*.json")
    told = dict.fromkeys(("label", "dataset", "split"), hostile)
    path.write_text(json.dumps({**json.loads(path.read_text()), **told}))
    text = report_page(run, pictures(hostile))
    page = Page(text)
    assert not page.all("script", "b") and "<script" not in text
    assert page.texts("h1") == [hostile]
    assert [hostile, hostile, "–"] in page.rows("Settings") and ["other", "??", "–"] in page.rows("Settings")
    assert page.rows(f"Results: {hostile}, {hostile}, protocol cross-camera")[1][0] == hostile
    assert any(hostile in attributes["alt"] for _, attributes, _ in page.all("img"))


def test_without_pictures_it_holds_nothing_that_should_not_be_passed_on(tmp_path):
    data = tmp_path / "secret" / "data"
    run = small_run(tmp_path / "run", data=data)
    add_result(run, data=str(data))
    text = report_page(run, NONE)
    assert "image/png" not in text and NONE in text
    assert "secret" not in text and str(tmp_path) not in text


def test_a_run_that_only_began_says_how_to_get_the_rest(tmp_path):
    page = Page(report_page(small_run(tmp_path / "run", history=None), NONE))
    assert not page.all("img")
    notes = [" ".join(text.split()) for _, attributes, text in page.all("p") if attributes.get("class") == "missing"]
    assert notes == [
        "Nothing is measured yet. tfnxc evaluate RUN does it; RUN is the run's folder.",
        "No epoch is finished yet. Give the tfnxc train command that began the run again: it goes on.",
        NONE,
        "No speed is noted yet. tfnxc evaluate RUN notes it where it scores pairs anew.",
    ]
    assert page.texts("dt") == ["Epochs"]


def test_a_model_without_correlation_says_so(tmp_path):
    shown = dataclasses.replace(pictures(), correlations=[])
    page = Page(report_page(small_run(tmp_path / "run"), shown))
    assert len(page.all("img")) == 3
    assert any("has no normalized correlation" in text for text in page.texts("p"))


@pytest.mark.parametrize(("name", "there"), [("cuhk01-486-01", True), ("cuhk01-486-01-partial", False)])
def test_published_figures_stand_beside_results_on_all_of_a_published_split(tmp_path, name, there):
    run = small_run(tmp_path / "run", "cuhk01", range(1, 487), name)
    add_result(run)
    page = Page(report_page(run, NONE))
    rows = page.rows(f"Results: CUHK01 (campus), {name}, protocol cross-camera")
    assert (["Fused (paper)", "65.04", *["–"] * 9] in rows) == there
    (curves,) = [attributes["alt"] for _, attributes, _ in page.all("img") if "CMC" in attributes["alt"]]
    assert ("Published, at rank 1: Fused 65.04 %" in curves) == there


def test_a_published_split_of_another_set_is_known_by_its_name(tmp_path):
    run = small_run(tmp_path / "run")
    add_result(run, dataset="cuhk01", split="cuhk01-486-02", split_digest="other")
    page = Page(report_page(run, NONE))
    assert page.rows("Results: CUHK01 (campus), cuhk01-486-02, protocol cross-camera")[2] == [
        "Published (protocol, ? where the source does not say)"
    ]
    assert page.texts("dt") == ["Epochs"]  # a figure of other people is not the run's own


@pytest.mark.parametrize("measured, first", [(["paper"], "paper"), (["market", "cross-camera"], "cross-camera")])
def test_the_usual_protocol_comes_first_and_where_it_is_missing_another(tmp_path, measured, first):
    run = small_run(tmp_path / "run")
    ranks = {protocol: add_result(run, protocol=protocol).rank(1) for protocol in measured}
    shown = report_page(run, NONE)
    assert f"{100 * ranks[first]:.2f} % <small>{first}, " in shown


def test_the_ways_a_pair_was_shown_are_told(tmp_path):
    run = small_run(tmp_path / "run")
    both = [[False, [False, False]], [True, [False, False]]]
    add_result(run, views=both)
    page = Page(report_page(run, NONE))
    assert page.rows("Results: Synthetic people, mine, protocol cross-camera")[1][0] == "normxcorr, both orders"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.csv", "epoch,accuracy,loss\n0,much,1\n"),
        ("history.csv", "epoch,accuracy,loss\n0,1,1,1\n"),
        ("history.csv", "accuracy,loss\n1,1\n"),
        ("history.csv", "epoch,accuracy\n0,1\n"),
        ("best.json", "{}"),
        ("results/mine.json", "[]"),
        ("results/mine.json", "{"),
        ("results/mine.json", '{"label": "x"}'),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content):
    run = small_run(tmp_path / "run")
    path = run.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(InputError, match=re.escape(str(path))):
        report_page(run, NONE)


def test_a_result_without_its_curve_is_named(tmp_path):
    run = small_run(tmp_path / "run")
    add_result(run)
    (path,) = (run.folder / "results").glob("*.csv")
    path.unlink()
    with pytest.raises(InputError, match="not a whole result"):
        report_page(run, NONE)


def test_a_result_that_holds_words_for_numbers_is_named(tmp_path):
    run = small_run(tmp_path / "run")
    add_result(run)
    (path,) = (run.folder / "results").glob("*.json")
    record = json.loads(path.read_text())
    record["mAP"]["mean"] = "<b>"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="not a whole result"):
        report_page(run, NONE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_what_is_behind_them(scheme):
    """Contrast of 4.5 or more, as WCAG 2.2 asks for in 1.4.3, and 3 for the frame of what has the focus (1.4.11)."""
    style = importlib.resources.files("tfnxc.report").joinpath("style.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)
    )
    colours = light if scheme == "light" else dark
    assert light.keys() == dark.keys()
    for letters in ("text", "quiet", "link"):
        for behind in ("page", "soft"):
            assert contrast(colours[letters], colours[behind]) >= 4.5, (letters, behind)


def contrast(first, second):
    """Contrast of two colours by WCAG 2.2."""
    bright, dark = sorted(map(luminance, (first, second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_at_a_glance_is_the_head_and_else_the_scorer_is_named(tmp_path):
    run = small_run(tmp_path / "run")
    rank = f"{100 * add_result(run, 'normxcorr, both', scorer='both').rank(1):.2f} % cross-camera, 3 probes, 2 draws"
    assert f"{rank}, scorer both" in Page(report_page(run, NONE)).texts("dd")
    (both,) = run.results()
    add_result(run)
    dataclasses.replace(both, name="other", probes=99).save(run.folder / "results")
    found = Page(report_page(run, NONE)).texts("dd")
    assert rank in found and not any("scorer both" in text for text in found)
