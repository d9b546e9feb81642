"""The run folder: what was trained on what, how far it got, and where its results lie."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from tfnxc.datasets.known_people import difference
from tfnxc.datasets.splits.split import Split
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, parse_json, write_json
from tfnxc.hashes import file_digest
from tfnxc.locks import alone_in
from tfnxc.runs.history import History, read_best
from tfnxc.runs.result import Result, versions
from tfnxc.runs.settings import RunSettings

if TYPE_CHECKING:
    import keras

    from tfnxc.embedding import Calibration, Embedding

People = Sequence[tuple[str, Sequence[int]]]  # `(data set, identities)` of each set that was trained on

_RECORD = {"settings", "split", "split_digest", "data", "before", "fitted_before", "versions"}  # keys of `run.json`
_KEPT = ("model.keras", "checkpoint.keras", "nan.json", "scores", "results")  # not to be taken over by another run
_EMBEDDINGS = tuple(
    f"{name.format(state)}"
    for state in ("", "-best", "-initial")
    for name in ("embedding{}.keras", "embedding{}.json", "calibration{}.json")
)
_REPLACED = ("initial.keras", "negatives.npz", "best.keras", "best.json", "history.csv", "progress.json", *_EMBEDDINGS)
"""What a start removes."""
_STATES = ("initial", "trained", "best", "checkpoint")  # of the model
_ORDER: Mapping[str | None, int] = {"trained": 0, "best": 1, "initial": 3}  # of results by state; others come at 2


class Run:
    """A run folder. Use `Run.start` to make or resume one, `Run.open` to read one.

    It holds `run.json` (settings, split, path of the data, versions), `initial.keras` (the model before training),
    `model.keras` (after the last finished epoch, with its optimizer), `progress.json` (how many epochs that are),
    `history.csv`, `embedding.keras` and `embedding.json` (the embedding fitted to that model), `calibration.json` (its
    thresholds), and from evaluation `scores/` and `results/`. With validation also `best.keras` and `best.json` (the
    best model so far and its figures).
    In the middle of an epoch also `checkpoint.keras` and, with hard negatives, `negatives.npz`. After a NaN also
    `nan.json` and `nan_batch.npz`. `lock` keeps a second training out.

    Args:
        folder: The folder.
        record: What `run.json` holds.

    Attributes:
        folder: The folder.
        settings: The `RunSettings`.
        split: The `Split`.
        data: Path of the data set when the run was started; `None` if it needs none.
        names: Who the people are, also those who test, for each entry of `trained_on`: their names by number; `None`
            where nobody knows.
        first_pictures: A picture of each person of the data set, as `tfnxc.datasets.known_people.first_pictures` gives
            them; empty where nobody knows.
        versions: Versions that the run was started with, by name.

    Raises:
        InputError: If the settings, the split, the names or the pictures of the record are malformed.

    Example:
        >>> split = tfnxc.datasets.Split("mine", "by hand", train=(1, 2), test=(3,))
        >>> mine = Run.start("runs/new", RunSettings("viper", "normxcorr"), split)
        >>> Run.open("runs/new").settings == mine.settings, mine.epochs_done, mine.history(), mine.results()
        (True, 0, None, [])
    """

    def __init__(self, folder: str | os.PathLike, record: Mapping[str, Any]):
        self.folder = pathlib.Path(folder)
        self._record = dict(record)
        self.settings = RunSettings.from_dict(record["settings"], self.folder / "run.json")
        self.split = Split.from_dict(record["split"])
        self.data: str | None = _checked("data", record["data"], isinstance(record["data"], str | None))
        for name in ("before", "fitted_before"):
            _checked(name, record[name], _are_people(record[name]))
        pictures = record.get("pictures", {})
        numbers = isinstance(pictures, dict) and {type(each) for each in pictures.values()} <= {int}
        _checked("pictures", pictures, numbers)
        self.names = _names(record.get("names"), len(self.trained_on))
        self.first_pictures = _first_pictures(record.get("first_pictures", {}))
        self.versions: dict[str, str] = _checked("versions", record["versions"], isinstance(record["versions"], dict))

    @classmethod
    def start(
        cls,
        folder: str | os.PathLike,
        settings: RunSettings,
        split: Split,
        data: str | os.PathLike | None = None,
        before: People = (),
        fitted_before: People | None = None,
        names: Sequence[Mapping[int, str] | None] = (),
        first_pictures: Mapping[int, tuple[str, str]] | None = None,
        take_over: bool = True,
    ) -> Run:
        """A new run with these settings, or the one that is already in the folder if its settings are the same.

        Args:
            folder: Created if missing.
            settings: The `RunSettings`.
            split: The `Split`.
            data: Path of the data set, kept for evaluation; no setting, because it may move. Defaults to `None`.
            before: Identities that the weights are also trained on: of other sets, and of the run whose weights this
                one starts from. Defaults to none.
            fitted_before: `before` without those held back for validation. Defaults to `None`: `before`.
            names: Of the data set and of each entry of `before`, what `tfnxc.datasets.known_people.names_of` gives:
                who its people are, whatever their numbers. Defaults to none: nothing is known of them.
            first_pictures: Of the data set, what `tfnxc.datasets.known_people.first_pictures` gives. Defaults to
                `None`: nothing is known.
            take_over: Whether a folder in which nothing was trained takes other settings. Defaults to `True`.

        Returns:
            The `Run`.

        Raises:
            InputError: If the folder holds a trained or measured run with other settings, or files but no run.
        """
        folder = pathlib.Path(folder)
        record = {
            "settings": settings.to_dict(),
            "split": split.to_dict(),
            "split_digest": split.digest,
            "data": None if data is None else os.path.abspath(data),
            "before": _listed(before),
            "fitted_before": _listed(before if fitted_before is None else fitted_before),
            "versions": versions(),
        }
        if any(each is not None for each in names):
            record["names"] = [each and {str(number): name for number, name in each.items()} for each in names]
        if first_pictures:
            record["first_pictures"] = {str(number): list(each) for number, each in first_pictures.items()}
        if (folder / "run.json").exists():
            run = cls.open(folder)
            differing = run._differences(settings, split, names)
            if not differing:
                return run
            if not take_over or run.begun:
                other = "of other people" if differing[0][0] == "people" else "with other settings"
                raise InputError(f"{folder} holds a run {other} ({_told(differing)}). Choose another folder.")
            with run.alone():
                run._forget()
                write_json(folder / "run.json", record)
                return cls.open(folder)
        if folder.exists() and (not folder.is_dir() or any(not is_temporary(path) for path in folder.iterdir())):
            raise InputError(f"{folder} exists and is not a run. Choose another folder.")
        write_json(folder / "run.json", record)
        return cls.open(folder)

    def _differences(self, settings, split, names=()):
        """What differs from other settings, another split and other people: `(name, own, other)`, sorted by name."""
        splits = ("split", self.split.digest, split.digest)
        differing = [*self.settings.differences(settings), *([splits] if self.split.digest != split.digest else [])]
        for known, given in () if differing else zip(self.names, names, strict=False):
            if known is not None and given is not None and (how := difference(known, given)):
                differing.append(("people", how, None))
        return sorted(differing)

    def _forget(self):
        """Removes what an unfinished start left behind, so that no later one resumes from it."""
        for name in _REPLACED:
            (self.folder / name).unlink(missing_ok=True)

    @classmethod
    def open(cls, folder: str | os.PathLike) -> Run:
        """The run in a folder; raises `InputError` where there is none."""
        folder = pathlib.Path(folder)
        path = folder / "run.json"
        try:
            record = parse_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{folder}: no run here (no run.json); expected a folder that tfnxc train made.") from None
        except ValueError:
            raise InputError(f"{path}: not a JSON file; the run cannot be read.") from None
        if not isinstance(record, dict) or not _RECORD <= record.keys():
            raise InputError(f"{path}: not the record of a run; the run cannot be read.")
        try:
            return cls(folder, record)
        except InputError as error:
            raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from None

    def elsewhere(self, folder: str | os.PathLike) -> Run:
        """The same run with its files in another folder, for a worker whose files are not kept."""
        return Run(folder, self._record)

    @property
    def begun(self) -> bool:
        """Whether the folder holds anything trained or measured, so that no other run takes it over."""
        return any((self.folder / name).exists() for name in _KEPT)

    @property
    def pictures(self) -> dict[str, int]:
        """Numbers by name that identify the training pictures; empty before the training began."""
        return self._record.get("pictures", {})

    @property
    def drawing(self) -> int | None:
        """The version of the method that draws its groups of pairs; `None` where pairs are separate."""
        return self.pictures.get("drawing")

    @property
    def held_back(self) -> Split | None:
        """The `Split` of the training identities that tests those held back for validation; `None` without."""
        count = self.settings.validate
        return self.split.hold_back(count, self.settings.seed) if count else None

    @property
    def trained_on(self) -> list[tuple[str, list[int]]]:
        """`(data set, identities)` of everyone whom this run is trained on, its own set first."""
        return [(self.settings.dataset, list(self.split.train)), *map(tuple, self._record["before"])]

    @property
    def fitted_on(self) -> list[tuple[str, list[int]]]:
        """`trained_on` without the identities held back for validation, to whom no weight was fitted."""
        fitted = self.split if self.held_back is None else self.held_back
        return [(self.settings.dataset, list(fitted.train)), *map(tuple, self._record["fitted_before"])]

    @property
    def epochs_done(self) -> int:
        """Epochs that `model.keras` was trained for; raises `InputError` where the file that says so is damaged."""
        return self._progress()[0]

    @property
    def pairs_done(self) -> int:
        """Pairs that `model.keras` was trained on; raises as `epochs_done`."""
        return self._progress()[1]

    @property
    def stopped_early(self) -> bool:
        """Whether validation ended the training before its last epoch; raises as `epochs_done`."""
        return self._progress()[2]

    def epochs_of(self, state: str) -> int:
        """Epochs that the model in a state was trained for: see `load_model`."""
        if state == "best":
            return 0 if self.best is None else self.best + 1
        return self.epochs_done if state == "trained" else 0

    @property
    def best(self) -> int | None:
        """The epoch of the best model, counted from 0; `None` where nothing was validated yet."""
        best = read_best(self.folder)
        return None if best is None else best[0]

    def to_dict(self) -> dict[str, Any]:
        """How far the training is, in plain types for JSON.

        `run` is the folder; `epochs` are those asked for, `best_epoch` that of the best model by validation, counted
        from 1, and `figures` those of the last finished epoch.
        """
        history, settings = self.history(), self.settings.to_dict()
        last = {} if history is None else {name: each[-1] for name, each in history.items() if name != "epoch"}
        return {
            "run": os.fspath(self.folder),
            "dataset": self.settings.dataset,
            "model": self.settings.model,
            "split": self.split.name,
            "split_digest": self.split.digest,
            "epochs": self.settings.recipe.epochs,
            "epochs_done": self.epochs_done,
            "pairs_done": self.pairs_done,
            "stopped_early": self.stopped_early,
            "best_epoch": self.epochs_of("best") or None,
            "figures": {name: None if math.isnan(value) else value for name, value in last.items()},
            "settings": settings,
            "versions": self.versions,
        }

    @property
    def unfinished(self) -> str | None:
        """A note that the training stopped before its last epoch; `None` where it did not."""
        done, epochs = self.epochs_done, self.settings.recipe.epochs
        if done >= epochs or self.stopped_early:
            return None
        return (
            f"Note: the training of {self.folder} stopped after {done} of {epochs} epochs; the command that began it "
            "goes on with it."
        )

    def _progress(self):
        path = self.folder / "progress.json"
        try:
            progress = parse_json(path.read_text(encoding="utf-8"))
            epochs = progress["epochs_done"] if "epochs_done" in progress else progress["passes_done"]
            found = epochs, progress["pairs_done"], progress["stopped_early"]
        except FileNotFoundError:
            return 0, 0, False
        except (ValueError, KeyError, TypeError):
            found = -1, -1, False
        if [type(value) for value in found] != [int, int, bool] or min(found[:2]) < 0:
            raise InputError(f"{path}: damaged. The tfnxc train command that began the run writes it anew.")
        return found

    def note_length(self, epochs: int, steps: int) -> None:
        """Notes how long the training is, where its settings left that open: epochs, the last maybe cut, and steps."""
        recipe = dataclasses.replace(self.settings.recipe, epochs=epochs, steps=steps)
        self.settings = dataclasses.replace(self.settings, recipe=recipe)
        self._record["settings"] = self.settings.to_dict()
        write_json(self.folder / "run.json", self._record)

    def note_progress(
        self, epochs: int, pairs_per_epoch: int, stopped_early: bool = False, pairs: int | None = None
    ) -> None:
        """Notes how far `model.keras` was trained.

        Args:
            epochs: Epochs that are done.
            pairs_per_epoch: Pairs of an epoch.
            stopped_early: Whether validation ended the training. Defaults to `False`.
            pairs: Pairs that are done. Defaults to `None`: those of whole epochs.
        """
        pairs = epochs * pairs_per_epoch if pairs is None else pairs
        progress = {"epochs_done": epochs, "pairs_done": pairs, "stopped_early": stopped_early}
        write_json(self.folder / "progress.json", progress)

    def history(self) -> History | None:
        """The figures of each finished epoch, `None` where none is; raises `InputError` where the file is damaged."""
        return History.read(self.folder / "history.csv")

    def note_epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Writes the figures of an epoch, counted from 0, into the history."""
        History.append(self.folder / "history.csv", epoch, figures)

    def results(self) -> list[Result]:
        """The results in the folder: the trained model first, then the best; the most probes and draws first.

        Raises:
            InputError: If a file is damaged, or the CSV file of its curve is missing.
        """
        found = [Result.load(path) for path in sorted((self.folder / "results").glob("*.json"))]
        return sorted(found, key=lambda each: (_ORDER.get(each.state, 2), -each.probes, -each.repeats, each.title))

    def alone(self) -> AbstractContextManager:
        """A context in which no other process trains in this folder; raises `InputError` if one does."""
        return alone_in(
            self.folder,
            lambda holder: f"{self.folder}: process {holder} trains there, and one can at a time. Wait for its end.",
        )

    def check_record(self) -> None:
        """Raises an `InputError` if another command took the folder over before this one locked it."""
        found = Run.open(self.folder)
        if found._differences(self.settings, self.split) or found._record["before"] != self._record["before"]:
            raise InputError(f"{self.folder}: another command has just begun another run here. Choose another folder.")

    def begin(self, pictures: Mapping[str, int]) -> None:
        """Notes the pictures, as in `check_pictures`, of a new training; removes what an earlier start left."""
        self._forget()
        self._record["pictures"] = dict(pictures)
        write_json(self.folder / "run.json", self._record)

    def check_pictures(self, pictures: Mapping[str, int]) -> None:
        """Raises an `InputError` if a resumed training began with other pictures.

        Args:
            pictures: Numbers by name that identify the training pictures.
        """
        known = self.pictures
        if known.get("drawing") != pictures.get("drawing"):
            raise InputError(
                f"{self.folder} was begun by a version of tfnxc that draws pairs in another way: train in another "
                "folder."
            )
        names = [name for name in sorted(known.keys() | pictures.keys()) if known.get(name) != pictures.get(name)]
        differing = [(name, known.get(name), pictures.get(name)) for name in names]
        if differing:
            raise InputError(
                f"{self.folder} began with other training pictures ({_told(differing)}). Give it those again, or train "
                "on these in another folder."
            )

    def remove_temporary(self) -> None:
        """Removes what a kill in the middle of writing left behind."""
        for path in filter(is_temporary, self.folder.iterdir()):
            path.unlink(missing_ok=True)

    def model_path(self, state: str = "trained") -> pathlib.Path:
        """File of the model in a state: see `load_model`."""
        if state not in _STATES:
            raise ValueError(f"state must be one of {', '.join(_STATES)}; got {state!r}.")
        return self.folder / f"{'model' if state == 'trained' else state}.keras"

    def load_model(self, state: str = "trained", compile: bool = False) -> keras.Model:
        """The Keras model in a state.

        Args:
            state: `"initial"`, `"trained"`, `"best"` by validation, or `"checkpoint"` in the middle of an epoch.
                Defaults to `"trained"`.
            compile: Whether the optimizer is restored too, to train on. Defaults to `False`.

        Returns:
            The model.

        Raises:
            InputError: If the run has no such model yet, or the file is broken or of no pair model.
        """
        from tfnxc.models import split

        path = self._existing(state)
        model, _ = load_model(path, compile)
        try:
            split(model)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        return model

    def model_digest(self, state: str = "trained") -> str:
        """Digest of the model file in a state, as from `tfnxc.runs.load_model`; raises `InputError` without one."""
        return file_digest(self._existing(state))

    def embedding(self, state: str = "trained") -> Embedding:
        """The embedding of the model in a state, as in `load_model`.

        Raises:
            InputError: If there is none yet, it is of other weights than those of the model, or a file is broken.
        """
        from tfnxc.embedding import Embedding
        from tfnxc.embedding.embedding import fit_command

        found = Embedding.load(self.folder, state)
        if found.card.model_digest != self.model_digest(state):
            raise InputError(
                f"{self.folder}: its embedding is of other weights than its model. Fit it anew: "
                f"{fit_command(self.folder, state)}."
            )
        return found

    def calibration(self, state: str = "trained") -> Calibration:
        """The calibrated probabilities and thresholds of the model in a state and its embedding.

        Raises:
            InputError: If there are none yet, they are of other weights, or a file is broken.
        """
        from tfnxc.embedding import Calibration

        return Calibration.load(self.folder, self.embedding(state), state)

    def _existing(self, state):
        path = self.model_path(state)
        if not path.exists():
            raise InputError(f"{path}: no such model; finish the training with the tfnxc train command that began it.")
        return path


