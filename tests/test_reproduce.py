"""The tables of results on CUHK01, from run folders made by hand."""

import importlib
import json
import pathlib

import numpy as np
import pytest

from tfnxc.cli import main
from tfnxc.datasets import Split, cuhk01
from tfnxc.errors import InputError
from tfnxc.evaluation import PROTOCOLS
from tfnxc.evaluation.measure import Subject, measure
from tfnxc.evaluation.subjects import _marks
from tfnxc.files import write_json
from tfnxc.models import BUILDERS
from tfnxc.training import Recipe, Run

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "scripts"
TRAIN, TEST = (1, 2, 7), (8, 9)
PAIRS = 432


@pytest.fixture
def script(monkeypatch):
    """Imports a script."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


@pytest.fixture
def make_run(tmp_path, campus):
    """Makes a run folder with a result of each protocol, all its figures moved by `points`."""

    def make(
        name, model, split, points, search=None, epochs=5, done=5, source=None, probes="all", drawing=None, draws=1
    ):
        recipe = Recipe.named("grouped", epochs=epochs)
        settings = {"dataset": "cuhk01", "model": model, "search_size": search, "seed": 0, **vars(recipe)}
        settings |= {"from": source} if source else {}
        run = Run.start(tmp_path / "to" / name, settings, Split(split, "by hand", TRAIN, TEST), campus)
        if drawing is not None:
            run.begin({"drawing": drawing})
        run.note_progress(done, pairs_per_epoch=PAIRS)
        for protocol, base in (("cross-camera", 20.0), ("paper", 30.0)):
            name = f"trained-both-orders-{protocol}-{draws}draws-{probes}probes-seed0-pessimistic.json"
            write_json(run.folder / "results" / name, result_of(run, protocol, base + points))
        return run

    return make


def result_of(run, protocol, rank_1):
    ranks = {rank: {"mean": rank_1 + more} for rank, more in (("1", 0), ("5", 5), ("10", 10), ("20", 20), ("50", 50))}
    about = {"split": run.record["split"]["name"], "split_digest": run.record["split_digest"], "model_digest": "abc"}
    about |= {"settings": run.settings, "epochs_done": run.epochs_done}
    counts = {"repeats": 1, "probes": 972, "gallery": 486}
    return {"protocol": protocol, "ranks": ranks, "mAP": {"mean": rank_1 + 1}, **counts, **about}


def report(module, folder, *words):
    """What a script writes with `--report`."""
    module.main([*words, "--report", "--to", str(folder)])
    return json.loads((folder / "results.json").read_text()), (folder / "results.md").read_text()


def cells_of(text, *first):
    """The cells of the one line of a Markdown table that begins with these."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    (found,) = [row for row in rows if row[: len(first)] == list(first)]
    return found[len(first) :]


def parsed(step):
    """The options of the `tfnxc` command of a step, as the command reads them."""
    module, tool, command, *words = step.arguments
    assert (module, tool) == ("-m", "tfnxc")
    return main.commands[command].make_context(command, words).params


