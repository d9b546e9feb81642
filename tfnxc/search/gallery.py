"""A gallery on disk that is searched for people."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import functools
import itertools
import os
import pathlib
import shutil
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.console import Console

from tfnxc.console import ProgressCallback
from tfnxc.datasets.image_set import resize
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, replacing
from tfnxc.hashes import sha256_of
from tfnxc.locks import LOCK
from tfnxc.search._files import MANIFEST, MOST_PICTURES, Manifest, damaged
from tfnxc.search._store import Store, allowed_rows, locked, without_own
from tfnxc.search.picture import Match, Picture, Records, is_time
from tfnxc.search.shortlist import embedding_size, pooled

if TYPE_CHECKING:
    from tfnxc.runs import Run

SHORTLIST = 500
"""Pictures that the pair head sees of a gallery, unless told otherwise."""

MODEL = "model.keras"
_PAIRS = 128  # that the head scores at a time
_PROBES = 32  # that are searched for at a time
_BLOCK = 256  # pictures whose maps are in memory at a time, in single precision: 11 MB


class Added(NamedTuple):
    """What came of adding pictures: how many are new, how many were known, and a message for each broken one."""

    added: int
    known: int
    broken: list[str]


class Gallery:
    """A gallery in a folder: feature maps of pictures on disk, and the model that made them.

    What was added or deleted stays so, however the process ends: a kill at any moment leaves the folder as before or
    after the call or the last commit. One process writes at a time; any number search meanwhile, each in what was there
    when it opened the gallery or last called `refresh`.

    Args:
        folder: A folder with an index, which `Gallery.start` makes.

    Raises:
        InputError: If there is none, it is damaged, or its model is not the one that its pictures were indexed with.

    Example:
        >>> gallery = Gallery.start("index", "model.keras")
        >>> gallery.add(tfnxc.search.list_pictures("crops", layout=("camera",)))
        Added(added=24, known=0, broken=[])
        >>> [found] = gallery.search([Picture.of_file("probe.png")], top=3, cameras=["b"])
        >>> [match.camera for match in found]
        ['b', 'b', 'b']
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = pathlib.Path(folder)
        self._store = Store(self.folder)
        manifest, path = self._store.snapshot.manifest, self.folder / MODEL
        if embedding_size(manifest.map_shape) != manifest.embedding_size:
            raise damaged(self.folder / MANIFEST, "values that tfnxc does not write")
        if not path.is_file() or sha256_of(path) != manifest.model_sha256:
            what = "not the model that the pictures of this index were indexed with"
            remedy = "Put that model back, or index the pictures again into another folder"
            raise InputError(f"{path}: {what}, and features of another do not compare with theirs. {remedy}.")

    @classmethod
    def start(
        cls, folder: str | os.PathLike, model: str | os.PathLike | Run, console: Console | None = None
    ) -> Gallery:
        """A new gallery, or the one that is already in the folder if it is of the same model.

        Args:
            folder: Made if need be.
            model: A `.keras` file of a model of `tfnxc.models`; or a `Run` or its folder, whose trained model is taken.
                The gallery keeps a copy and needs it no more.
            console: Where it is said that the training of a run is not finished. Defaults to `None`: nowhere.

        Raises:
            InputError: If the folder holds a gallery of another model, or files but no gallery; or if the model cannot
                be used.
        """
        folder, file = pathlib.Path(folder), _model_file(model, console)
        digest = sha256_of(file)
        if (folder / MANIFEST).exists():
            gallery = cls(folder)
            if gallery._store.snapshot.manifest.model_sha256 != digest:
                other = f"its pictures were indexed with another model than {file}"
                remedy = "Index all pictures again into another folder"
                raise InputError(f"{folder}: {other}, and features of different models do not compare. {remedy}.")
            return gallery
        ours = {LOCK, MODEL}  # what a kill in the lines below leaves behind
        if folder.exists() and (
            not folder.is_dir() or any(each.name not in ours and not is_temporary(each) for each in folder.iterdir())
        ):
            raise InputError(f"{folder} exists and is no index. Choose another folder.")
        map_shape = _pair_head(file).map_shape
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if (folder / MANIFEST).exists():
                raise InputError(f"{folder}: another process has just made an index here. Give the command again.")
            with replacing(folder / MODEL) as new:
                shutil.copyfile(file, new)
            if sha256_of(folder / MODEL) != digest:
                raise InputError(f"{file}: it was replaced meanwhile. Give the command again.")
            Manifest(digest, map_shape, embedding_size(map_shape)).write(folder)
        return cls(folder)

    def __len__(self) -> int:
        return self._store.snapshot.manifest.pictures

    @property
    def names(self) -> list[str]:
        """The names of all pictures, in the order in which they were added."""
        return list(self._store.snapshot.rows)

    @property
    def cameras(self) -> dict[str | None, int]:
        """How many pictures there are of each camera, by its name; of `None` where it is not known."""
        now = self._store.snapshot
        return dict(collections.Counter(now.records.cameras[row] for row in now.rows.values()))

    @property
    def bytes_on_disk(self) -> int:
        """Size of all files in the folder."""
        total = 0
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process writes
                total += path.stat().st_size
        return total

    def refresh(self) -> None:
        """Takes note of what another process has written since."""
        self._store.refresh()

    def add(
        self, pictures: Iterable[Picture], commit: int = MOST_PICTURES, progress: ProgressCallback | None = None
    ) -> Added:
        """Adds pictures. One whose name is there already is passed over, so that a stopped call can be repeated.

        Args:
            pictures: Any iterable of `Picture`s, which may be endless. Those that cannot be read are passed over.
            commit: Pictures between two commits, at most 1024: these are read and embedded together, and are in the
                gallery for good before the next ones are taken. Defaults to `1024`.
            progress: Called after each commit with the number of pictures taken. Defaults to `None`.

        Raises:
            InputError: If another process is writing, or a picture has labels that are not of the kind of `Picture`;
                what was committed before stays.
        """
        if not 1 <= commit <= MOST_PICTURES:
            raise InputError(f"commit must be 1 to {MOST_PICTURES} pictures; got {commit!r}.")
        added, known, broken = 0, 0, []
        pictures = iter(pictures)
        with self._store.writing(), concurrent.futures.ThreadPoolExecutor() as pool:
            names = set(self._store.snapshot.rows)
            while block := list(itertools.islice(pictures, commit)):
                new: dict[str, Picture] = {}
                for picture in block:
                    _check_labels(picture)
                    if picture.name not in names:
                        new.setdefault(picture.name, picture)
                read = functools.partial(_picture_or_why_not, size=self._head.image_size)
                found = list(zip(new.values(), pool.map(read, new.values()), strict=True))
                whole = [(picture, image) for picture, image in found if not isinstance(image, str)]
                broken += [image for _, image in found if isinstance(image, str)]
                if whole:
                    maps = self._head.embed(np.stack([image for _, image in whole]))
                    self._store.append(Records.of(picture for picture, _ in whole), maps, pooled(maps))
                names.update(picture.name for picture, _ in whole)
                added += len(whole)
                known += len(block) - len(new)
                if progress is not None:
                    progress(len(block))
        return Added(added, known, broken)

    def delete(self, pictures: Iterable[str | os.PathLike]) -> int:
        """Deletes pictures, and gives how many. Their features leave the disk with the next `compact`.

        Args:
            pictures: Names, files, or folders: of a folder everything below it goes.

        Raises:
            InputError: If one of them means no picture (nothing is deleted then), or another process is writing.
        """
        pictures = [pictures] if isinstance(pictures, str | os.PathLike) else pictures
        with self._store.writing() as store:
            names = {name for each in pictures for name in self._meant(os.fspath(each))}
            store.delete(names)
        return len(names)

    def _meant(self, given):
        """The names of the pictures that a name, a file or a folder means."""
        rows, path = self._store.snapshot.rows, os.path.abspath(given)
        below = os.path.join(path, "")
        names = [name for name in (given, path) if name in rows][:1]
        names = names or [name for name in rows if name.startswith(below)]
        if not names:
            raise InputError(f"{given}: {self.folder} has no such picture and none below; nothing was deleted.")
        return names

    def compact(self, progress: ProgressCallback | None = None) -> None:
        """Takes deleted pictures off the disk and puts small segments together, in blocks of 1024 pictures.

        Until it is done, what it rewrites is on disk twice. `progress` is called with numbers of pictures, deleted ones
        included, as they are done.
        """
        with self._store.writing() as store:
            store.compact(progress)

    def check(self, progress: ProgressCallback | None = None) -> int:
        """Reads the feature maps, which opening the gallery has not read; gives how many pictures are sound.

        `progress` is called with numbers of pictures as they are done. A damaged one is an `InputError` that names it.
        """
        snapshot = self._store.snapshot
        rows = np.flatnonzero(snapshot.alive)
        for start in range(0, len(rows), MOST_PICTURES):
            block = rows[start : start + MOST_PICTURES]
            snapshot.maps_of(block)
            if progress is not None:
                progress(len(block))
        return len(rows)

    def search(
        self,
        probes: Iterable[Picture],
        top: int = 10,
        *,
        cameras: Collection[str] | None = None,
        without_cameras: Collection[str] = (),
        other_cameras: bool = False,
        since: float | None = None,
        until: float | None = None,
        shortlist: int | None = None,
        exhaustive: bool = False,
        both_orders: bool = False,
        progress: ProgressCallback | None = None,
    ) -> list[list[Match]]:
        """The pictures of the gallery that are most likely of the persons on the probes.

        Args:
            probes: `Picture`s. One that is itself in the gallery, by its name, is not found there.
            top: How many are found for each, at most. Defaults to `10`.
            cameras: Only pictures of these cameras. Defaults to `None`: of any, or of none known.
            without_cameras: No pictures of these cameras. Defaults to none.
            other_cameras: For each probe, no pictures of its own camera: as the `Picture` says, or else as the gallery
                says where the probe is in it. Defaults to `False`.
            since: Only pictures of this time or later, in seconds since the beginning of 1970 (UTC). Defaults to
                `None`. A picture without a time is not found where this or `until` is given.
            until: Only pictures of this time or earlier. Defaults to `None`.
            shortlist: Of how many pictures the pair head scores each, chosen by their pooled embeddings. Defaults to
                `None`: 500, or `top` where that is more; docs/search.md has what that misses.
            exhaustive: Whether the pair head scores all. Defaults to `False`.
            both_orders: Whether each pair is scored in both orders and the two are averaged. Defaults to `False`.
            progress: Called with numbers of pairs as they are scored. Defaults to `None`.

        Returns:
            A list a probe of `Match`es, the most probable first; of equal ones that which was added first.

        Raises:
            InputError: If a probe cannot be read, `top` or `shortlist` is too small, features are damaged, the gallery
                has no picture of one of the cameras, or `other_cameras` is asked for and the camera of a probe is not
                known.
        """
        if isinstance(probes, str | os.PathLike | Picture):
            raise ValueError(f"probes must be a list of Pictures, such as [Picture.of_file(file)]; got {probes!r}.")
        if shortlist is None:
            shortlist = max(top, SHORTLIST)
        if top < 1 or (shortlist < top and not exhaustive):
            raise InputError(f"top must be 1 or more and shortlist as much or more; got {top!r} and {shortlist!r}.")
        unknown = [camera for camera in (*(cameras or ()), *without_cameras) if camera not in self.cameras]
        if unknown:  # a mistyped camera would find nothing, or leave nothing out, without a word
            known = ", ".join(str(camera) for camera in self.cameras if camera is not None) or "none"
            raise InputError(f"{self.folder}: no picture of camera {unknown[0]}; its cameras are: {known}.")
        probes, snapshot = list(probes), self._store.snapshot
        if not snapshot.alive.any():
            return [[] for _ in probes]
        allowed = allowed_rows(snapshot, cameras, without_cameras, since, until)
        found = []
        best = functools.partial(self._best, snapshot, top, both_orders, progress)
        for start in range(0, len(probes), _PROBES):
            some = probes[start : start + _PROBES]
            masks = np.stack([without_own(snapshot, allowed, probe, other_cameras) for probe in some])
            maps = self._head.embed(np.stack([resize(probe.read(), self._head.image_size) for probe in some]))
            if exhaustive:
                rows = np.flatnonzero(masks.any(axis=0))
                found += best(maps, rows, masks[:, rows])
                continue
            for each, embedding, mask in zip(maps, pooled(maps), masks, strict=True):
                rows = snapshot.shortlister.nearest(embedding, mask, shortlist)
                found += best(each[None], rows, mask[None, rows])
        of = snapshot.records
        return [
            [Match(of.names[row], score, of.identities[row], of.cameras[row], of.times[row]) for row, score in each]
            for each in found
        ]

    def _best(self, snapshot, top, both_orders, progress, probes, rows, allowed):
        """`(row, probability)` of the best of some rows for each probe; `allowed` of shape `(probes, rows)`."""
        from tfnxc.scoring.pair_head import best_of

        def blocks():
            for start in range(0, len(rows), _BLOCK):
                block = rows[start : start + _BLOCK]
                maps = np.asarray(snapshot.maps_of(block), np.float32)
                pairs = np.indices((len(probes), len(block))).reshape(2, -1).T
                found = self._head.score_pairs(probes, maps, pairs, both_orders=both_orders)
                if progress is not None:
                    progress(len(pairs))
                yield block, np.where(allowed[:, start : start + _BLOCK], found.reshape(len(probes), -1), -np.inf)

        best, scores = best_of(blocks(), len(probes), top)
        lists = zip(best.tolist(), scores.tolist(), strict=True)
        return [[pair for pair in zip(*each, strict=True) if pair[1] > -np.inf] for each in lists]

    @functools.cached_property
    def _head(self):
        head = _pair_head(self.folder / MODEL)
        if head.map_shape != self._store.snapshot.manifest.map_shape:
            raise damaged(self.folder / MANIFEST, "not of the features of its model")
        return head


