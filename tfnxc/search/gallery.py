"""A gallery on disk that is searched for people."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import itertools
import math
import os
import pathlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.console import Console

from tfnxc.console import ProgressCallback
from tfnxc.datasets.image_set import resize
from tfnxc.errors import InputError
from tfnxc.files import is_temporary
from tfnxc.hashes import sha256_of
from tfnxc.locks import LOCK
from tfnxc.metrics.thresholds import check_rate
from tfnxc.number_checks import whole_number
from tfnxc.search._adding import BROKEN, CHANGED, KNOWN, NEW, UNCOMPARED, look_at, records_of
from tfnxc.search._copying import copy_index
from tfnxc.search._erasing import Receipt, erase, identities_of, known_names
from tfnxc.search._files import KEPT, MANIFEST, Manifest, damaged
from tfnxc.search._filters import Filters
from tfnxc.search._meant import meant_by
from tfnxc.search._models import CALIBRATION, FILES, MODEL, find_source, pair_head
from tfnxc.search._scoring import SCORERS, Scorer
from tfnxc.search._store import Store, allowed_rows, locked, without_own
from tfnxc.search.audit import AuditLog
from tfnxc.search.picture import Match, Picture, brief
from tfnxc.search.times import Time, format_time, seconds_of

if TYPE_CHECKING:
    from tfnxc.embedding import Calibration, Combination, Embedding
    from tfnxc.metrics import Threshold
    from tfnxc.runs import Run

SHORTLIST = 250
"""Pictures that the pair head sees of a gallery, unless told otherwise."""

MOST_AT_ONCE = 1024
"""Pictures that are read and embedded at a time, at most."""

_PROBES = 32  # that are searched for at a time


class Added(NamedTuple):
    """What came of adding pictures.

    Args:
        added: How many are new.
        known: How many are there already, as they are.
        broken: A message for each that cannot be read; it says so where the index keeps what it has of the picture.
        changed: The names of those that are there already but have changed since: taken anew with `update`, and
            otherwise as they were indexed.
        uncompared: The names of those that are there already, of which the index keeps no digest, as older ones do not,
            so that it cannot tell whether they have changed: taken anew with `update`, and otherwise as they were.
    """

    added: int
    known: int
    broken: list[str]
    changed: tuple[str, ...] = ()
    uncompared: tuple[str, ...] = ()


class Gallery:
    """A gallery in a folder: vectors of pictures, their feature maps or where they lie, and the model that made them.

    What was added or deleted stays so, however the process ends: a kill at any moment leaves the folder as before or
    after the call or the last commit. One process writes at a time; any number search meanwhile, each in what was there
    when it opened the gallery or last called `refresh`.

    Args:
        folder: A folder with an index, which `Gallery.start` makes.

    Raises:
        InputError: If there is none, it is damaged or of an older format, or its model or embedding is not the one that
            its pictures were indexed with.

    Example:
        >>> gallery = Gallery.start("index", "pretrained")
        >>> gallery.add(tfnxc.search.list_pictures("crops", layout=("camera",)))
        Added(added=24, known=0, broken=[], changed=(), uncompared=())
        >>> [found] = gallery.search([Picture.of_file("probe.png")], top=3, cameras=["b"])
        >>> [match.camera for match in found]
        ['b', 'b', 'b']
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = pathlib.Path(folder)
        self._store = Store(self.folder)
        for name, digest in self._manifest.files.items():
            path = self.folder / name
            if not path.is_file() or sha256_of(path) != digest:
                what = "not the one that the pictures of this index were indexed with"
                remedy = "Put that file back, or index the pictures again into another folder"
                raise InputError(f"{path}: {what}, and features of another do not compare with theirs. {remedy}.")

    @classmethod
    def start(
        cls,
        folder: str | os.PathLike,
        model: str | os.PathLike | Run,
        *,
        embedding: Embedding | str | os.PathLike | None = None,
        keep: str | None = None,
        console: Console | None = None,
    ) -> Gallery:
        """A new gallery, or the one that is already in the folder if it is of the same model and embedding.

        Thresholds that `tfnxc calibrate` made for these are taken along, also into a gallery that is there already.

        Args:
            folder: Made if need be.
            model: A `Run` or its folder, whose trained model is taken; a `.keras` file of a model of `tfnxc.models`; or
                `"pretrained"`, the model that comes with tfnxc. The gallery keeps a copy and needs it no more.
            embedding: An `Embedding` of this model, or the folder with its files. Defaults to `None`: that of the run,
                beside the file, or the one that comes with tfnxc.
            keep: `"maps"`, the feature map of each picture: 22,200 bytes beside the 256 of its vector, for maps of
                37 x 12 x 25 and 128 numbers; or `"paths"`, no more than where its file lies: a search then reads and
                embeds the pictures of its shortlist again. Defaults to `None`: as the gallery in the folder does, a new
                one maps.
            console: Where it is said that the training of a run is not finished. Defaults to `None`: nowhere.

        Raises:
            InputError: If the folder holds a gallery of another model, of another embedding or that keeps otherwise, or
                files but no gallery; or if the model cannot be used or has no embedding.
        """
        if keep not in (None, *KEPT):
            raise InputError(f"keep must be {' or '.join(KEPT)}; got {keep!r}.")
        folder, source = pathlib.Path(folder), find_source(model, embedding, console)
        if (folder / MANIFEST).exists():
            gallery = cls(folder)
            if gallery._manifest.model != source.name:
                other = f"its pictures were indexed with another model or embedding than {source.said}"
                remedy = "Index all pictures again into another folder"
                raise InputError(f"{folder}: {other}, and features of different ones do not compare. {remedy}.")
            if keep not in (None, gallery.keep):
                raise InputError(
                    f"{folder}: it keeps {gallery.keep}, not {keep}. Choose another folder to keep {keep}."
                )
            gallery._take(source.calibration)
            return gallery
        ours = {LOCK, *FILES, CALIBRATION}  # what a kill in the lines below leaves behind
        if folder.exists() and (
            not folder.is_dir() or any(each.name not in ours and not is_temporary(each) for each in folder.iterdir())
        ):
            raise InputError(f"{folder} exists and is no index. Choose another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if (folder / MANIFEST).exists():
                raise InputError(f"{folder}: another process has just made an index here. Give the command again.")
            files, of = source.keep(folder), source.embedding
            Manifest(source.name, files, of.map_shape, of.dimensions, keep or KEPT[0]).write(folder)
        return cls(folder)

    def __len__(self) -> int:
        return self._store.snapshot.manifest.pictures

    @property
    def audit(self) -> AuditLog | None:
        """The log in which each search, addition and deletion is written down before it is answered or done.

        Where that fails, nothing is. `None` where none is kept.
        """
        return AuditLog(self.folder) if self._manifest.audited else None

    def start_audit(self) -> AuditLog:
        """Begins the `audit` log, or gives the one that is kept. From then on no use of the gallery goes without it."""
        if self.audit is None:
            with self._store.writing() as store:
                AuditLog.start(self.folder)
                store.begin_audit()
        return AuditLog(self.folder)

    @property
    def names(self) -> list[str]:
        """The names of all pictures, in the order in which they were added."""
        return list(self._store.snapshot.rows)

    @property
    def cameras(self) -> dict[str | None, int]:
        """How many pictures there are of each camera, by its name; of `None` where it is not known."""
        return dict(self._store.snapshot.cameras)

    def check_camera(self, camera: str) -> None:
        """Raises `InputError` if the gallery has no picture of a camera: a mistyped one would filter nothing.

        Example:
            >>> gallery, _ = tfnxc.search.synthetic_gallery("cameras", identities=2, probes=1)
            >>> gallery.check_camera("b")
        """
        Filters.of(camera, None, None, None).check(self.folder, self.cameras)

    @property
    def keep(self) -> str:
        """What is kept of a picture beside its vector: `"maps"` or `"paths"`."""
        return self._manifest.keep

    def summary(self) -> dict[str, Any]:
        """What the gallery holds, as plain types for JSON; a camera that is not known is called `""`."""
        manifest = self._manifest
        return {
            "index": os.fspath(self.folder),
            "pictures": len(self),
            "bytes": self.bytes_on_disk,
            "keep": manifest.keep,
            "dimensions": manifest.dimensions,
            "map_shape": list(manifest.map_shape),
            "model": manifest.model.rsplit(" ", 1)[0],
            "cameras": {camera or "": count for camera, count in self.cameras.items()},
        }

    @property
    def calibration(self) -> Calibration:
        """The calibrated probabilities and thresholds of its model; raises `InputError` where it has none."""
        from tfnxc.embedding import Calibration

        try:
            return Calibration.load(self.folder, self._scorer.embedding)
        except InputError as error:
            again = f"Then give tfnxc index RUN PICTURES --to {self.folder} again, which takes them along"
            raise InputError(f"{error} {again}.") from None

    def _take(self, calibration):
        """Keeps a copy of a calibration, if there is one and it is another than that which is there."""
        if calibration is None:
            return
        with contextlib.suppress(InputError):  # none, or not readable: the new one takes its place
            if self.calibration == calibration:
                return
        with locked(self.folder):
            calibration.save(self.folder)

    def threshold(self, false_matches: float, scorer: str = "both") -> Threshold:
        """The threshold of a scorer for a number of false matches per 1,000 pictures of strangers.

        Raises:
            InputError: If the gallery has no thresholds, or none for that number; the message says which there are.
        """
        return self.calibration.threshold(scorer, check_rate(false_matches))

    @property
    def combination(self) -> Combination:
        """The `tfnxc.embedding.Combination` by which the scorer `both` adds head and embedding."""
        return self._scorer.embedding.combination

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
        self,
        pictures: Iterable[Picture],
        commit: int = MOST_AT_ONCE,
        progress: ProgressCallback | None = None,
        update: bool = False,
    ) -> Added:
        """Adds pictures. What is there already is passed over, so that a stopped call can be repeated.

        Of a picture whose name is there, size and time of the file are compared, where these differ the pixels, and the
        labels that it says.

        Args:
            pictures: Any iterable of `Picture`s, which may be endless. Those that cannot be read are passed over.
            commit: Pictures between two commits, at most 1024: these are read and embedded together, and are in the
                gallery for good before the next ones are taken. Defaults to `1024`.
            progress: Called after each commit with the number of pictures taken. Defaults to `None`.
            update: Whether pictures that are there already, but have changed or cannot be compared, are taken anew.
                Defaults to `False`: they stay as they were indexed, and the result names them.

        Raises:
            InputError: If another process is writing; or a picture has labels that are not of the kind of `Picture`, or
                is no file where the gallery keeps paths. What was committed before stays.
        """
        if not 1 <= _whole("commit", commit) <= MOST_AT_ONCE:
            raise InputError(f"commit must be 1 to {MOST_AT_ONCE} pictures; got {commit!r}.")
        update = _flag("update", update)
        result, not_in_lists = Added(0, 0, []), 0
        pictures = iter(_several(pictures))
        with self._store.writing() as store, concurrent.futures.ThreadPoolExecutor() as pool:
            snapshot = store.snapshot
            since: set[str] = set()  # names that the snapshot does not have yet
            again: list[Picture] = []  # names that came before in the block with something else, to compare with that
            while block := [*again, *itertools.islice(pictures, commit - len(again))]:
                given: dict[str, Picture] = {}
                again = []
                for picture in map(self._addable, block):
                    first = given.setdefault(picture.name, picture)
                    if first.image is not picture.image or first[2:] != picture[2:]:
                        again.append(picture)
                if not since.isdisjoint(given):
                    snapshot, since = store.snapshot, set()
                seen = list(
                    pool.map(
                        functools.partial(look_at, snapshot=snapshot, keep=self.keep, update=update), given.values()
                    )
                )
                wanted = (NEW, CHANGED, UNCOMPARED) if update else (NEW,)
                taken = [each for each in seen if each.state in wanted]
                if taken:
                    self._append(store, taken)
                    not_in_lists += len(taken)
                if 10 * not_in_lists >= len(self):  # for a reader of a large gallery who does not wait for the end
                    store.write_lists()
                    not_in_lists = 0
                since.update(each.picture.name for each in taken)
                result = _with(result, seen, len(block) - len(given) - len(again))
                if progress is not None:
                    progress(len(block) - len(again))
            store.write_lists()
        return result

    def _addable(self, picture):
        picture = _checked(picture)
        if self.keep == "paths" and isinstance(picture.image, np.ndarray):
            remedy = "Write it to a file, or start a gallery that keeps maps"
            raise InputError(f"{picture.name}: an array, and this gallery keeps paths of files. {remedy}.")
        return picture

    def _append(self, store, seen):
        """Commits pictures that are new, and those that changed in the place of what there was of them."""
        size = self._scorer.head.image_size
        maps = self._scorer.head.embed(np.stack([resize(each.pixels, size) for each in seen]))
        replaced = [each.picture.name for each in seen if each.state in (CHANGED, UNCOMPARED)]
        kept = maps if self.keep == "maps" else None
        if self.audit is not None:
            contents = ({"picture": each.picture.name, "identity": each.picture.identity} for each in seen)
            self.audit.append("add", {"pictures": len(seen), "replaced": len(replaced)}, contents)
        store.append(records_of(seen, self.keep), self._scorer.embedding.vectors(maps), kept, replaced)

    def gone_from(self, folder: str | os.PathLike) -> list[str]:
        """The names of the pictures that were indexed from files at or below a folder that are there no more.

        The gallery keeps what it has of them, until they are deleted.
        """
        records, rows = self._store.snapshot.records, self._store.snapshot.rows
        below = os.path.join(os.path.abspath(folder), "")
        inside = (name for name, row in rows.items() if records.file(row).startswith(below))
        return [name for name in inside if not os.path.lexists(records.file(rows[name]))]

    def meant_by(self, pictures: Iterable[str | os.PathLike]) -> list[str]:
        """The names of the pictures that `delete` would delete, in the order in which they were added.

        Args:
            pictures: Names, files, or folders: of a folder everything below it is meant.

        Raises:
            InputError: If one of them means no picture, or holds the working directory without naming it, as an empty
                name, `"."` and `"/"` do.

        Example:
            >>> gallery, _ = tfnxc.search.synthetic_gallery("meant", identities=2, probes=1)
            >>> gallery.meant_by(["meant/gallery/b"]) == gallery.names
            True
        """
        rows = self._store.snapshot.rows
        meant = meant_by(pictures, rows, self.folder)
        return [name for name in rows if name in meant]

    def delete(self, pictures: Iterable[str | os.PathLike]) -> int:
        """Deletes pictures, and gives how many. Their features leave the disk with the next `compact`.

        Args:
            pictures: Names, files, or folders, as in `meant_by`.

        Raises:
            InputError: As from `meant_by`, and nothing is deleted then; or if another process is writing.
        """
        with self._store.writing() as store:
            names = meant_by(pictures, store.snapshot.rows, self.folder)
            self._delete(store, names)
        return len(names)

    def delete_names(self, names: Iterable[str]) -> None:
        """Deletes the pictures of exactly these names, all or none, whatever lies below a folder of such a name.

        Raises:
            InputError: If there is no picture of one of them, or another process is writing.
        """
        with self._store.writing() as store:
            self._delete(store, set(names))

    def _delete(self, store, names):
        if self.audit is not None:
            self.audit.append("delete", {"pictures": len(names)}, ({"picture": name} for name in sorted(names)))
        store.delete(names)

    def erase(self, pictures: Iterable[str | os.PathLike] = (), identities: Iterable[str] = ()) -> Receipt:
        """Erases pictures so that nothing of them is left in the index: vectors, maps, labels, parts of its log.

        Unlike `delete` it takes them off the disk at once, which rewrites their segments. A call that was killed can be
        given again.

        Args:
            pictures: Names, files, or folders, as in `meant_by`; names also of pictures that were deleted, and of
                probes in the log. Defaults to none.
            identities: Whose pictures, in every form that people write: `7`, `07`. Defaults to none.

        Returns:
            A `Receipt`, which names them and says what an index cannot erase.

        Raises:
            InputError: If neither index nor log know a picture or an identity, or if another process is writing.

        Example:
            >>> gallery, _ = tfnxc.search.synthetic_gallery("erased", identities=2, probes=1)
            >>> len(gallery.erase(gallery.names[:1]).pictures), len(gallery)
            (1, 1)
        """
        wanted = identities_of(identities)
        self.refresh()
        return erase(self._store, self.audit, known_names(self._store, self.audit, pictures), wanted)

    def expire(self, before: Time) -> Receipt:
        """Erases the pictures of times before a given one, as `erase` does. Those without a time stay and are counted.

        Args:
            before: As in `search`; a bare date means its first moment.

        Example:
            >>> gallery, _ = tfnxc.search.synthetic_gallery("expired", identities=2, probes=1)
            >>> gallery.expire("2026-03-31").undated
            2
        """
        seconds = seconds_of(before)
        self.refresh()
        snapshot = self._store.snapshot
        names = {name for name, row in snapshot.rows.items() if snapshot.times[row] < seconds}
        undated = sum(math.isnan(snapshot.times[row]) for row in snapshot.rows.values())
        return erase(self._store, self.audit, names, before=format_time(seconds), undated=undated)

    def compact(self, progress: ProgressCallback | None = None) -> None:
        """Takes deleted pictures off the disk and puts small segments together, in blocks of 1024 pictures.

        Until it is done, what it rewrites is on disk twice. `progress` is called with numbers of pictures, deleted ones
        included, as they are done.
        """
        with self._store.writing() as store:
            store.compact(progress)
            store.write_lists()

    def copy(self, to: str | os.PathLike, progress: ProgressCallback | None = None) -> Gallery:
        """Copies the gallery, as it was when it was opened or last refreshed, and gives the copy: a backup.

        Another process may add, delete and compact meanwhile. A copy that is killed leaves no gallery; the same call
        begins it anew.

        Args:
            to: A folder that is not there yet, is empty, or holds what a killed copy left.
            progress: Called with numbers of pictures, deleted ones included, as they are copied. Defaults to `None`.

        Raises:
            InputError: If the folder holds anything else, or a file of this gallery is damaged.

        Example:
            >>> gallery, _ = tfnxc.search.synthetic_gallery("copied", identities=3, probes=1)
            >>> len(gallery.copy("backup"))
            3
        """
        copy_index(self._store.snapshot, to, progress)
        return Gallery(to)

    def check(self, progress: ProgressCallback | None = None) -> int:
        """Reads what opening the gallery has not read: its feature maps, or the pictures whose paths it keeps.

        Gives how many pictures are sound. `progress` is called with numbers of pictures as they are done.

        Raises:
            InputError: If a map is damaged, or a picture is gone or has changed; the message names it.
        """
        snapshot = self._store.snapshot
        rows = np.flatnonzero(snapshot.alive)
        for start in range(0, len(rows), MOST_AT_ONCE):
            block = rows[start : start + MOST_AT_ONCE]
            if self.keep == "maps":
                snapshot.maps_of(block)
            else:
                self._scorer.read_again(snapshot, block, None)
            if progress is not None:
                progress(len(block))
        return len(rows)

    def search(
        self,
        probes: Iterable[Picture],
        top: int = 10,
        *,
        scorer: str = "both",
        cameras: Collection[str] | str | None = None,
        without_cameras: Collection[str] | str = (),
        other_cameras: bool = False,
        since: Time | None = None,
        until: Time | None = None,
        shortlist: int | None = None,
        exhaustive: bool = False,
        both_orders: bool = False,
        false_matches: float | None = None,
        left_out: Callable[[str], object] | None = None,
        progress: ProgressCallback | None = None,
    ) -> list[list[Match]]:
        """The pictures of the gallery that are most likely of the persons on the probes.

        The vectors of the embedding, compared by cosine, give a shortlist; the pair head compares each picture of it
        with the probe.

        Args:
            probes: `Picture`s. One that is itself in the gallery, by its name or its file, is not found there.
            top: How many are found for each, at most. Defaults to `10`.
            scorer: What orders the shortlist: `"both"`, the embedding's `Combination` of head and cosine; `"head"`, the
                probabilities of the pair head alone; or `"embedding"`, the cosine alone, for which no shortlist is
                needed and no picture is compared by the head. Defaults to `"both"`.
            cameras: Only pictures of these cameras, or of the one that a text names. Defaults to `None`: of any, or of
                none known.
            without_cameras: No pictures of these cameras, or of the one that a text names. Defaults to none.
            other_cameras: For each probe, no pictures of its own camera: as the `Picture` says, or else as the gallery
                says where the probe is in it. Defaults to `False`.
            since: Only pictures of this time or later: seconds since the beginning of 1970 (UTC), a date or time of
                Python or NumPy, or its text in ISO 8601; in UTC where it names no zone. Defaults to `None`. A picture
                without a time is not found where this or `until` is given.
            until: Only pictures of this time or earlier; a bare date means its end. Defaults to `None`.
            shortlist: How many pictures the pair head compares with each probe, if it is not `exhaustive`. Defaults to
                `None`: 250, or `top` where that is more; docs/search.md has what that misses.
            exhaustive: Whether the pair head compares all. Defaults to `False`.
            both_orders: Whether the head compares each pair in both orders and the two are averaged: their log-odds for
                `"both"`, their probabilities for `"head"`. Defaults to `False`.
            false_matches: Only matches at or above the `threshold` of the scorer for so many false ones per 1,000
                pictures of strangers, with calibrated probabilities; so that a probe may have none. Thresholds are of
                one order. Defaults to `None`: all matches, and the probabilities of the scorer.
            left_out: Where the gallery keeps paths: called with a line for each picture that is gone, broken or not the
                one that was indexed, of those that the head compares or, by `"embedding"`, that would be found. It is
                then left out. Defaults to `None`: such a picture is an `InputError`.
            progress: Called with numbers of pairs as they are scored. Defaults to `None`.

        Returns:
            A list a probe of `Match`es, the best first; of equal ones that which was added first.

        Raises:
            InputError: If a probe cannot be read, an argument is not as described, an option has no effect with this
                scorer, features are damaged, the gallery has no picture of one of the cameras, `other_cameras` is asked
                for and the camera of a probe is not known, or there is no threshold for `false_matches`.
        """
        options = {
            "scorer": scorer,
            "cameras": cameras,
            "without_cameras": without_cameras,
            "other_cameras": other_cameras,
            "since": since,
            "until": until,
            "shortlist": shortlist,
            "exhaustive": exhaustive,
            "both_orders": both_orders,
            "false_matches": false_matches,
            "left_out": left_out,
            "progress": progress,
        }
        log = self.audit
        if log is None:
            return self._found(probes, top, **options)[2]
        with log.open() as file:
            self.refresh()  # so that nothing is found that was erased before
            asked, probes, found = self._found(probes, top, **options)
            for probe, matches in zip(probes, found, strict=True):
                of_matches = (
                    {"picture": each.name, "identity": each.identity, "score": each.score} for each in matches
                )
                log.append("search", asked, [{"probe": probe.name}, *of_matches], file=file)
        return found

    def _found(
        self,
        probes,
        top,
        *,
        scorer,
        cameras,
        without_cameras,
        other_cameras,
        since,
        until,
        shortlist,
        exhaustive,
        both_orders,
        false_matches,
        left_out,
        progress,
    ):
        """What was asked, as plain types, the probes, and what `search` gives."""
        top, used = self._counts(scorer, top, shortlist, exhaustive, both_orders)
        confident = None if false_matches is None else self._confident(scorer, false_matches, both_orders)
        other_cameras = _flag("other_cameras", other_cameras)
        filters = Filters.of(cameras, without_cameras, since, until)
        filters.check(self.folder, self.cameras)
        asked = {"scorer": scorer, "top": top, "shortlist": used, "both_orders": both_orders, **filters.to_dict()}
        asked |= {
            "other_cameras": other_cameras,
            "false_matches": None if false_matches is None else float(false_matches),
        }
        probes, snapshot = list(map(_checked, _several(probes))), self._store.snapshot
        if not snapshot.alive.any():
            return asked, probes, [[] for _ in probes]
        allowed = allowed_rows(snapshot, filters)
        best = functools.partial(self._scorer.best, snapshot, top, scorer, both_orders, left_out, progress)
        found = []
        for start in range(0, len(probes), _PROBES):
            some = probes[start : start + _PROBES]
            masks = np.stack([without_own(snapshot, allowed, probe, other_cameras) for probe in some])
            size = self._scorer.head.image_size
            maps = self._scorer.head.embed(np.stack([resize(probe.read(), size) for probe in some]))
            vectors = self._scorer.embedding.vectors(maps)
            if used is None:
                rows = np.flatnonzero(masks.any(axis=0))
                found += best(maps, vectors, rows, masks[:, rows])
                continue
            for at, mask in enumerate(masks):
                rows, one = self._nearest(snapshot, vectors[at], mask, used, scorer, left_out), slice(at, at + 1)
                found += best(maps[one], vectors[one], rows, mask[None, rows])
        if confident is not None:
            calibration, least = confident
            found = [[one for one in each if one[1] >= least] for each in found]
            found = [[(*one[:2], float(calibration.probabilities(scorer, one[1]))) for one in each] for each in found]
        of = snapshot.records
        matches = [
            [
                Match(of.names[row], score, probability, of.identities[row], of.cameras[row], of.times[row])
                for row, score, probability in each
            ]
            for each in found
        ]
        return asked, probes, matches

    def _confident(self, scorer, false_matches, both_orders):
        """The calibration, and the score from which on a match is confident."""
        if both_orders:
            again = "leave both_orders out where false_matches is asked for"
            raise InputError(f"thresholds are of pairs that were compared once, probe first: {again}.")
        calibration = self.calibration
        return calibration, calibration.threshold(scorer, check_rate(false_matches)).score

    def _nearest(self, snapshot, vector, mask, count, scorer, left_out):
        """The nearest pictures, for a scorer that reads none of them without those that are gone or have changed."""
        while True:
            rows = snapshot.neighbours.nearest(vector, mask, count)
            if scorer != "embedding" or self.keep == "maps" or not len(rows):
                return rows
            _, sound = self._scorer.read_again(snapshot, rows, left_out)
            if sound.all():
                return rows
            mask[rows[~sound]] = False

    @staticmethod
    def _counts(scorer, top, shortlist, exhaustive, both_orders):
        """How many pictures are found and how many looked at for each probe, `None` for all, checked."""
        exhaustive, both_orders = _flag("exhaustive", exhaustive), _flag("both_orders", both_orders)
        if not isinstance(scorer, str) or scorer not in SCORERS:
            raise InputError(f"scorer must be one of {', '.join(SCORERS)}; got {scorer!r}.")
        if scorer == "embedding" and (exhaustive or both_orders or shortlist is not None):
            unused = "shortlist, exhaustive and both_orders are about the pair head"
            raise InputError(f"the scorer embedding compares no pairs: {unused}, and have no effect here.")
        if exhaustive and shortlist is not None:
            raise InputError("exhaustive compares all pictures, so that shortlist has nothing to say; leave one out.")
        top = _whole("top", top)
        used = max(top, SHORTLIST) if shortlist is None else _whole("shortlist", shortlist)
        if top < 1 or (used < top and not exhaustive):
            raise InputError(f"top must be 1 or more and shortlist as much or more; got {top!r} and {used!r}.")
        if scorer == "embedding":
            return top, top
        return top, None if exhaustive else used

    def describe_search(
        self,
        probes: Sequence[Picture],
        found: Sequence[Sequence[Match]],
        top: int = 10,
        *,
        scorer: str = "both",
        shortlist: int | None = None,
        exhaustive: bool = False,
        both_orders: bool = False,
        false_matches: float | None = None,
        cameras: Collection[str] | str | None = None,
        without_cameras: Collection[str] | str = (),
        other_cameras: bool = False,
        since: Time | None = None,
        until: Time | None = None,
    ) -> dict[str, Any]:
        """What `search` was asked and what it found, as plain types for JSON.

        Args:
            probes: As in `search`.
            found: What it gave.
            top: As in `search`, and so the other arguments.
            scorer: As in `search`.
            shortlist: As in `search`.
            exhaustive: As in `search`.
            both_orders: As in `search`.
            false_matches: As in `search`; then the threshold is said, and of each probe whether a match is confident.
            cameras: As in `search`.
            without_cameras: As in `search`.
            other_cameras: As in `search`.
            since: As in `search`.
            until: As in `search`.

        Example:
            >>> gallery, probes = tfnxc.search.synthetic_gallery("described", identities=3, probes=1)
            >>> asked = [Picture.of_file(probes[0])]
            >>> record = gallery.describe_search(asked, gallery.search(asked, top=2), top=2)
            >>> record["pictures"], record["scorer"], len(record["probes"][0]["matches"])
            (3, 'both', 2)
        """
        top, used = self._counts(scorer, top, shortlist, exhaustive, both_orders)
        filters = Filters.of(cameras, without_cameras, since, until)
        confident: dict[str, Any] = {}
        if false_matches is not None:
            threshold = self.threshold(false_matches, scorer)
            confident = {"false_matches": threshold.false_matches, "threshold": threshold.score}
            confident["false_matches_interval"] = list(threshold.interval)
        return {
            "index": os.fspath(self.folder),
            "pictures": len(self),
            "scorer": scorer,
            "combination": self.combination.describe() if scorer == "both" else None,
            "shortlist": None if scorer == "embedding" else used,
            "exhaustive": bool(exhaustive),
            "both_orders": bool(both_orders),
            "top": top,
            **filters.to_dict(),
            "other_cameras": bool(other_cameras),
            **confident,
            "probes": [
                {
                    "probe": probe.name,
                    **({"confident": bool(matches)} if confident else {}),
                    "matches": [match.to_dict() for match in matches],
                }
                for probe, matches in zip(probes, found, strict=True)
            ],
        }

    @property
    def _manifest(self):
        return self._store.snapshot.manifest

    @functools.cached_property
    def _scorer(self):
        from tfnxc.embedding import Embedding

        head, embedding = pair_head(self.folder / MODEL), Embedding.load(self.folder)
        shapes = {head.map_shape, embedding.map_shape, self._manifest.map_shape}
        if len(shapes) != 1 or embedding.dimensions != self._manifest.dimensions:
            raise damaged(self.folder / MANIFEST, "not of the features of its model")
        return Scorer(head, embedding)


