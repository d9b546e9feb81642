"""The run folder: what was trained on what, how far it got, and where its results lie."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import platform
import zipfile

import keras
import numpy as np
import tensorflow as tf

import tfnxc.layers  # noqa: F401  registers the layers that a model file names
from tfnxc.callbacks.keep_best import read_best
from tfnxc.datasets.splits.split import Split
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, write_json
from tfnxc.locks import alone_in
from tfnxc.recipes.recipe import Recipe
from tfnxc.version import __version__

_KEPT_OF_UNTRAINED = ("nan.json", "scores", "results")
"""What a run may hold that is worth keeping before its first checkpoint."""

_LEFT_BY_UNTRAINED = ("initial.keras", "negatives.npz", "best.keras", "best.json", "history.csv", "progress.json")
"""What a training may have written before that."""


class Run:
    """A run folder.

    It holds `run.json` (settings, split, where the data lies, versions), `initial.keras` (the model before training),
    `model.keras` (after the last finished pass, with its optimizer), `progress.json` (how many epochs that are),
    `history.csv`, and what evaluation adds: `scores/` and `results/`. With validation also `best.keras` and `best.json`
    (the best model so far and its figures). In the middle of a pass also `checkpoint.keras` (the model there) and, with
    hard negatives, `negatives.npz` (those of the pass). After a NaN also `nan.json` and `nan_batch.npz` (what broke).
    `lock` keeps a second training out.

    Args:
        folder: The folder. Use `Run.start` to make or resume one, `Run.open` to read one.
        record: What `run.json` holds.
    """

    def __init__(self, folder, record):
        self.folder = pathlib.Path(folder)
        self.record = record

    @classmethod
    def start(cls, folder, settings, split, data=None, before=(), fitted_before=None, take_over=True):
        """A new run with these settings, or the one that is already in the folder if its settings are the same.

        Args:
            folder: Made if need be.
            settings: Plain types by name: whatever changes the result.
            split: The `Split`.
            data: Folder of the data set; kept for evaluation, and no setting, because it may move. Defaults to `None`.
            before: On whom else the weights are trained: `(data set, identities)` of other sets, and of the run with
                whose weights this one begins. Defaults to nobody.
            fitted_before: The same without those whom the validation of these trainings held back. Defaults to `None`:
                `before`.
            take_over: Whether a folder in which nothing was trained takes other settings. Defaults to `True`.

        Raises:
            InputError: If the folder holds a run with other settings of which something was trained or measured, or
                files but no run.
        """
        folder = pathlib.Path(folder)
        record = {
            "settings": settings,
            "split": split.to_dict(),
            "split_digest": split.digest,
            "data": None if data is None else os.path.abspath(data),
            "before": _listed(before),
            "fitted_before": _listed(before if fitted_before is None else fitted_before),
            "versions": versions(),
        }
        if (folder / "run.json").exists():
            run = cls.open(folder)
            asked = json.loads(json.dumps({**settings, "split": split.digest}))
            # A run of an earlier version lacks settings that came later: it was trained with what are their defaults.
            later = {key: value for key, value in vars(Recipe()).items() if key in asked}
            found = {**later, **run.record["settings"], "split": run.record["split_digest"]}
            differing = sorted(key for key in asked.keys() | found.keys() if asked.get(key) != found.get(key))
            if differing and take_over and run._is_untouched():
                with run.alone():
                    run._forget()
                    return cls._begin(folder, record)
            if differing:
                details = "; ".join(f"{key}: {found.get(key)} there, {asked.get(key)} now" for key in differing)
                raise InputError(f"{folder} holds a run with other settings ({details}). Choose another folder.")
            return run
        if folder.exists() and (not folder.is_dir() or any(not is_temporary(path) for path in folder.iterdir())):
            raise InputError(f"{folder} exists and is not a run. Choose another folder.")
        return cls._begin(folder, record)

    @classmethod
    def _begin(cls, folder, record):
        write_json(folder / "run.json", record)
        return cls.open(folder)

    def _is_untouched(self):
        """Whether nothing was trained yet, nor measured: the command that began it failed before, and is given anew."""
        kept = (self.model_path(), self.model_path("checkpoint"), *map(self.folder.joinpath, _KEPT_OF_UNTRAINED))
        return not any(path.exists() for path in kept)

    def _forget(self):
        """Removes what a start left behind that trained nothing to the end: no later one may go on from it."""
        for name in _LEFT_BY_UNTRAINED:
            (self.folder / name).unlink(missing_ok=True)

    @classmethod
    def open(cls, folder):
        """The run in a folder.

        Raises:
            InputError: If there is none.
        """
        folder = pathlib.Path(folder)
        try:
            record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except OSError:
            raise InputError(f"{folder}: no run here (no run.json); expected a folder that tfnxc train made.") from None
        except ValueError:
            raise InputError(f"{folder / 'run.json'}: not a JSON file; the run cannot be read.") from None
        if not isinstance(record, dict) or not {"settings", "split", "split_digest", "data"} <= record.keys():
            raise InputError(f"{folder / 'run.json'}: not the record of a run; the run cannot be read.")
        return cls(folder, record)

    @property
    def settings(self):
        """What the run was started with."""
        return self.record["settings"]

    @property
    def held_back(self):
        """The `Split` of the training identities alone whose test part `--validate` held back; `None` without it."""
        count = self.settings.get("validate")
        return Split.from_dict(self.record["split"]).hold_back(count, self.settings["seed"]) if count else None

    @property
    def trained_on(self):
        """`(data set, identities)` of everyone on whom the weights of this run are trained."""
        own = self.settings["dataset"], self.record["split"]["train"]
        return [own, *map(tuple, self.record.get("before", ()))]

    @property
    def fitted_on(self):
        """`trained_on` without those whom `--validate` held back: they chose the best model, no weight was fitted to
        them.
        """
        (dataset, train), *before = self.trained_on
        before = map(tuple, self.record.get("fitted_before", before))
        return [(dataset, train if self.held_back is None else list(self.held_back.train)), *before]

    @property
    def epochs_done(self):
        """Passes that `model.keras` has seen; raises `InputError` where the file that says so is damaged."""
        return self._progress("epochs_done")

    def epochs_of(self, state):
        """Passes that the model in a state has seen: see `load_model`."""
        if state == "best":
            best = read_best(self)
            return 0 if best is None else best[0] + 1
        return self.epochs_done if state == "trained" else 0

    @property
    def pairs_done(self):
        """Pairs that `model.keras` has seen, likewise."""
        return self._progress("pairs_done")

    def _progress(self, name, kind=int, default=None):
        path = self.folder / "progress.json"
        try:
            progress = json.loads(path.read_text(encoding="utf-8"))
            value = progress[name] if default is None else progress.get(name, default)
        except FileNotFoundError:
            return kind()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            value = None
        if type(value) is not kind or value < 0:
            raise InputError(f"{path}: damaged. The tfnxc train command that began the run writes it anew.")
        return value

    @property
    def stopped_early(self):
        """Whether validation ended the training before its last pass."""
        return self._progress("stopped_early", bool, False)

    def note_progress(self, epochs, pairs_per_epoch, stopped_early=False):
        """Notes how many epochs `model.keras` has seen, how many pairs these are, and whether validation ended it."""
        progress = {"epochs_done": epochs, "pairs_done": epochs * pairs_per_epoch, "stopped_early": stopped_early}
        write_json(self.folder / "progress.json", progress)

    def alone(self):
        """A block in which no other process trains in this folder.

        Raises:
            InputError: If one does.
        """
        return alone_in(
            self.folder,
            lambda holder: f"{self.folder}: process {holder} trains there, and one can at a time. Wait for its end.",
        )

    def check_record(self):
        """Compares the record with that on disk, once no other process can change it.

        Raises:
            InputError: If another command took the folder over meanwhile.
        """
        found = Run.open(self.folder).record
        if any(found.get(name) != self.record.get(name) for name in ("settings", "split_digest", "before")):
            raise InputError(f"{self.folder}: another command has just begun another run here. Choose another folder.")

    def begin(self, digests):
        """Notes on which pictures a training begins, and removes what an earlier start left behind.

        Args:
            digests: As in `check_pictures`.
        """
        self._forget()
        self._note_pictures(digests)

    def _note_pictures(self, digests):
        self.record["pictures"] = digests
        write_json(self.folder / "run.json", self.record)

    def check_pictures(self, digests):
        """Compares the pictures of a training that goes on with those that it began with.

        Args:
            digests: Numbers by name, which tell these pictures from others.

        Raises:
            InputError: If they differ: it would be neither the same training nor a whole one of the others.
        """
        known = self.record.get("pictures")
        known = {} if known is None else known  # of an earlier version
        if known.get("drawing") != digests.get("drawing"):
            raise InputError(
                f"{self.folder} was begun by a version of tfnxc that draws pairs in another way: train in another "
                "folder."
            )
        if not known:
            self._note_pictures(digests)
        elif known != digests:
            differing = "; ".join(
                f"{name}: {known.get(name)} there, {digests.get(name)} now"
                for name in sorted(known.keys() | digests.keys())
                if known.get(name) != digests.get(name)
            )
            raise InputError(
                f"{self.folder} began with other training pictures ({differing}). Give it those again, or train on "
                "these in another folder."
            )

    def remove_temporary(self):
        """Removes what a kill in the middle of writing left behind."""
        for path in filter(is_temporary, self.folder.iterdir()):
            path.unlink(missing_ok=True)

    def model_path(self, state="trained"):
        """File of the model in a state: see `load_model`."""
        files = {"trained": "model"}
        return self.folder / f"{files.get(state, state)}.keras"

    def load_model(self, state="trained", compile=False):
        """The Keras model in a state, with the digest of its file.

        Args:
            state: `"initial"`; `"trained"`; `"best"`, as validation found it; or `"checkpoint"`, in the middle of a
                pass. Defaults to `"trained"`.
            compile: Whether the optimizer is restored too, to train on. Defaults to `False`.

        Raises:
            InputError: If the run has not got there yet, or the file is broken.
        """
        path = self.model_path(state)
        if not path.exists():
            raise InputError(f"{path}: no such model; finish the training with the tfnxc train command that began it.")
        return load_model(path, compile)


def _listed(people):
    return [[dataset, list(map(int, identities))] for dataset, identities in people]


def load_model(path, compile=False):
    """The Keras model in a `.keras` file, with the digest of the file.

    Args:
        path: The file.
        compile: Whether the optimizer is restored too, to train on. Defaults to `False`.

    Raises:
        InputError: If the file is not there or broken.
    """
    path = pathlib.Path(path)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        return keras.models.load_model(path, compile=compile), digest
    # The last three are Keras', of a description that it would not write.
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: broken model file ({error}).") from None


def versions():
    """What a result depends on."""
    return {
        "tfnxc": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
