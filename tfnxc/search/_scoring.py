"""How pictures of a gallery are compared with probes: by the pair head, by the vectors, or by both."""

import concurrent.futures

import numpy as np

from tfnxc.datasets.image_set import resize
from tfnxc.errors import InputError
from tfnxc.hashes import short_digest
from tfnxc.search.picture import Picture

SCORERS = ("both", "embedding", "head")

_BLOCK = 256  # pictures whose maps are in memory at a time, in single precision: 11 MB


class Scorer:
    """The model of a gallery and its embedding.

    Args:
        head: A `PairHead`.
        embedding: An `Embedding`.
    """

    def __init__(self, head, embedding):
        self.head, self.embedding = head, embedding

    def best(self, snapshot, top, scorer, both_orders, left_out, progress, maps, vectors, rows, allowed):
        """`(row, score, probability)` of the best of some rows for each probe; `allowed` of shape `(probes, rows)`."""
        from tfnxc.scoring.pair_head import best_of

        def blocks():
            for start in range(0, len(rows), _BLOCK):
                block, there = rows[start : start + _BLOCK], allowed[:, start : start + _BLOCK]
                # Kept in half precision, a vector is not quite of length 1.
                cosines = np.clip(vectors @ np.float32(snapshot.vectors_of(block)).T, -1, 1)
                if scorer == "embedding":
                    scores = cosines
                else:
                    found, sound = self._maps_of(snapshot, block, left_out)
                    scores = np.full((len(maps), len(block)), -np.inf, np.float32)
                    scores[:, sound] = self._of_pairs(scorer, both_orders, maps, found, cosines[:, sound])
                    if progress is not None:
                        progress(len(maps) * len(block))
                yield block, np.where(there, scores, -np.inf)

        best, scores = best_of(blocks(), len(maps), top)
        lists = [
            [(row, score) for row, score in zip(*each, strict=True) if score > -np.inf]
            for each in zip(best.tolist(), scores.tolist(), strict=True)
        ]
        return [[(row, score, self._probability(scorer, score)) for row, score in each] for each in lists]

    def _of_pairs(self, scorer, both_orders, probes, maps, cosines):
        """Scores of all pairs of some probes and pictures, by the head or by both."""
        from tfnxc.embedding import log_odds_of

        pairs = np.indices((len(probes), len(maps))).reshape(2, -1).T
        if scorer == "head":
            return self.head.score_pairs(probes, maps, pairs, both_orders=both_orders).reshape(cosines.shape)
        odds = log_odds_of(self.head.score_pairs(probes, maps, pairs))
        if both_orders:
            odds = (odds + log_odds_of(self.head.score_pairs(maps, probes, pairs[:, ::-1]))) / 2
        return self.embedding.combination.scores(odds.reshape(cosines.shape), cosines)

    def _probability(self, scorer, score):
        if scorer == "embedding":
            return None
        return score if scorer == "head" else float(self.embedding.combination.probabilities(score))

    def _maps_of(self, snapshot, rows, left_out):
        """The float32 feature maps of some rows, and booleans: which rows they are of."""
        if snapshot.manifest.keep == "maps":
            return np.float32(snapshot.maps_of(rows)), np.ones(len(rows), bool)
        pixels, sound = self.read_again(snapshot, rows, left_out)
        size = self.head.image_size
        images = np.array([resize(each, size) for each in pixels], np.uint8).reshape(-1, *size, 3)
        return self.head.embed(images), sound

    @staticmethod
    def read_again(snapshot, rows, left_out):
        """The pixels of pictures whose paths are kept, and booleans: which rows they are of.

        `left_out` is called with a line for each that is gone, broken or another than was indexed; where it is `None`
        an `InputError` says so.
        """
        records = snapshot.records

        def read(row):
            file = records.file(row)
            try:
                pixels = Picture(records.names[row], file).read()
            except InputError as error:
                return str(error)
            if short_digest(pixels) != records.digests[row]:
                return f"{file}: not the picture that was indexed; it has changed since."
            return pixels

        with concurrent.futures.ThreadPoolExecutor() as pool:
            found = list(pool.map(read, rows.tolist()))
        lines = [each for each in found if isinstance(each, str)]
        if lines and left_out is None:
            others = f" So it is with {len(lines) - 1} others here." if len(lines) > 1 else ""
            remedy = "Put the pictures back, or delete them from the index (tfnxc index INDEX --delete PICTURE)"
            raise InputError(f"{lines[0]}{others} {remedy}.")
        for line in lines:
            left_out(line)
        return [each for each in found if not isinstance(each, str)], np.array([not isinstance(e, str) for e in found])