def test_the_steps_of_the_reproduction(script):
    reproduce = script("reproduce_cuhk01")
    words = ["--data", "campus", "--cuhk03", "set.mat", "--models", "ahmed", "fused", "--partitions", "1", "2"]
    options = reproduce.arguments(
        [
            *words,
            "--to",
            "to",
            "--epochs",
            "7",
            "--pretrain-epochs",
            "3",
            "--probes",
            "9",
            "--learning-rate",
            "0.002",
            "--positives",
            "cross-camera",
        ]
    )
    steps = reproduce.steps_of(options)
    parts = [
        f"{what} {split} {model}"
        for split in ("cuhk01-486-01", "cuhk01-486-02", "cuhk01-100-01", "cuhk01-100-02")
        for model in ("ahmed", "fused")
        for what in ("train", "evaluate")
    ]
    assert [step.name for step in steps] == ["train cuhk03 ahmed", "train cuhk03 fused", *parts]
    first, train, evaluate, last = (parsed(steps[number]) for number in (1, -10, -9, -1))
    assert (first["dataset"], first["data"], first["epochs"], first["partial"]) == (
        "cuhk03-labeled",
        "set.mat",
        3,
        True,
    )
    assert (train["model"], train["split_name"], train["epochs"]) == ("fused", "cuhk01-486-02", 7)
    assert (train["folder"], train["source"], train["recipe_name"]) == (
        str(steps[-9].folder),
        first["folder"],
        "grouped",
    )
    assert not train["others"] and train["learning_rate"] == first["learning_rate"] == 0.002
    assert first["positives"] == train["positives"] == "cross-camera"
    assert (first["schedule"], first["warmup"], train["schedule"]) == ("constant", 0, None)  # the recipe's own
    assert evaluate["folders"] == (train["folder"],) and evaluate["protocols"] == ("cross-camera", "paper")
    assert (evaluate["repeats"], evaluate["probes"], evaluate["both_orders"]) == (1, 9, True)
    assert steps[-10].after == ("train cuhk03 fused",) and steps[-9].after == ("train cuhk01-486-02 fused",)
    # With 100 test identities all ten draws: one costs a twentieth of one with 486.
    assert (parsed(steps[-2])["split_name"], last["repeats"], last["probes"]) == ("cuhk01-100-02", 10, 9)
    few = "--test-identities", "486", "--models", "fused", "--partitions", "1"
    alone = reproduce.steps_of(reproduce.arguments(["--data", "campus", *few]))
    assert [step.name for step in alone] == ["train cuhk01-486-01 fused", "evaluate cuhk01-486-01 fused"]
    assert parsed(alone[1])["probes"] is None
    alone = parsed(alone[0])
    assert alone["epochs"] == 70 and alone["source"] is alone["learning_rate"] is alone["positives"] is None
    assert Recipe.named(alone["recipe_name"]).positives == "any"  # what the table in the docs was trained with


def test_the_table_of_the_reproduction(script, make_run, tmp_path):
    reproduce, steps = script("reproduce_cuhk01"), script("steps")
    make_run("cuhk01-486-01-normxcorr", "normxcorr", "cuhk01-486-01", 0.0)
    make_run("cuhk01-486-02-normxcorr", "normxcorr", "cuhk01-486-02", 4.0)
    make_run("cuhk01-486-01-ahmed", "ahmed", "cuhk01-486-01", -5.0)
    log = steps.Log(tmp_path / "to")
    log.note(
        "train cuhk01-486-01 normxcorr",
        seconds=90.0,
        peak_mb=1234.4,
        done=1,
        arguments=["--data", "pictures-of-somebody"],
    )
    log.note("evaluate cuhk01-486-01 normxcorr", seconds=30.0, peak_mb=800.0)
    results, text = report(reproduce, tmp_path / "to")
    found = [(row["model"], row["protocol"], row["partitions"]) for row in results["rows"]]
    assert found == [
        ("ahmed", "cross-camera", [1]),
        ("ahmed", "paper", [1]),
        ("normxcorr", "cross-camera", [1, 2]),
        ("normxcorr", "paper", [1, 2]),
    ]
    row = results["rows"][2]
    assert row["figures"]["rank 1"]["values"] == [20.0, 24.0] and row["figures"]["mAP"]["mean"] == 23.0
    assert row["figures"]["rank 1"]["interval95"] == pytest.approx(12.706 * 8**0.5 / 2**0.5)
    assert (row["draws"], row["probes"]) == (1, [972, 972]) and list(row["splits"]) == [
        "cuhk01-486-01",
        "cuhk01-486-02",
    ]
    assert cells_of(text, "NormXcorr", "cross-camera")[:2] == ["22.00 ± 2.83", "27.00 ± 2.83"]
    assert cells_of(text, "NormXcorr", "cross-camera")[-4:] == ["5", "2", "1", "972"]
    assert cells_of(text, "Ahmed et al.", "paper")[:6] == ["25.00", "30.00", "35.00", "45.00", "75.00", "26.00"]
    # Of the two published windows of Ahmed et al. the one that the model has.
    assert cells_of(text, "Ahmed et al., published")[:4] == ["?", "47.53", "", "80.25"]
    assert cells_of(text, "NormXcorr, published")[:4] == ["paper", "60.17", "", "86.26"]
    digest = Split("", "", TRAIN, TEST).digest
    trained = cells_of(text, "cuhk01-486-01-normxcorr")
    assert trained == [f"cuhk01-486-01, {digest}", "3", "5 of 5", f"{5 * PAIRS:,}", "1.5", "1234"]
    assert cells_of(text, "evaluate cuhk01-486-01 normxcorr, not finished") == ["0.5", "800"]
    assert results["steps"]["train cuhk01-486-01 normxcorr"] == {"seconds": 90.0, "peak_mb": 1234.4, "done": 1}
    assert "somebody" not in json.dumps(results) + text  # both are there to be published
    assert [each["method"] for each in results["published"]] == ["Ahmed et al.", "NormXcorr"]
    assert results["trainings"][0]["recipe"]["optimizer"] == "kernel-muon" and "tensorflow" in results["versions"]