def _model_file(model, console):
    """The `.keras` file, where a run or its folder may be given."""
    if isinstance(model, (str, os.PathLike)) and not os.path.isdir(model):
        if not os.path.isfile(model):
            raise InputError(f"{model}: no such file; expected a model, .keras, or a run folder.")
        return pathlib.Path(model)
    from tfnxc.runs import Run

    run = model if isinstance(model, Run) else Run.open(model)
    if not run.model_path().exists():
        raise InputError(f"{run.folder}: no model yet; finish the training with the tfnxc train command that began it.")
    if console is not None and run.unfinished:
        console.print(run.unfinished)
    return run.model_path()


def _pair_head(path):
    # Here, because only what reads or scores pictures has to wait for TensorFlow.
    from tfnxc.runs import load_model
    from tfnxc.scoring import PairHead

    model, _ = load_model(path)
    try:
        return PairHead(model, _PAIRS)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _picture_or_why_not(picture, size):
    try:
        return resize(picture.read(), size)
    except InputError as error:
        return str(error)


def _check_labels(picture):
    name, time = picture.name, picture.time
    texts = all(isinstance(text, str | None) for text in (picture.identity, picture.camera))
    if not (isinstance(name, str) and name and texts and (time is None or is_time(time))):
        others = "identity and camera are texts or None, time is a number of seconds in the years 1 to 9999 or None"
        raise InputError(f"a picture needs a text as its name; {others}; got {picture._replace(image=...)!r}.")