def _with(result, seen, repeated):
    """The `Added` with some more `Seen` pictures; `repeated` is how many came twice among them."""
    states = [each.state for each in seen]
    return Added(
        result.added + states.count(NEW),
        result.known + states.count(KNOWN) + repeated,
        result.broken + [each.why for each in seen if each.state == BROKEN],
        result.changed + tuple(each.picture.name for each in seen if each.state == CHANGED),
        result.uncompared + tuple(each.picture.name for each in seen if each.state == UNCOMPARED),
    )


def _several(pictures):
    """The pictures themselves; one alone, or what cannot be gone through, is an `InputError`."""
    if isinstance(pictures, str | os.PathLike | Picture | np.ndarray) or not isinstance(pictures, Iterable):
        raise InputError(f"expected a list of Pictures, such as [Picture.of_file(file)]; got {brief(pictures)}.")
    return pictures


def _checked(picture):
    if not isinstance(picture, Picture):
        raise InputError(f"expected Pictures, such as Picture.of_file(file); got {brief(picture)}.")
    return picture.checked()


def _flag(name, value):
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False; got {brief(value)}.")
    return bool(value)


def _whole(name, value):
    try:
        return whole_number(name, value, least=0)
    except ValueError as error:
        raise InputError(f"{error}.") from None