def test_100_test_identities_have_a_table_and_draws_of_their_own(script, make_run, elsewhere, tmp_path):
    reproduce = script("reproduce_cuhk01")
    others = elsewhere([2], model="normxcorr")
    rows = json.loads(others.read_text())
    for row in rows["rows"]:
        del row["test_identities"]  # as an earlier version wrote it, which had no others than 486
    write_json(others, rows)
    make_run("cuhk01-486-01-normxcorr", "normxcorr", "cuhk01-486-01", 0.0)
    make_run("cuhk01-100-01-normxcorr", "normxcorr", "cuhk01-100-01", 30.0, draws=10)
    make_run("cuhk01-100-02-normxcorr", "normxcorr", "cuhk01-100-02", 40.0)  # in one draw: not a result
    results, text = report(reproduce, tmp_path / "to", "--add", str(others))
    found = [(row["test_identities"], row["protocol"], row["partitions"]) for row in results["rows"]]
    assert found == [
        (486, "cross-camera", [1, 2]),
        (486, "paper", [1, 2]),
        (100, "cross-camera", [1]),
        (100, "paper", [1]),
    ]
    many, few = text.split("CUHK01, 871 training and 100 test identities, in per cent.")
    assert many.startswith("CUHK01, 485 training and 486 test identities, in per cent; mean ± standard deviation")
    few = few.split("| run |")[0]
    assert cells_of(many, "NormXcorr", "paper")[0] == "32.00 ± 2.83"
    assert cells_of(few, "NormXcorr", "paper")[0] == "60.00"
    assert cells_of(many, "NormXcorr, published")[:2] == ["paper", "60.17"]
    assert cells_of(few, "NormXcorr, published")[:2] == ["paper", "77.43"]
    assert [(row["test_identities"], row["ranks"]["1"]) for row in results["published"]] == [(486, 60.17), (100, 77.43)]
    assert [each["split"] for each in results["trainings"]] == ["cuhk01-486-01", "cuhk01-100-01", "cuhk01-100-02"]
    results, _ = report(reproduce, tmp_path / "to", "--repeats", "1")
    assert [row["partitions"] for row in results["rows"] if row["test_identities"] == 100] == [[2], [2]]
    rows["rows"][0]["test_identities"] = 316
    write_json(others, rows)
    with pytest.raises(InputError, match="not a results file of this script"):
        report(reproduce, tmp_path / "to", "--add", str(others))


def test_what_was_trained_otherwise_is_a_row_of_its_own(script, make_run, tmp_path):
    reproduce = script("reproduce_cuhk01")
    make_run("cuhk01-486-01-fused", "fused", "cuhk01-486-01", 0.0)
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 4.0, source="0123456789ab")
    rows = report(reproduce, tmp_path / "to")[0]["rows"]
    assert sorted((row["protocol"], row["partitions"], row["from"]) for row in rows) == [
        ("cross-camera", [1], [None]),
        ("cross-camera", [2], ["0123456789ab"]),
        ("paper", [1], [None]),
        ("paper", [2], ["0123456789ab"]),
    ]