def load_model(path: str | os.PathLike, compile: bool = False) -> tuple[keras.Model, str]:
    """The Keras model in a `.keras` file, with the digest of the file.

    Args:
        path: The file.
        compile: Whether the optimizer is restored too, to train on. Defaults to `False`.

    Returns:
        `(model, digest)`; the digest is the first 12 hexadecimal digits of the file's SHA-256.

    Raises:
        InputError: If the file is missing, broken, compressed, or would take more memory than its size says.

    Example:
        >>> model.save("small.keras")
        >>> loaded, digest = load_model("small.keras")
        >>> loaded.count_params() == model.count_params(), len(digest)
        (True, 12)
    """
    from tfnxc.models import model_file

    return model_file.load_model(path, compile)


def _listed(people):
    return [[dataset, list(map(int, identities))] for dataset, identities in people]


def _checked(name, value, sound):
    """A value of `run.json`, if it is sound."""
    if not sound:
        raise InputError(f"{name} is not of the form that tfnxc writes; got {str(value)[:80]!r}.")
    return value


def _are_people(listed):
    """Whether these are names of sets, each with a list of identities."""
    try:
        return all(isinstance(name, str) and {type(one) for one in people} <= {int} for name, people in listed)
    except (TypeError, ValueError):
        return False


def _names(listed, count):
    """The names of `run.json`, one dict by number, or `None`, for each of so many sets."""
    if listed is None:
        return [None] * count
    try:
        found = [each and {int(number): str(name) for number, name in each.items()} for each in listed]
    except (TypeError, AttributeError, ValueError):
        found = []
    if len(found) != count:
        raise InputError(f"names must be those of {count} sets by number.")
    return found


def _first_pictures(listed):
    """The pictures of `run.json`: `(name, digest)` by number."""
    try:
        found = {int(number): (str(name), str(digest)) for number, (name, digest) in listed.items()}
    except (TypeError, AttributeError, ValueError):
        raise InputError("first_pictures must be a name and a digest by number.") from None
    return found


def _told(differing):
    return "; ".join(
        there if name == "people" else f"{name}: {there} there, {now} now" for name, there, now in differing
    )
