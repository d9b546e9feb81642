"""A gallery on disk that is searched for people."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import itertools
import pathlib
import shutil
from typing import NamedTuple

import numpy as np

from tfnxc.datasets.image_set import resize
from tfnxc.datasets.prepared.files import sha256_of
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, replacing
from tfnxc.locks import LOCK
from tfnxc.search._filters import allowed_rows, without_own
from tfnxc.search._lock import writing
from tfnxc.search._manifest import MANIFEST, Manifest
from tfnxc.search._ranking import best_of
from tfnxc.search._segment import MOST_PICTURES, damaged
from tfnxc.search._store import Store
from tfnxc.search.match import Match
from tfnxc.search.picture import is_time
from tfnxc.search.pooling import embedding_size, pooled
from tfnxc.search.records import Records
from tfnxc.search.shortlist import Shortlister

SHORTLIST = 500
"""Pictures that the pair head sees of a gallery, unless told otherwise."""

MODEL = "model.keras"

_PROBES = 32  # that are searched for at a time


class Added(NamedTuple):
    """What came of adding pictures.

    Args:
        added: How many are in the gallery now that were not before.
        known: How many were passed over, because the gallery has pictures of their names.
        broken: One message for each that was passed over because it cannot be read; it names the picture.
    """

    added: int
    known: int
    broken: list[str]


class Gallery:
    """A gallery in a folder: feature maps of pictures on disk, and the model that made them.

    What was added or deleted stays so, however the process ends: a kill at any moment leaves the folder as before or
    after the call or the last commit. One process writes at a time; any number search meanwhile, each in what was there
    when it opened the gallery or last called `refresh`.

    `Gallery(folder)` opens one, `Gallery.start` makes one.

    Args:
        folder: A folder with an index.

    Raises:
        InputError: If there is none, it is damaged, or its model is not the one that its pictures were indexed with.

    Example:
        >>> gallery = Gallery.start("index", "runs/mine/model.keras")
        >>> gallery.add(folder_pictures("crops", layout=("camera",)))
        Added(added=1944, known=0, broken=[])
        >>> [found] = gallery.search([Picture.of_file("probe.png")], top=3, cameras=["lift"])
        >>> found[0].name, found[0].probability
        ('/data/crops/lift/0007.jpg', 0.97)
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._store = Store(self.folder)
        self._shortlister = None, None
        manifest, path = self._store.snapshot.manifest, self.folder / MODEL
        if embedding_size(manifest.map_shape) != manifest.embedding_size:
            raise damaged(self.folder / MANIFEST, "values that tfnxc does not write")
        if not path.is_file() or sha256_of(path) != manifest.model_sha256:
            raise InputError(
                f"{path}: not the model that the pictures of this index were indexed with, and features of another do "
                "not compare with theirs. Put that model back, or index the pictures again into another folder."
            )

    @classmethod
    def start(cls, folder, model):
        """A new gallery, or the one that is already in the folder if it is of the same model.

        Args:
            folder: Made if need be.
            model: A `.keras` file of a model of `tfnxc.models`. The gallery keeps a copy and needs it no more.

        Raises:
            InputError: If the folder holds a gallery of another model, or files but no gallery; or if the model cannot
                be used.
        """
        folder, model = pathlib.Path(folder), pathlib.Path(model)
        if not model.is_file():
            raise InputError(f"{model}: no such file; expected a model, .keras.")
        digest = sha256_of(model)
        if (folder / MANIFEST).exists():
            gallery = cls(folder)
            if gallery._store.snapshot.manifest.model_sha256 != digest:
                raise InputError(
                    f"{folder}: its pictures were indexed with another model than {model}, and features of different "
                    "models do not compare. Index all pictures again into another folder."
                )
            return gallery
        ours = {LOCK, MODEL}  # what a kill in the lines below leaves behind
        if folder.exists() and (
            not folder.is_dir() or any(each.name not in ours and not is_temporary(each) for each in folder.iterdir())
        ):
            raise InputError(f"{folder} exists and is no index. Choose another folder.")
        from tfnxc.search._engine import Engine

        engine = Engine(model)
        folder.mkdir(parents=True, exist_ok=True)
        with writing(folder):
            if (folder / MANIFEST).exists():
                raise InputError(f"{folder}: another process has just made an index here. Give the command again.")
            with replacing(folder / MODEL) as new:
                shutil.copyfile(model, new)
            if sha256_of(folder / MODEL) != digest:
                raise InputError(f"{model}: it was replaced meanwhile. Give the command again.")
            Manifest(digest, engine.map_shape, embedding_size(engine.map_shape)).write(folder)
        return cls(folder)

    def __len__(self):
        return self._store.snapshot.manifest.pictures

    @property
    def names(self):
        """The names of all pictures, in the order in which they were added."""
        return list(self._store.snapshot.rows)

    @property
    def cameras(self):
        """How many pictures there are of each camera, by its name; of `None` where it is not known."""
        of = self._store.snapshot
        return dict(collections.Counter(of.records.cameras[row] for row in of.rows.values()))

    def refresh(self):
        """Takes note of what another process has written since.

        Raises:
            InputError: If the folder holds a gallery of another model now, or a damaged one.
        """
        self._store.refresh()

    def add(self, pictures, commit=MOST_PICTURES, progress=None):
        """Adds pictures. One whose name is there already is passed over, so that a stopped call can be repeated.

        Args:
            pictures: `Picture`s, from a list, a generator or any other iterable, which may be endless. Those that
                cannot be read are passed over and named in the result.
            commit: Pictures between two commits, at most 1024: these are read and embedded together, and are in the
                gallery for good before the next ones are taken. Defaults to `1024`.
            progress: Called after each commit with the number of pictures that it took from `pictures`. Defaults to
                `None`.

        Returns:
            `Added`: how many were added and known, and what was broken.

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
                new = {}
                for picture in block:
                    _check_labels(picture)
                    if picture.name not in names:
                        new.setdefault(picture.name, picture)
                read = functools.partial(_picture_or_why_not, size=self._engine.image_size)
                found = list(zip(new.values(), pool.map(read, new.values()), strict=True))
                whole = [(picture, image) for picture, image in found if not isinstance(image, str)]
                broken += [image for _, image in found if isinstance(image, str)]
                if whole:
                    maps = self._engine.embed(np.stack([image for _, image in whole]))
                    self._store.append(Records.of(picture for picture, _ in whole), maps, pooled(maps))
                names.update(each.name for each, _ in whole)
                added += len(whole)
                known += len(block) - len(new)
                if progress is not None:
                    progress(len(block))
        return Added(added, known, broken)

    def delete(self, names):
        """Deletes pictures by name. Their features leave the disk with the next `compact`.

        Raises:
            InputError: If there is no picture of one of the names (nothing is deleted then), or another process is
                writing.
        """
        with self._store.writing() as store:
            store.delete(list(names))

    def compact(self, progress=None):
        """Takes deleted pictures off the disk and puts small segments together, in blocks of 1024 pictures.

        Until it is done, what it rewrites is on disk twice.

        Args:
            progress: Called with numbers of pictures, deleted ones included, as they are done. Defaults to `None`.

        Raises:
            InputError: If another process is writing, or a picture's features are damaged.
        """
        with self._store.writing() as store:
            store.compact(progress)

    def check(self, progress=None):
        """Reads everything that opening the gallery has not read: the feature maps.

        Args:
            progress: Called with numbers of pictures as they are done. Defaults to `None`.

        Returns:
            How many pictures are sound: all of them.

        Raises:
            InputError: If one is damaged; the message names it.
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
        probes,
        top=10,
        *,
        cameras=None,
        without_cameras=(),
        other_cameras=False,
        since=None,
        until=None,
        shortlist=SHORTLIST,
        exhaustive=False,
        both_orders=False,
        progress=None,
    ):
        """The pictures of the gallery that are most likely of the persons on the probes.

        A probe that is itself in the gallery, by its name, is not found there.

        Args:
            probes: `Picture`s.
            top: How many are found for each, at most. Defaults to `10`.
            cameras: Only pictures of these cameras. Defaults to `None`: of any, or of none known.
            without_cameras: No pictures of these cameras. Defaults to none.
            other_cameras: For each probe, no pictures of its own camera: as the `Picture` says, or else as the gallery
                says where the probe is in it. Defaults to `False`.
            since: Only pictures of this time or later, in seconds since the beginning of 1970 (UTC). Defaults to
                `None`. A picture without a time is not found where this or `until` is given.
            until: Only pictures of this time or earlier. Defaults to `None`.
            shortlist: Of how many pictures the pair head scores each, chosen by their pooled embeddings. Defaults to
                `500`: docs/search.md has what that misses.
            exhaustive: Whether the pair head scores all. Defaults to `False`.
            both_orders: Whether each pair is also scored with the gallery picture first, and the two averaged: twice
                the work. Defaults to `False`.
            progress: Called with numbers of pairs as they are scored. Defaults to `None`.

        Returns:
            A list a probe of `Match`es, the most probable first; of equal ones that which was added first.

        Raises:
            InputError: If a probe cannot be read, `top` or `shortlist` is too small, features are damaged, or
                `other_cameras` is asked for and the camera of a probe is not known.
        """
        if top < 1 or (shortlist < top and not exhaustive):
            raise InputError(f"top must be 1 or more and shortlist as much or more; got {top!r} and {shortlist!r}.")
        probes, snapshot = list(probes), self._store.snapshot
        if not snapshot.alive.any():
            return [[] for _ in probes]
        allowed = allowed_rows(snapshot, cameras, without_cameras, since, until)
        found = []
        for start in range(0, len(probes), _PROBES):
            some = probes[start : start + _PROBES]
            masks = np.stack([without_own(snapshot, allowed, probe, other_cameras) for probe in some])
            maps = self._engine.embed(np.stack([_picture(probe, self._engine.image_size) for probe in some]))
            best = functools.partial(best_of, self._engine, snapshot)
            options = {"top": top, "both_orders": both_orders, "progress": progress}
            if exhaustive:
                rows = np.flatnonzero(masks.any(axis=0))
                found += best(maps, rows, masks[:, rows], **options)
                continue
            for each, embedding, mask in zip(maps, pooled(maps), masks, strict=True):
                rows = self._shortlister_of(snapshot).nearest(embedding, mask, shortlist)
                found += best(each[None], rows, mask[None, rows], **options)
        of = snapshot.records
        return [
            [Match(of.names[row], score, of.identities[row], of.cameras[row], of.times[row]) for row, score in each]
            for each in found
        ]

    @functools.cached_property
    def _engine(self):
        # Here, because only what reads or scores pictures has to wait for TensorFlow.
        from tfnxc.search._engine import Engine

        engine = Engine(self.folder / MODEL)
        if engine.map_shape != self._store.snapshot.manifest.map_shape:
            raise damaged(self.folder / MANIFEST, "not of the features of its model")
        return engine

    def _shortlister_of(self, snapshot):
        known, shortlister = self._shortlister
        if known is not snapshot:
            shortlister = Shortlister(snapshot.embeddings, snapshot.alive)
            self._shortlister = snapshot, shortlister
        return shortlister


def _picture(picture, size):
    return resize(picture.read(), size)


def _picture_or_why_not(picture, size):
    try:
        return _picture(picture, size)
    except InputError as error:
        return str(error)


def _check_labels(picture):
    texts = [picture.identity, picture.camera]
    if (
        not isinstance(picture.name, str)
        or not picture.name
        or any(text is not None and not isinstance(text, str) for text in texts)
        or not (picture.time is None or is_time(picture.time))
    ):
        raise InputError(
            "a picture needs a text as its name; identity and camera are texts or None, time is a number of seconds "
            f"in the years 1 to 9999 or None; got {picture._replace(image=...)!r}."
        )
