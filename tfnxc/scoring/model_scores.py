"""Scores of a model that are kept: an interrupted scoring goes on where it stood."""

from __future__ import annotations

import os
import pathlib
import re
import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfnxc import ops
from tfnxc.console import ProgressCallback
from tfnxc.embedding import log_odds_of
from tfnxc.errors import InputError
from tfnxc.files import parse_json, write_json
from tfnxc.hashes import short_digest
from tfnxc.scoring.pair_head import TILE_PROBES
from tfnxc.scoring.pair_scorer import PairScorer
from tfnxc.scoring.pairs import Pairs
from tfnxc.scoring.pictures import Pictures
from tfnxc.scoring.score_store import ScoreStore
from tfnxc.scoring.test_time_augmentation import View, views

_BLOCK = 1 << 14  # pairs between two writes to disk
_READ = 1 << 22  # scores looked at together
_PACE, _RATES = "pace.json", "rates.json"
_MOST_RATES = 1000


class Pace(NamedTuple):
    """How fast a model scored.

    Args:
        implementation: Of the ops, such as `"native"`.
        pairs: How many pairs were scored.
        pairs_per_second: All of it: towers, head and writing.
        head: Pairs a second of the head alone.
        towers: Pictures a second of the tower.
    """

    implementation: str
    pairs: int
    pairs_per_second: float
    head: float
    towers: float


