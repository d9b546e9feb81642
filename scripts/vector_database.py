"""Keeps the vectors of an export of tfnxc in a vector database, and asks it where else a person was seen.

    pip install tensorflow-cpu "qdrant-client>=1.12"
    python scripts/vector_database.py add crops/ --export savedmodels/campus/1
    python scripts/vector_database.py search probe.png --export savedmodels/campus/1 --not-camera north

Hidden files are passed over, and pictures that cannot be read are named and left out.

Stock TensorFlow and Qdrant's local mode, which runs in this process and writes a folder; tfnxc is not needed. Each
folder in crops/ is a camera: crops/CAMERA/PICTURE.png. The database answers by the cosine of vectors. Then the pair
head looks at what was found, in both orders, and both together give the order that is printed; --by vectors leaves it
out.
"""

import argparse
import io
import json
import os
import pathlib
import re
import sys
import uuid

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from qdrant_client import QdrantClient, models

BATCH = 64  # pictures at a time
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif"}


def main(arguments=None):
    """The whole program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console may not have all letters of a name
    options = parse(arguments)
    try:
        export = Export(options.export)
        database = QdrantClient(path=str(options.database))
        try:
            if options.command == "add":
                print(f"{add(database, export, options.pictures)} pictures in {options.database}")
            else:
                show(search(database, export, options))
        finally:
            database.close()
    except RefusedError as error:
        sys.exit(f"Error: {error}")


def parse(arguments):
    """What the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["add", "search"], help="a folder of cameras; or a picture to look for")
    parser.add_argument("pictures", type=pathlib.Path, help="add: folders of JPEG or PNG crops; search: one crop")
    parser.add_argument("--export", type=pathlib.Path, required=True, help="a version of a SavedModel by tfnxc export")
    parser.add_argument("--database", type=pathlib.Path, default="people.qdrant", help="default: people.qdrant")
    parser.add_argument("--camera", action="append", default=[], help="search: this camera only; can be repeated")
    parser.add_argument("--not-camera", action="append", default=[], help="search: not this camera; can be repeated")
    parser.add_argument("--top", type=int, default=20, help="search: how many pictures (default: 20)")
    parser.add_argument("--by", choices=["both", "vectors"], default="both", help="search: who orders (default: both)")
    options = parser.parse_args(arguments)
    if options.top < 1:
        parser.error("--top takes 1 or more")
    return options


class RefusedError(Exception):
    """Something was refused; the message says why."""


class RefusedPictureError(RefusedError):
    """A picture cannot be read."""

    def __init__(self, path, why):
        super().__init__(f"{path}: {why}")
        self.path = path


