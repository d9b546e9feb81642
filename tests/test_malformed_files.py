"""Files of a stranger with anything in any place, and names of anything: they are read, or refused with one line."""

import hashlib
import json

import numpy as np
import pytest

from tests.malformed import VALUES, malformed
from tests.search.store_writer import append, new_store
from tfnxc.datasets import get_split, load_split, open_dataset, prepare, prepared, synthetic
from tfnxc.datasets.readers.folder import existing_folder
from tfnxc.embedding import EmbeddingCard
from tfnxc.errors import InputError
from tfnxc.evaluation.saved_scores import SavedScores
from tfnxc.files import parse_json
from tfnxc.metrics import EvaluationPlan
from tfnxc.recipes import Recipe
from tfnxc.runs import Result, Run, RunSettings
from tfnxc.search import list_pictures
from tfnxc.search._files import MANIFEST
from tfnxc.search._store import Store
from tfnxc.search.picture import Picture, Records

NAMES = [*(each for each in VALUES if isinstance(each, str)), "a/" * 3000, "~", "con", "-", " ", "\u202e", "$HOME", "*"]


def read_all(texts, write, read):
    """Reads each text, and gives the names of those that end otherwise than by being read or by a line."""
    wrong = []
    for name, text in texts:
        write(text)
        try:
            read()
        except InputError as error:
            if "\n" in str(error).replace(name, ""):
                wrong.append(f"{name}: several lines: {error}"[:300])
        except Exception as error:
            if isinstance(error, OSError) and error.filename:  # a command tells it in a line
                continue
            wrong.append(f"{name}: {type(error).__name__}: {error}"[:300])
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:: max(1, len(wrong) // 30)])


def use(run):
    """What commands ask of a run before they do anything."""
    _ = run.names, run.trained_on, run.fitted_on, run.held_back, run.drawing, run.pictures, run.unfinished, run.best
    _ = run.history(), run.results(), run.stopped_early, run.settings.differences(run.settings), run.split.digest
    return [run.epochs_of(state) for state in ("initial", "trained", "best")]


@pytest.fixture
def run(tmp_path):
    split = get_split("random-2-0", range(6))
    settings = RunSettings("synthetic", "normxcorr", Recipe(), validate=2, others=("viper",))
    pictures = {0: ("a.png", "0" * 12)}
    people = [("viper", [0, 1])]
    names = [{0: "zero"}, None]
    made = Run.start(tmp_path / "run", settings, split, None, people, people, names, pictures)
    made.begin({"pictures": 3, "drawing": 1})
    made.note_progress(1, 10)
    return made


@pytest.mark.parametrize("name", ["run.json", "progress.json", "best.json"])
def test_the_files_of_a_run(run, name):
    path = run.folder / name
    if name == "best.json":
        path.write_text('{"epoch": 0, "val_rank_1": 0.5, "val_mAP": 0.5}')
    read_all(malformed(json.loads(path.read_text())), path.write_text, lambda: use(Run.open(run.folder)))


def test_a_result(tmp_path):
    people = synthetic(identities=4, seed=0)
    plan = EvaluationPlan.of("cross-camera", people, repeats=2)
    result = Result.of(plan.measure(np.eye(len(people))), "label", dataset="synthetic", split="all")
    path = result.save(tmp_path)
    read_all(malformed(json.loads(path.read_text())), path.write_text, lambda: Result.load(path))


def test_the_manifest_and_the_records_of_an_index(tmp_path):
    store = new_store(tmp_path / "index", "paths")
    with store.writing():
        append(store, ["one", "two"])
        append(store, ["three"])
        store.delete(["one"])
    path = store.folder / MANIFEST
    data = json.loads(path.read_text())

    def write(text):
        try:  # whoever changes a manifest can compute its digest, too
            content = json.loads(text)
            digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
            text = json.dumps({**data, "content": content, "sha256": digest})
        except (ValueError, RecursionError):
            pass
        path.write_text(text)

    def read():
        snapshot = Store(store.folder).snapshot
        return snapshot.rows, snapshot.cameras, snapshot.times, snapshot.rows_of(Picture("one", "one"))

    read_all(malformed(data["content"]), write, read)
    read_all(malformed(data), path.write_text, read)


def test_the_records_of_a_segment():
    records = Records(["one", "two"], ["1", None], ["a", "b"], [None, 2.5], [None, "f"], ["d", "e"], ["1 2", None])

    def read():
        try:
            if not Records.from_bytes(texts[-1]).sound(2):
                raise InputError("not sound")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):  # as `Segment` does
            raise InputError("not sound") from None

    texts = []
    read_all(malformed(json.loads(records.to_bytes())), lambda text: texts.append(text.encode()), read)


def test_the_manifest_of_prepared_pictures(tmp_path):
    people = synthetic(identities=3, seed=0)
    prepare(people, tmp_path / "made", (16, 8))
    path = tmp_path / "made" / "manifest.json"
    read_all(malformed(json.loads(path.read_text())), path.write_text, lambda: prepared(tmp_path / "made"))


def test_a_split(tmp_path):
    path, split = tmp_path / "mine.json", get_split("random-2-0", range(6))
    read_all(malformed({**split.to_dict(), "probes": ["a", "b"]}), path.write_text, lambda: load_split(path))


def test_the_card_of_an_embedding():
    people = (("synthetic", (0, 1)),)
    card = EmbeddingCard("0" * 12, "discriminant", people, 4, 0.5, ({"dimensions": 8.0},), names={0: "a"})

    def read():
        try:
            EmbeddingCard.from_dict(parse_json(texts[-1]))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):  # as `Embedding.load` does
            raise InputError("damaged") from None

    texts = []
    read_all(malformed(json.loads(json.dumps(card.to_dict()))), texts.append, read)


def test_what_saved_scores_are_of(tmp_path):
    path, known = tmp_path / "scores.npz", (np.eye(2), np.array([1, 2]), np.array([0, 1]), None, ["1.png", "2.png"])
    about = {"format": 1, "label": "mine", "dataset": "synthetic", "views": [], "epochs_done": 3}

    def write(text):
        arrays = {"scores": known[0], "identities": known[1], "cameras": known[2], "names": np.array(known[4])}
        np.savez(path, about=np.array(text), **arrays)

    read_all(malformed(about), write, lambda: SavedScores.load(path))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_that_nothing_has(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    asked = [
        lambda text: Run.open(text),
        lambda text: Store(text),
        lambda text: get_split(text, range(6)),
        lambda text: load_split(text),
        lambda text: open_dataset(text, None),
        lambda text: open_dataset("folder", text),
        lambda text: open_dataset("csv", text),
        lambda text: prepared(text),
        lambda text: list_pictures(text),
        lambda text: existing_folder(text, "a folder"),
        lambda text: Picture.of_file(text).read(),
        lambda text: SavedScores.load(text),
        lambda text: Result.load(f"{text}.json"),
    ]
    for number, ask in enumerate(asked):
        read_all([(name, str(number))], lambda _: None, lambda ask=ask: ask(name))
