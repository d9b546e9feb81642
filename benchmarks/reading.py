"""Measures how fast pictures are read: from their own files, and from what `tfnxc datasets prepare` made of them.

    python benchmarks/reading.py [--dataset cuhk01 --data FOLDER] [--identities 250] [--runs 5] [--json FILE]

"files" decodes and resizes the original files, in threads; "prepared" reads the shards into one array; "one by one" is
its `read(index)` in a loop; "dataset" is an epoch of `prepared_dataset` in batches of 128, with one and with four
shards at a time. All give uint8 pictures of 160 x 60. They take turns in one process, after one run each to warm up, so
everything comes from the memory in which the system keeps files: the disk is not measured, only what is done with its
bytes. Without --dataset the pictures are of the synthetic set, written as PNG files first; shards and files lie in a
temporary folder, which is removed.
"""

import functools
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image
from timing import in_turn, parser_of, show_facts, write

from tfnxc import datasets

BATCH = 128


def written(people, folder):
    """A set of drawn people as a folder of PNG files an identity, read as a user's own pictures are."""
    for index, (path, identity) in enumerate(zip(people.paths, people.identities, strict=True)):
        camera = people.cameras[index] + 1
        new = folder / f"{identity:04d}" / f"{pathlib.PurePath(path).stem}_c{camera}.png"
        new.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(people.read(index)).save(new)
    return datasets.identity_folders(folder)


def one_by_one(people):
    """Every picture by its position."""
    images = np.empty((len(people), *datasets.IMAGE_SIZE, 3), np.uint8)
    for index in range(len(people)):
        images[index] = people.read(index)


def one_epoch(folder, parallel_reads):
    """All shards once, in batches."""
    batches = datasets.prepared_dataset(folder, parallel_reads=parallel_reads).batch(BATCH)
    for images, _, _ in batches.prefetch(tf.data.AUTOTUNE):
        del images


def measure(people, folder, runs):
    """One row a variant; prepares the pictures into `folder` first."""
    once = in_turn({"prepare": functools.partial(datasets.prepare, people, folder)}, runs=1, warm_up=0)["prepare"]
    print(f"prepared {len(people)} pictures in {once.spread().median:.1f} s, once")
    prepared = datasets.prepared(folder)
    functions = {
        "files": people.images,
        "prepared": prepared.images,
        "prepared, one by one": functools.partial(one_by_one, prepared),
        "dataset": functools.partial(one_epoch, folder, 1),
        "dataset, 4 shards at a time": functools.partial(one_epoch, folder, 4),
    }
    speeds = {name: times.rate(len(people)) for name, times in in_turn(functions, runs, warm_up=1).items()}
    rows = []
    for name, spread in speeds.items():
        ratio = spread.median / speeds["files"].median
        rows.append({"variant": name, **spread.to_dict(), "times_files": ratio})
        print(f"{name:28}{spread.median:10.0f} pictures a second {spread.text(0)} {ratio:8.2f} times files")
    return rows


def main():
    """Prints the table and writes the JSON file."""
    parser = parser_of(__doc__, runs=5)
    parser.add_argument("--dataset", default="synthetic", help="a data set by name (default synthetic)")
    parser.add_argument("--data", help="its folder or file")
    parser.add_argument("--identities", type=int, default=250, help="drawn people, 4 pictures each (default 250)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        if arguments.dataset == "synthetic":
            people = written(datasets.synthetic(identities=arguments.identities), folder / "files")
        else:
            people = datasets.open_dataset(arguments.dataset, arguments.data)
        facts = show_facts(dataset=arguments.dataset, pictures=len(people), runs=arguments.runs)
        rows = measure(people, folder / "prepared", arguments.runs)
    write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