class Export:
    """What the example needs of an export: vectors of files, and the score of vectors and pair head together."""

    def __init__(self, path):
        try:
            self._asked = tf.saved_model.load(str(path)).signatures
            card = json.loads((path / "assets.extra" / "card.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise RefusedError(f"{path}: no export of tfnxc ({error}).") from None
        if "embed_vector_bytes" not in self._asked:
            raise RefusedError(f"{path} gives no vectors. Its card says of the embedding: {card.get('embedding')}.")
        self.card = card["embedding"]
        # Only vectors of one embedding may be compared.
        self.collection = f"people-{self.card['digest']}"

    def vectors(self, files):
        """Unit vectors, (files, dimensions), of the paths of pictures."""
        found = [np.zeros((0, self.card["dimensions"]), np.float32)]
        for start in range(0, len(files), BATCH):
            found.append(self._ask("embed_vector_bytes", "vector", image_bytes=files[start : start + BATCH]))
        return np.concatenate(found)

    def log_odds(self, probe, files):
        """What the pair head says of a probe and each of some files: log(p / (1 - p)), the mean of both orders."""
        found = np.zeros(len(files))
        for start in range(0, len(files), BATCH):
            batch = files[start : start + BATCH]
            probes = [probe] * len(batch)
            for one, other in ((probes, batch), (batch, probes)):
                same = np.float64(self._ask("match_bytes", "same", probe_bytes=one, gallery_bytes=other))
                same = same.clip(2.0**-24, 1 - 2.0**-24)
                found[start : start + len(batch)] += np.log(same / (1 - same)) / 2
        return found

    def _ask(self, signature, output, **files):
        try:
            pictures = {name: tf.constant(list(map(content, paths))) for name, paths in files.items()}
            return self._asked[signature](**pictures)[output].numpy()
        except tf.errors.InvalidArgumentError as error:
            bad = re.search(r"(\w+_bytes), picture (\d+): ([^\]\n]*)", str(error))
            if bad is None:
                raise
            raise RefusedPictureError(files[bad[1]][int(bad[2])], bad[3]) from None


def content(path):
    """The bytes of a picture's file."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise RefusedPictureError(path, "not a file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefusedPictureError(path, error.strerror) from None


def vectors_of_whole(export, files):
    """Those of some pictures that can be read, and their vectors; the others are named and left out."""
    files = list(files)
    while True:
        try:
            return files, export.vectors(files)
        except RefusedPictureError as error:
            print(f"Left out: {error}", file=sys.stderr)
            files.remove(error.path)


def add(database, export, folder):
    """Adds the pictures in the folders of cameras, in place of those of the same paths; gives how many there are."""
    files = sorted(
        path
        for path in folder.glob("*/*")
        if path.suffix.lower() in SUFFIXES and not path.is_dir() and not {path.name[0], path.parent.name[0]} & {"."}
    )
    if not files:
        raise RefusedError(f"{folder}: no JPEG or PNG picture in a folder here; expected {folder}/CAMERA/PICTURE.png.")
    if not database.collection_exists(export.collection):
        size = models.VectorParams(size=export.card["dimensions"], distance=models.Distance.COSINE)
        database.create_collection(export.collection, vectors_config=size)
    whole = 0
    for start in range(0, len(files), BATCH):
        batch, vectors = vectors_of_whole(export, [path.resolve() for path in files[start : start + BATCH]])
        points = [
            models.PointStruct(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, path.as_uri())),
                vector=vector.tolist(),
                payload={"camera": path.parent.name, "picture": str(path)},
            )
            for path, vector in zip(batch, vectors, strict=True)
        ]
        if points:
            database.upsert(export.collection, points)
        whole += len(points)
    if not whole:
        raise RefusedError(f"{folder}: none of its pictures can be read.")
    return database.count(export.collection).count


def search(database, export, options):
    """Who is likely the person of a picture, best first: rows (probability or None, cosine, camera, picture)."""
    if not database.collection_exists(export.collection):
        raise RefusedError(f"{options.database} holds no vectors of {options.export}; the command add adds some.")
    if not options.pictures.is_file():
        raise RefusedError(f"{options.pictures}: no such file; search takes one picture.")
    (vector,) = export.vectors([options.pictures])
    where = models.Filter(must=of_cameras(options.camera), must_not=of_cameras(options.not_camera))
    found = database.query_points(export.collection, query=vector.tolist(), query_filter=where, limit=options.top)
    hits = [(each.score, each.payload["camera"], pathlib.Path(each.payload["picture"])) for each in found.points]
    if options.by == "vectors":
        return [(None, *hit) for hit in hits]
    weights, log_odds = export.card["combination"], export.log_odds(options.pictures, [path for _, _, path in hits])
    scores = weights["log_odds"] * log_odds + weights["cosine"] * np.array([cosine for cosine, _, _ in hits])
    probabilities = 1 / (1 + np.exp(-(weights["slope"] * scores + weights["intercept"])))
    return [(probabilities[at], *hits[at]) for at in np.argsort(-scores, kind="stable")]


def of_cameras(cameras):
    """Conditions of a filter; none where no camera is named."""
    return [models.FieldCondition(key="camera", match=models.MatchAny(any=cameras))] if cameras else None


def show(rows):
    """Prints what was found."""
    print("rank  probability  cosine  camera      picture")
    for rank, (probability, cosine, camera, path) in enumerate(rows, start=1):
        sure = "-" if probability is None else f"{probability:.4f}"
        print(f"{rank:4}  {sure:>11}  {cosine:6.3f}  {camera:10}  {path}")


if __name__ == "__main__":
    main()