def test_groups_drawn_in_another_way_are_rows_of_their_own(script, make_run, elsewhere, tmp_path):
    reproduce = script("reproduce_cuhk01")
    others = elsewhere([1, 2], source="0123456789ab")  # before the way was noted
    make_run("cuhk01-486-03-fused", "fused", "cuhk01-486-03", 1.0, source="0123456789ab", drawing=2)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    assert [(row["partitions"], row["drawn"]) for row in rows] == [([3], [2, None]), ([1, 2], [None, None])] * 2
    # A file that holds both goes together with others all the same, each with its own kind.
    (tmp_path / "to" / "results.json").rename(tmp_path / "both.json")
    (tmp_path / "to").rename(tmp_path / "before")
    make_run("cuhk01-486-04-fused", "fused", "cuhk01-486-04", 1.0, source="0123456789ab", drawing=2)
    results, text = report(reproduce, tmp_path / "to", "--add", str(tmp_path / "both.json"))
    assert [row["partitions"] for row in results["rows"]] == [[3, 4], [1, 2]] * 2
    assert "from CUHK03, groups drawn in way 2" in text and "from CUHK03, groups drawn as before" in text
    (tmp_path / "to").rename(tmp_path / "four")
    (tmp_path / "before").rename(tmp_path / "to")
    make_run("cuhk01-486-04-fused", "fused", "cuhk01-486-04", 1.0, source="0123456789ab", drawing=1)
    results, _ = report(reproduce, tmp_path / "to")
    assert [row["partitions"] for row in results["rows"]] == [[3], [4]] * 2
    assert [each["drawing"] for each in results["trainings"]] == [2, 1]


@pytest.fixture
def elsewhere(script, make_run, tmp_path):
    """Reports runs of these partitions of another machine; gives the results file."""

    def reported(partitions, model="fused", points=4.0, to="elsewhere", words=(), **kwargs):
        for partition in partitions:
            make_run(f"cuhk01-486-{partition:02d}-{model}", model, f"cuhk01-486-{partition:02d}", points, **kwargs)
        report(script("reproduce_cuhk01"), tmp_path / "to", *words)
        return (tmp_path / "to").rename(tmp_path / to) / "results.json"

    return reported


def test_results_of_another_machine(script, make_run, elsewhere, tmp_path):
    reproduce = script("reproduce_cuhk01")
    others = elsewhere([1, 3], source="0123456789ab")
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0, source="ba9876543210")
    make_run("cuhk01-486-02-ahmed", "ahmed", "cuhk01-486-02", 0.0)
    results, text = report(reproduce, tmp_path / "to", "--add", str(others))
    found = [(row["model"], row["protocol"], row["partitions"]) for row in results["rows"]]
    assert found == [
        ("ahmed", "cross-camera", [2]),
        ("ahmed", "paper", [2]),
        ("fused", "cross-camera", [1, 2, 3]),
        ("fused", "paper", [1, 2, 3]),
    ]
    row = results["rows"][2]
    assert row["from"] == ["0123456789ab", "ba9876543210", "0123456789ab"] and row["probes"] == [972] * 3
    assert list(row["splits"]) == ["cuhk01-486-01", "cuhk01-486-02", "cuhk01-486-03"]
    assert row["figures"]["rank 1"]["values"] == [24.0, 21.0, 24.0] and row["figures"]["rank 1"]["mean"] == 23.0
    assert cells_of(text, "Fused", "paper")[0] == "33.00 ± 1.73"
    assert [each["run"] for each in results["trainings"]] == ["cuhk01-486-02-ahmed", "cuhk01-486-02-fused"]
    (added,) = results["added"]
    assert added["file"] == "results.json"
    assert [each["run"] for each in added["trainings"]] == ["cuhk01-486-01-fused", "cuhk01-486-03-fused"]
    assert text.index("cuhk01-486-02-fused |") < text.index("Of results.json:") < text.index("cuhk01-486-03-fused |")


def test_results_of_another_training_are_rows_of_their_own(script, make_run, elsewhere, tmp_path):
    reproduce = script("reproduce_cuhk01")
    others = elsewhere([1], epochs=6, done=6)
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    assert [(row["partitions"], row["epochs"]) for row in rows] == [([2], 5), ([1], 6)] * 2


def test_rows_of_several_machines_find_each_other_also_where_none_is_of_this_one(script, make_run, elsewhere, tmp_path):
    reproduce = script("reproduce_cuhk01")
    first = elsewhere([1], to="first")
    second = elsewhere([2], points=6.0, to="second")
    other = elsewhere([3], to="other", epochs=6, done=6)
    make_run("cuhk01-486-02-ahmed", "ahmed", "cuhk01-486-02", 0.0)
    words = "--add", *map(str, (first, second, other))
    results, _ = report(reproduce, tmp_path / "to", *words)
    found = [(row["model"], row["partitions"], row["epochs"]) for row in results["rows"] if row["protocol"] == "paper"]
    assert found == [("ahmed", [2], 5), ("fused", [1, 2], 5), ("fused", [3], 6)]
    with pytest.raises(InputError, match="partition 1 of fused is there twice"):
        report(reproduce, tmp_path / "to", *words, str(first))
    # What was put together is put together with more: nothing of how it came about is lost.
    whole = tmp_path / "to" / "results.json"
    whole.rename(tmp_path / "whole.json")
    results, _ = report(reproduce, tmp_path / "to", "--models", "ahmed", "--add", str(elsewhere_of(tmp_path)))
    assert [each["file"] for each in results["added"]] == ["fused.json", *["results.json"] * 3]