class ModelScores:
    """Scores of a model on a set of pictures; only pairs that nobody scored before are scored.

    Only pictures that are in pairs are read, and only those in new pairs go through the towers. How fast the most pairs
    were scored is kept beside the scores.

    Args:
        folder: Where scores are kept: a `ScoreStore` for the model, and one for each way to mirror the pictures.
        model: A model of `tfnxc.models`.
        digest: Digest of the model, so that another one never finds these scores.
        pictures: `Pictures`, or a uint8 array of shape `(pictures, height, width, 3)`.
        shown: The ways in which each pair is shown, from `views`. Defaults to the one: the probe first, as it is.
        batch_size: As in `PairScorer`, like strategy. Defaults to `None`.
        strategy: Defaults to `None`.

    Raises:
        InputError: If a file of scores is damaged.

    Example:
        >>> scores = ModelScores("scores", model, "a1b2c3", images, views(both_orders=True), batch_size=8)
        >>> scores.fill(np.ones((12, 12), bool))
        >>> scores.read([0, 1], [6, 7, 8]).shape
        (2, 3)
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        model: keras.Model,
        digest: str,
        pictures: Pictures | np.ndarray,
        shown: tuple[View, ...] | None = None,
        batch_size: int | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        folder = pathlib.Path(folder)
        self._model, self._batch_size, self._strategy = model, batch_size, strategy
        self._pictures = pictures if isinstance(pictures, Pictures) else Pictures.of(pictures)
        self._pictures.remember_in(folder)
        self._views = views() if shown is None else shown
        self._stores = {}
        for mirrored in dict.fromkeys(mirrored for _, mirrored in self._views):
            marks = [f"-{side}-mirrored" for side, each in zip(("first", "second"), mirrored, strict=True) if each]
            self._stores[mirrored] = ScoreStore(folder / "".join([digest, *marks]))
        self._pace_file = folder / digest / _PACE
        self._old = {
            path: mirrored
            for mirrored, store in self._stores.items()
            for path in sorted(folder.glob(f"{digest}-*.npy"))
            if re.fullmatch(rf"{digest}-[0-9a-f]{{12}}{store.folder.name[len(digest) :]}\.npy", path.name)
        }

    @property
    def pace(self) -> Pace | None:
        """How fast the most pairs were scored; `None` where none were.

        Raises:
            InputError: If what is kept is damaged.
        """
        try:
            return Pace(**parse_json(self._pace_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise InputError(f"{self._pace_file}: damaged. Remove it: speed is then measured again.") from None

    def rate(self, needed: Pairs) -> float | None:
        """Pairs a second that `keep_rate` kept of these pairs, or else those of `pace`; `None` where there are none.

        Raises:
            InputError: If what is kept is damaged.
        """
        pace = self.pace
        return self._rates().get(self._key(needed), None if pace is None else pace.pairs_per_second)

    def keep_rate(self, needed: Pairs, rate: float) -> None:
        """Keeps the pairs a second of a scoring that these pairs were needed for."""
        rates = {**self._rates(), self._key(needed): rate}
        write_json(self._pace_file.with_name(_RATES), dict(list(rates.items())[-_MOST_RATES:]))

    def _rates(self):
        path = self._pace_file.with_name(_RATES)
        try:
            return {str(key): float(rate) for key, rate in parse_json(path.read_text(encoding="utf-8")).items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            raise InputError(f"{path}: damaged. Remove it: speed is then measured again.") from None

    def _key(self, needed):
        """A digest of pairs by what their pictures show."""
        sides = (self._pictures.digests(each).tobytes() for each in (needed.rows, needed.columns))
        return short_digest(b"".join([*sides, np.packbits(needed.marked).tobytes()]))

    def missing(self, needed: Pairs | np.ndarray) -> int:
        """How many scores the pairs (probe, gallery) still lack, given as `Pairs` or a boolean matrix."""
        return sum(len(pairs) for several in self.lacking(needed).values() for pairs in several)

    def lacking(self, needed: Pairs | np.ndarray, read: bool = True) -> dict[tuple[bool, bool], list[Pairs]]:
        """The pairs (first, second) that lack a score, by how they are mirrored.

        Args:
            needed: `Pairs` (probe, gallery) or a boolean matrix.
            read: Whether pictures that are not recognized are read to tell whether they were scored; otherwise all of
                their pairs are taken to lack a score. Defaults to `True`.
        """
        needed = Pairs.of(needed)
        found: dict[tuple[bool, bool], list[Pairs]] = {mirrored: [] for mirrored in self._stores}
        for mirrored, several in self._marked(needed).items():
            store = self._stores[mirrored]
            if read:
                self._take_over(mirrored)
            for pairs in several if store else ():
                if read:
                    self._pictures.digests(pairs.pictures)
                step = max(1, _READ // max(1, len(pairs.columns)))
                left = pairs.marked.copy()
                for start in range(0, len(pairs.rows), step):
                    block = slice(start, start + step)
                    left[block] &= np.isnan(self._scores(store, pairs.rows[block], pairs.columns))
                found[mirrored].append(Pairs(pairs.rows, pairs.columns, left))
            if not store:
                found[mirrored] = several
        return found

    @staticmethod
    def towers(lacking: dict[tuple[bool, bool], list[Pairs]]) -> int:
        """How many pictures the towers take for pairs that lack a score, mirrored ones counted again."""
        return sum(len(pictures_of({mirrored: several})) * len(set(mirrored)) for mirrored, several in lacking.items())

    def fill(
        self,
        needed: Pairs | np.ndarray,
        tower_progress: ProgressCallback | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Scores what is missing of the pairs (probe, gallery), and writes it, block by block.

        `tower_progress` is called with the number of images done after each batch of the tower, `progress` with the
        number of pairs done after each batch of the head.
        """
        self.fill_lacking(self.lacking(needed), tower_progress, progress)

    def fill_lacking(
        self,
        lacking: dict[tuple[bool, bool], list[Pairs]],
        tower_progress: ProgressCallback | None = None,
        progress: ProgressCallback | None = None,
    ) -> float | None:
        """`fill` with what `lacking` gave; gives pairs a second, towers included, or `None` where nothing lacked."""
        begin, in_towers, count = time.perf_counter(), 0.0, 0
        for mirrored, several in lacking.items():
            used, store = pictures_of({mirrored: several}), self._stores[mirrored]
            if not len(used):
                continue
            images = self._pictures.images(used)
            tower_begin = time.perf_counter()
            options = self._batch_size, tower_progress, mirrored, self._strategy
            scorer = PairScorer(self._model, images, *options)
            in_towers += time.perf_counter() - tower_begin
            for block in (block for pairs in several for block in pairs.blocks(_BLOCK, TILE_PROBES)):
                at = block.positions()
                if not len(at):
                    continue
                scores = scorer.score(np.searchsorted(used, at), progress)
                first, second = self._pictures.digests(at).T
                store.add(first, second, scores)
                count += len(at)
            store.put_together()
            self._batch_size = scorer.batch_size
        if not count:
            return None
        return self._keep_pace(count, self.towers(lacking), time.perf_counter() - begin, in_towers)

    def release(self) -> None:
        """Lets go of the model and the pictures; what was scored can still be read."""
        self._model = None
        self._pictures.release()

    def read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Mean score of each pair over the ways it was shown: float32 (rows, columns), NaN where one is missing."""
        rows, columns = np.asarray(rows), np.asarray(columns)
        total = np.zeros((len(rows), len(columns)), np.float32)
        for exchanged, mirrored in self._views:
            sides = (columns, rows) if exchanged else (rows, columns)
            found = self._scores(self._stores[mirrored], *sides)
            total += found.T if exchanged else found
        total /= len(self._views)
        return total

    def log_odds(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Mean log-odds of pairs over the ways they were shown: float32, NaN where a score is missing.

        Positions are broadcast as NumPy's indices: `rows[:, None]` and `columns` are all pairs of both.
        """
        first, row = np.unique(rows, return_inverse=True)
        second, column = np.unique(columns, return_inverse=True)
        at = row.reshape(np.shape(rows)), column.reshape(np.shape(columns))
        shown = []
        for exchanged, mirrored in self._views:
            store = self._stores[mirrored]
            scores = self._scores(store, second, first).T if exchanged else self._scores(store, first, second)
            shown.append(log_odds_of(scores[at]))
        return np.mean(shown, axis=0)

    def _scores(self, store, first, second):
        """Scores (first, second) by positions; NaN where there is none, or a picture is not known."""
        rows, columns = self._pictures.known(first), self._pictures.known(second)
        if rows.all() and columns.all():
            return store.read(self._pictures.digests(first), self._pictures.digests(second))
        found = np.full((len(first), len(second)), np.nan, np.float32)
        digests = self._pictures.digests(first[rows]), self._pictures.digests(second[columns])
        found[np.ix_(rows, columns)] = store.read(*digests)
        return found

    def _marked(self, needed):
        """The pairs (first, second) that are needed, by how they are mirrored."""
        marked = {mirrored: [] for mirrored in self._stores}
        for exchanged, mirrored in self._views:
            pairs, there = needed.transposed if exchanged else needed, marked[mirrored]
            # Where the pictures of both sides are others, no pair is in both.
            if there and len(np.intersect1d(pairs.rows, there[0].rows)):
                there[0] |= pairs
            else:
                there.append(pairs)
        return marked

    def _keep_pace(self, pairs, pictures, seconds, in_towers):
        implementation, kept = ops.describe_implementation()["implementation"], self.pace
        if kept is None or pairs >= kept.pairs or kept.implementation != implementation:
            head, towers = pairs / max(1e-9, seconds - in_towers), pictures / max(1e-9, in_towers)
            write_json(self._pace_file, Pace(implementation, pairs, pairs / seconds, head, towers)._asdict())
        return pairs / seconds

    def _take_over(self, mirrored):
        """Takes over scores of an older form: a matrix of all pictures, in a file whose name has a digest of them."""
        for path in [path for path, each in self._old.items() if each == mirrored]:
            del self._old[path]
            try:
                matrix = np.load(path, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError):
                raise InputError(f"{path}: damaged. Remove it: its pairs are then scored again.") from None
            everyone = np.arange(len(self._pictures))
            if matrix.shape != (len(everyone),) * 2 or matrix.dtype != np.float32:
                continue
            of_pictures = path.name.removeprefix(self._pace_file.parent.name)[1:13]
            if of_pictures != short_digest(self._pictures.images(everyone)):
                continue
            digests, step = self._pictures.digests(everyone), max(1, _READ // len(everyone))
            for start in range(0, len(everyone), step):
                scores = np.asarray(matrix[start : start + step])
                row, column = np.nonzero(scores.view(np.uint32))
                if len(row):
                    self._stores[mirrored].add(digests[start + row], digests[column], scores[row, column])
            self._stores[mirrored].put_together()
            path.unlink()


def pictures_of(lacking: dict[tuple[bool, bool], list[Pairs]]) -> np.ndarray:
    """Positions of the pictures of pairs as from `ModelScores.lacking`, ascending."""
    together = [pairs.pictures for several in lacking.values() for pairs in several]
    return np.unique(np.concatenate([np.zeros(0, int), *together]))
