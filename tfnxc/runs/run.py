"""The run folder: what was trained on what, how far it got, and where its results lie."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from tfnxc.datasets.splits.split import Split
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, write_json
from tfnxc.hashes import file_digest
from tfnxc.locks import alone_in
from tfnxc.runs.best import read_best
from tfnxc.runs.history import History
from tfnxc.runs.result import Result
from tfnxc.runs.settings import RunSettings
from tfnxc.runs.versions import versions

if TYPE_CHECKING:
    import keras

People = Sequence[tuple[str, Sequence[int]]]  # `(data set, identities)` of each set that was trained on

_RECORD = {"settings", "split", "split_digest", "data", "before", "fitted_before", "versions"}  # keys of `run.json`
_KEPT = ("model.keras", "checkpoint.keras", "nan.json", "scores", "results")  # not to be taken over by another run
_REPLACED = ("initial.keras", "negatives.npz", "best.keras", "best.json", "history.csv", "progress.json")  # by a start
_ORDER: Mapping[str | None, int] = {"trained": 0, "best": 1, "initial": 3}  # of results by state; others come at 2


class Run:
    """A run folder. Use `Run.start` to make or resume one, `Run.open` to read one.

    It holds `run.json` (settings, split, where the data lies, versions), `initial.keras` (the model before training),
    `model.keras` (after the last finished epoch, with its optimizer), `progress.json` (how many epochs that are),
    `history.csv`, and what evaluation adds: `scores/` and `results/`. With validation also `best.keras` and `best.json`
    (the best model so far and its figures). In the middle of an epoch also `checkpoint.keras` (the model there) and,
    with hard negatives, `negatives.npz` (those of the epoch). After a NaN also `nan.json` and `nan_batch.npz` (what
    broke). `lock` keeps a second training out.

    Args:
        folder: The folder.
        record: What `run.json` holds.

    Attributes:
        folder: The folder.
        settings: The `RunSettings`.
        split: The `Split`.
        data: Where the data set lay when the run was started; `None` where it needs no path.
        versions: What the run was started with, version by name.

    Raises:
        InputError: If the settings or the split of the record are not of their form.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> split = tfnxc.datasets.Split("mine", "by hand", train=(1, 2), test=(3,))
        >>> mine = Run.start(folder, RunSettings("viper", "normxcorr"), split)
        >>> Run.open(folder).settings == mine.settings, mine.epochs_done, mine.history(), mine.results()
        (True, 0, None, [])
    """

    def __init__(self, folder: str | os.PathLike, record: Mapping[str, Any]):
        self.folder = pathlib.Path(folder)
        self._record = dict(record)
        self.settings = RunSettings.from_dict(record["settings"], self.folder / "run.json")
        self.split = Split.from_dict(record["split"])
        self.data: str | None = record["data"]
        self.versions: dict[str, str] = record["versions"]

    @classmethod
    def start(
        cls,
        folder: str | os.PathLike,
        settings: RunSettings,
        split: Split,
        data: str | os.PathLike | None = None,
        before: People = (),
        fitted_before: People | None = None,
        take_over: bool = True,
    ) -> Run:
        """A new run with these settings, or the one that is already in the folder if its settings are the same.

        Args:
            folder: Made if need be.
            settings: The `RunSettings`.
            split: The `Split`.
            data: Folder of the data set; kept for evaluation, and no setting, because it may move. Defaults to `None`.
            before: On whom else the weights are trained: identities of other sets, and of the run with whose weights
                this one begins. Defaults to nobody.
            fitted_before: The same without those whom the validation of these trainings held back. Defaults to `None`:
                `before`.
            take_over: Whether a folder in which nothing was trained takes other settings. Defaults to `True`.

        Returns:
            The `Run`.

        Raises:
            InputError: If the folder holds a run with other settings of which something was trained or measured, or
                files but no run.
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
        if (folder / "run.json").exists():
            run = cls.open(folder)
            differing = run._differences(settings, split)
            if differing and take_over and run._is_untouched():
                with run.alone():
                    run._forget()
                    return cls._begin(folder, record)
            if differing:
                raise InputError(
                    f"{folder} holds a run with other settings ({_told(differing)}). Choose another folder."
                )
            return run
        if folder.exists() and (not folder.is_dir() or any(not is_temporary(path) for path in folder.iterdir())):
            raise InputError(f"{folder} exists and is not a run. Choose another folder.")
        return cls._begin(folder, record)

    @classmethod
    def _begin(cls, folder, record):
        write_json(folder / "run.json", record)
        return cls.open(folder)

    def _differences(self, settings, split):
        """What differs from other settings and another split: `(name, here, there)`, sorted by name."""
        splits = ("split", self.split.digest, split.digest)
        return sorted([*self.settings.differences(settings), *([splits] if self.split.digest != split.digest else [])])

    def _is_untouched(self):
        """Whether nothing was trained or measured yet, because the command that began it failed before."""
        return not any((self.folder / name).exists() for name in _KEPT)

    def _forget(self):
        """Removes what a start left behind that trained nothing to the end: no later one may go on from it."""
        for name in _REPLACED:
            (self.folder / name).unlink(missing_ok=True)

    @classmethod
    def open(cls, folder: str | os.PathLike) -> Run:
        """The run in a folder; raises `InputError` where there is none."""
        folder = pathlib.Path(folder)
        path = folder / "run.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
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
        """The same run with its files in another folder, as a worker has it whose files nobody keeps."""
        return Run(folder, self._record)

    @property
    def pictures(self) -> dict[str, int]:
        """Numbers by name which tell the pictures of its training from others; empty before it began."""
        return self._record.get("pictures", {})

    @property
    def drawing(self) -> int | None:
        """The number of the way in which its groups of pairs are drawn; `None` where pairs are separate."""
        return self.pictures.get("drawing")

    @property
    def held_back(self) -> Split | None:
        """The `Split` of the training identities alone that tests those held back to validate on; `None` without."""
        count = self.settings.validate
        return self.split.hold_back(count, self.settings.seed) if count else None

    @property
    def trained_on(self) -> list[tuple[str, list[int]]]:
        """`(data set, identities)` of everyone on whom the weights of this run are trained, its own set first."""
        return [(self.settings.dataset, list(self.split.train)), *map(tuple, self._record["before"])]

    @property
    def fitted_on(self) -> list[tuple[str, list[int]]]:
        """`trained_on` without those held back for validation: they chose the best model, no weight was fitted to
        them.
        """
        fitted = self.split if self.held_back is None else self.held_back
        return [(self.settings.dataset, list(fitted.train)), *map(tuple, self._record["fitted_before"])]

    @property
    def epochs_done(self) -> int:
        """Epochs that `model.keras` was trained for; raises `InputError` where the file that says so is damaged."""
        return self._progress()[0]

    @property
    def pairs_done(self) -> int:
        """Pairs that `model.keras` has seen, likewise."""
        return self._progress()[1]

    @property
    def stopped_early(self) -> bool:
        """Whether validation ended the training before its last epoch, likewise."""
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
        return None if best is None else best.epoch

    @property
    def unfinished(self) -> str | None:
        """What is to be said where the training stopped before its last epoch; `None` where it did not."""
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
            progress = json.loads(path.read_text(encoding="utf-8"))
            epochs = progress["epochs_done"] if "epochs_done" in progress else progress["passes_done"]
            found = epochs, progress["pairs_done"], progress["stopped_early"]
        except FileNotFoundError:
            return 0, 0, False
        except (OSError, ValueError, KeyError, TypeError):
            found = -1, -1, False
        if [type(value) for value in found] != [int, int, bool] or min(found[:2]) < 0:
            raise InputError(f"{path}: damaged. The tfnxc train command that began the run writes it anew.")
        return found

    def note_progress(self, epochs: int, pairs_per_epoch: int, stopped_early: bool = False) -> None:
        """Notes how many epochs `model.keras` was trained for, of how many pairs, and whether validation ended it."""
        progress = {"epochs_done": epochs, "pairs_done": epochs * pairs_per_epoch, "stopped_early": stopped_early}
        write_json(self.folder / "progress.json", progress)

    def history(self) -> History | None:
        """The figures of each finished epoch, `None` where none is; raises `InputError` where the file is damaged."""
        return History.read(self.folder / "history.csv")

    def note_epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Writes the figures of an epoch, counted from 0, into the history."""
        History.append(self.folder / "history.csv", epoch, figures)

    def results(self) -> list[Result]:
        """The results of evaluations that lie in the folder: those of the trained model first, then of the best, and
        of equal ones those with the most probes and draws.

        Raises:
            InputError: If a file is damaged, or the table of its curve is not beside it.
        """
        found = [Result.load(path) for path in sorted((self.folder / "results").glob("*.json"))]
        return sorted(found, key=lambda each: (_ORDER.get(each.state, 2), -each.probes, -each.repeats, each.title))

    def alone(self) -> AbstractContextManager:
        """A block in which no other process trains in this folder; raises `InputError` where one does."""
        return alone_in(
            self.folder,
            lambda holder: f"{self.folder}: process {holder} trains there, and one can at a time. Wait for its end.",
        )

    def check_record(self) -> None:
        """Raises an `InputError` if another command took the folder over before no other process could change it."""
        found = Run.open(self.folder)
        if found._differences(self.settings, self.split) or found._record["before"] != self._record["before"]:
            raise InputError(f"{self.folder}: another command has just begun another run here. Choose another folder.")

    def begin(self, pictures: Mapping[str, int]) -> None:
        """Notes on which pictures, as in `check_pictures`, a training begins; removes what an earlier start left."""
        self._forget()
        self._record["pictures"] = dict(pictures)
        write_json(self.folder / "run.json", self._record)

    def check_pictures(self, pictures: Mapping[str, int]) -> None:
        """Compares the pictures of a training that goes on with those that it began with.

        Args:
            pictures: Numbers by name, which tell these pictures from others.

        Raises:
            InputError: If they differ.
        """
        known = self.pictures
        if known.get("drawing") != pictures.get("drawing"):
            raise InputError(
                f"{self.folder} was begun by a version of tfnxc that draws pairs in another way: train in another "
                "folder."
            )
        names = sorted(known.keys() | pictures.keys())
        differing = [(name, known.get(name), pictures.get(name)) for name in names]
        differing = [each for each in differing if each[1] != each[2]]
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
        return self.folder / f"{'model' if state == 'trained' else state}.keras"

    def load_model(self, state: str = "trained", compile: bool = False) -> keras.Model:
        """The Keras model in a state.

        Args:
            state: `"initial"`; `"trained"`; `"best"`, as validation found it; or `"checkpoint"`, in the middle of an
                epoch. Defaults to `"trained"`.
            compile: Whether the optimizer is restored too, to train on. Defaults to `False`.

        Returns:
            The model.

        Raises:
            InputError: If the run has not got there yet, or the file is broken.
        """
        from tfnxc.runs.model_file import load_model

        return load_model(self._existing(state), compile)[0]

    def model_digest(self, state: str = "trained") -> str:
        """Digest of the model file in a state, as from `tfnxc.runs.load_model`; raises `InputError` without one."""
        return file_digest(self._existing(state))

    def _existing(self, state):
        path = self.model_path(state)
        if not path.exists():
            raise InputError(f"{path}: no such model; finish the training with the tfnxc train command that began it.")
        return path


def _listed(people):
    return [[dataset, list(map(int, identities))] for dataset, identities in people]


def _told(differing):
    return "; ".join(f"{name}: {there} there, {now} now" for name, there, now in differing)