def elsewhere_of(folder):
    """The merged results without the rows of the machine that merged them."""
    results = json.loads((folder / "whole.json").read_text())
    results["rows"] = [row for row in results["rows"] if row["model"] == "fused"]
    write_json(folder / "fused.json", results)
    return folder / "fused.json"


def test_trainings_from_nothing_and_from_another_or_with_other_probes_are_not_one_mean(
    script, make_run, elsewhere, tmp_path
):
    reproduce = script("reproduce_cuhk01")
    make_run("cuhk01-486-03-fused", "fused", "cuhk01-486-03", 1.0, source="0123456789ab")
    others = elsewhere([1])
    results = json.loads(others.read_text())
    assert len(results["rows"]) == 4
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    found = [(row["partitions"], row["from"]) for row in rows if row["protocol"] == "paper"]
    assert sorted(found) == [([1, 2], [None, None]), ([3], ["0123456789ab"])]
    for row in results["rows"]:
        row["probes"], row["from"] = [7], row["from"][0]  # as an earlier version wrote it
    write_json(others, results)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    found = [(row["partitions"], row["from"], row["probes"]) for row in rows if row["protocol"] == "paper"]
    assert sorted(found) == [([1], [None], [7]), ([2], [None], [972]), ([3], ["0123456789ab"], [7])]


def test_a_partition_counts_once(script, make_run, elsewhere, tmp_path):
    reproduce = script("reproduce_cuhk01")
    others = elsewhere([1, 2])
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    with pytest.raises(InputError, match="partition 2 of fused is there twice"):
        report(reproduce, tmp_path / "to", "--add", str(others))


@pytest.mark.parametrize("text", [None, "{", "[]", '{"rows": [{}], "trainings": []}', '{"rows": [], "trainings": []}'])
def test_what_is_no_results_file(script, make_run, tmp_path, text):
    path = tmp_path / "other.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    with pytest.raises(InputError, match="not a results file of this script"):
        report(script("reproduce_cuhk01"), tmp_path / "to", "--add", str(path))


def test_unfinished_trainings_and_other_draws_are_no_result(script, make_run, tmp_path):
    reproduce = script("reproduce_cuhk01")
    make_run("cuhk01-486-01-fused", "fused", "cuhk01-486-01", 0.0, done=4)
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 0.0, probes=300)
    results, text = report(reproduce, tmp_path / "to")
    assert results["rows"] == [] and text.startswith("No results with these draws yet.")
    assert cells_of(text, "cuhk01-486-01-fused")[2:4] == ["4 of 5", f"{4 * PAIRS:,}"]
    results, _ = report(reproduce, tmp_path / "to", "--probes", "300")
    assert [row["partitions"] for row in results["rows"]] == [[2], [2]]


def test_the_files_are_those_that_evaluate_writes(script, make_run, campus):
    tables = script("tables")
    run = make_run("cuhk01-486-01-fused", "fused", "cuhk01-486-01", 0.0)
    people = cuhk01(campus).of_identities(TEST)
    scores = np.random.default_rng(0).random((len(people),) * 2)
    split = run.record["split"]["name"], run.record["split_digest"]
    about = {
        "dataset": "cuhk01",
        "split": split[0],
        "split_digest": split[1],
        "settings": run.settings,
        "epochs_done": 5,
    }
    prefix = "-".join(["trained", *_marks(True, False)])
    score = lambda needed: (lambda rows, columns: scores[np.ix_(rows, columns)], 0, 0.0)  # noqa: E731
    subject = Subject("fused", people, about, run.folder / "results", prefix, score)
    assert set(tables.PROTOCOLS) <= set(PROTOCOLS)
    for probes in (None, 2):
        draws = {"repeats": 1, "probes": probes, "seed": 0, "ties": "pessimistic"}
        for measured in measure(subject, tables.PROTOCOLS, draws):
            found = tables.result_of(run.folder, measured.result.protocol, 1, probes)
            assert found["ranks"]["1"]["mean"] == 100 * measured.result.rank(1)
            assert found["probes"] == measured.result.probes


