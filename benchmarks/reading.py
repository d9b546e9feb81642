"""Measures how fast pictures are read: from their own files, and from what `tfnxc datasets prepare` made of them.

    python benchmarks/reading.py [--dataset cuhk01 --data FOLDER] [--identities 250] [--runs 5] [--json FILE]

"files" decodes and resizes the original files, in threads; "prepared" reads the shards into one array; "one by one" is
its `read(index)` in a loop; "dataset" is a pass over `prepared_dataset` in batches of 128, with one and with four
shards at a time. All give uint8 pictures of 160 x 60. They take turns in one process, after one run each to warm up, so
everything comes from the memory in which the system keeps files: the disk is not measured, only what is done with its
bytes. Without --dataset the pictures are of the synthetic set, written as PNG files first; shards and files lie in a
temporary folder, which is removed.
"""

import argparse
import functools
import json
import os
import pathlib
import platform
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image

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
    """One pass over the shards in batches."""
    batches = datasets.prepared_dataset(folder, parallel_reads=parallel_reads).batch(BATCH)
    for images, _, _ in batches.prefetch(tf.data.AUTOTUNE):
        del images


def pictures_a_second(functions, count, runs):
    """Runs the functions in turn, `runs` times after one to warm up; median, least and most of each."""
    speeds = {name: [] for name in functions}
    for run in range(runs + 1):
        for name, function in functions.items():
            begin = time.perf_counter()
            function()
            if run:
                speeds[name].append(count / (time.perf_counter() - begin))
    return {name: (statistics.median(each), min(each), max(each)) for name, each in speeds.items()}


def measure(people, folder, runs):
    """One row a variant; prepares the pictures into `folder` first."""
    begin = time.perf_counter()
    prepared = datasets.prepare(people, folder)
    print(f"prepared {len(people)} pictures in {time.perf_counter() - begin:.1f} s, once")
    functions = {
        "files": people.images,
        "prepared": prepared.images,
        "prepared, one by one": functools.partial(one_by_one, prepared),
        "dataset": functools.partial(one_epoch, folder, 1),
        "dataset, 4 shards at a time": functools.partial(one_epoch, folder, 4),
    }
    speeds = pictures_a_second(functions, len(people), runs)
    rows = []
    for name, (median, least, most) in speeds.items():
        ratio = median / speeds["files"][0]
        rows.append({"variant": name, "median": median, "min": least, "max": most, "times_files": ratio})
        print(f"{name:28}{median:10.0f} pictures a second ({least:.0f} to {most:.0f}) {ratio:8.2f} times files")
    return rows


def main():
    """Prints the table and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="synthetic", help="a data set by name (default synthetic)")
    parser.add_argument("--data", help="its folder or file")
    parser.add_argument("--identities", type=int, default=250, help="drawn people, 4 pictures each (default 250)")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each variant (default 5)")
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        if arguments.dataset == "synthetic":
            people = written(datasets.synthetic(identities=arguments.identities), folder / "files")
        else:
            people = datasets.open_dataset(arguments.dataset, arguments.data)
        facts = {
            "tensorflow": tf.__version__,
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "dataset": arguments.dataset,
            "pictures": len(people),
            "runs": arguments.runs,
        }
        print(json.dumps(facts, indent=1))
        rows = measure(people, folder / "prepared", arguments.runs)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"facts": facts, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