def test_the_windows(script, make_run, tmp_path):
    windows, ablation = script("search_windows"), script("ablation")
    options = ablation.arguments(["windows", "--data", "campus", "--epochs", "5", "--to", str(tmp_path / "to")])
    steps = windows.steps_of(options)
    trained = [parsed(step) for step in steps[::2]]
    assert [(each["model"], each["search_size"]) for each in trained] == list(windows.WINDOWS)
    assert {(each["epochs"], each["recipe_name"], each["split_name"]) for each in trained} == {
        (5, "grouped", "cuhk01-486-01")
    }
    assert [step.after for step in steps[1::2]] == [(step.name,) for step in steps[::2]]
    for number, step in enumerate(steps[:-2:2]):
        search = (5, 5) if parsed(step)["search_size"] == "5x5" else (5, None)
        make_run(step.folder.name, parsed(step)["model"], "cuhk01-486-01", float(number), search)
    results, text = report(ablation, tmp_path / "to", "windows")
    assert cells_of(text, "NormXcorr", "5x5", "paper")[:4] == ["30.00", "40.00", "80.00", "1,099,347"]
    assert cells_of(text, "NormXcorr", "5xall", "cross-camera")[:4] == ["21.00", "31.00", "71.00", "1,121,222"]
    assert cells_of(text, "Ahmed et al.", "5x5", "paper")[:4] == ["32.00", "42.00", "82.00", "2,308,147"]
    assert cells_of(text, "NormXcorr, published", "5x5")[:4] == ["paper", "56.79", "84.43", "95.95"]
    # The fourth is not there yet; what was published of it is.
    assert cells_of(text, "Ahmed et al., published", "5xall")[:4] == ["?", "49.31", "81.48", "95.95"]
    assert len(results["rows"]) == 6 and {row["model"] for row in results["rows"]} <= set(BUILDERS)


def test_windows_of_several_recipes_do_not_compare(script, make_run, tmp_path):
    ablation = script("ablation")
    make_run("cuhk01-01-normxcorr-5x5", "normxcorr", "cuhk01-486-01", 0.0, (5, 5))
    make_run("cuhk01-01-ahmed-5x5", "ahmed", "cuhk01-486-01", 0.0, (5, 5), epochs=6, done=6)
    with pytest.raises(InputError, match="2 recipes"):
        report(ablation, tmp_path / "to", "windows")


def test_windows_of_groups_drawn_in_several_ways_do_not_compare(script, make_run, tmp_path):
    ablation = script("ablation")
    make_run("cuhk01-01-normxcorr-5x5", "normxcorr", "cuhk01-486-01", 0.0, (5, 5))
    make_run("cuhk01-01-ahmed-5x5", "ahmed", "cuhk01-486-01", 0.0, (5, 5), drawing=2)
    with pytest.raises(InputError, match="normxcorr-5x5 and cuhk01-01-ahmed-5x5 were trained by versions that draw"):
        report(ablation, tmp_path / "to", "windows")


def test_the_parts_of_the_recipe(script, make_run, tmp_path):
    parts, ablation = script("recipe_parts"), script("ablation")
    options = ablation.arguments(["parts", "--data", "campus", "--cuhk03", "set.mat", "--to", str(tmp_path / "to")])
    steps = parts.steps_of(options)
    trained, measured = [parsed(step) for step in steps[::2]], [parsed(step) for step in steps[1::2]]
    recipes = {
        step.folder.name: Recipe.named(
            "grouped", **{name: each[name] for name in vars(Recipe()) if each[name] is not None}
        )
        for step, each in zip(steps[::2], trained, strict=True)
    }
    words = ["parts", "--data", "campus", "--to", str(tmp_path / "to"), "--seeds", "2", "--parts", "grouped"]
    again = parts.steps_of(ablation.arguments(words))
    assert [parsed(step)["seed"] for step in again] == [0, 0, 1, 0]  # the draws stay
    assert len({parsed(step)["folder"] for step in again[::2]}) == 2
    assert list(recipes) == list(parts.PARTS) and recipes["grouped"] == Recipe.named("grouped", epochs=4)
    # Each is another training, on as many pairs: a pass makes people / 2 of an image.
    assert len(set(map(str, recipes.values()))) == len(parts.PARTS)
    assert {each.epochs * each.people for each in recipes.values()} == {12}
    assert {(each["validate"], each["others"], each["split_name"]) for each in trained} == {
        (100, ("cuhk03-labeled=set.mat",), "cuhk01-486-01")
    }
    assert all(each["held_back"] and each["both_orders"] for each in measured)
    assert [each["folders"][0] for each in measured] == [each["folder"] for each in trained]

    def measured(name, rank_1, protocols=("cross-camera", "paper")):
        run = make_run(name, "normxcorr", "cuhk01-486-01", 0.0)
        (run.folder / "history.csv").write_text("epoch,accuracy,loss\n0,0.5,1.5\n1,0.75,0.625\n", encoding="utf-8")
        for protocol in protocols:
            above = {"cross-camera": 0.0, "paper": 10.0}[protocol]
            name = f"trained-cuhk01-mine-held-back-2-both-orders-{protocol}-10draws-allprobes-seed0-pessimistic.json"
            write_json(run.folder / "results" / name, {**result_of(run, protocol, rank_1 + above), "repeats": 10})

    measured("grouped", 40.0)
    make_run("hard-negatives", "normxcorr", "cuhk01-486-01", 0.0)  # not measured yet
    measured("no-ranking", 50.0, ["cross-camera"])  # only begun to be measured
    results, text = report(ablation, tmp_path / "to", "parts")
    assert [(row["part"], row["pairs"]) for row in results["rows"]] == [("grouped", 5 * PAIRS)]
    figures = ["40.00", "45.00", "50.00", "60.00", "41.00", "", "0.625", "1"]
    cross_camera, paper = text.split("| paper |")
    assert cells_of(cross_camera, "grouped", "the recipe as it is") == figures
    assert cells_of(paper, "grouped", "the recipe as it is")[:2] == ["50.00", "55.00"]

    for name, rank_1 in (("grouped-seed-1", 44.0), ("rate-0.005", 43.0), ("rate-0.005-seed-1", 45.0)):
        measured(name, rank_1)
    results, text = report(ablation, tmp_path / "to", "parts")
    grouped, faster = results["rows"]
    for protocol, above in (("cross-camera", 0.0), ("paper", 10.0)):
        assert grouped["figures"][protocol]["rank 1"]["values"] == [40.0 + above, 44.0 + above]
        assert grouped["rank 1 to the recipe"][protocol] is None and faster["seeds"] == [0, 1]
        assert faster["rank 1 to the recipe"][protocol]["values"] == [3.0, 1.0]  # not 44 - 42 alone
    # Two differences of mean 2 and deviation sqrt(2): 12.706 of Student's t times 1.
    assert cells_of(text.split("| paper |")[1], "rate-0.005", "`--learning-rate 0.005`")[-3:] == [
        "+2.00 ± 12.71",
        "0.625",
        "2",
    ]
    (tmp_path / "to" / "grouped-seed-1-of-before").mkdir()  # of nobody
    measured("rate-0.005-seed-2", 99.0)  # to which the recipe has nothing to compare
    results, _ = report(ablation, tmp_path / "to", "parts")  # a report is of all that is there
    assert results["rows"][1]["seeds"] == [0, 1, 2]
    assert results["rows"][1]["rank 1 to the recipe"]["paper"]["values"] == [3.0, 1.0]


def test_seeds_of_a_part_that_differ_in_more_do_not_make_one_mean(script, make_run, tmp_path):
    ablation = script("ablation")
    for name, epochs in (("grouped", 5), ("grouped-seed-1", 6)):
        run = make_run(name, "normxcorr", "cuhk01-486-01", 0.0, epochs=epochs, done=epochs)
        (run.folder / "history.csv").write_text("epoch,accuracy,loss\n0,0.5,1.5\n", encoding="utf-8")
        for protocol in ("cross-camera", "paper"):
            file = f"trained-cuhk01-mine-held-back-2-both-orders-{protocol}-10draws-allprobes-seed0-pessimistic.json"
            write_json(run.folder / "results" / file, result_of(run, protocol, 40.0))
    with pytest.raises(InputError, match="the seeds of grouped were trained with 2 settings"):
        report(ablation, tmp_path / "to", "parts")
