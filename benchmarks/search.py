"""What a shortlist misses of an exhaustive search, and how long a search takes, up to a million pictures.

    python benchmarks/search.py [--sizes 1000 10000] [--probes 40] [--large 1000000] [--cache FOLDER] [--json FILE]

The model and its embedding are those that come with tfnxc; the people are drawn and are not those that it was trained
on: probes by camera A, a gallery by camera B of the same and of other people. Pictures and indexes are kept in --cache
and used again; without it they go to a temporary folder.

Recall: of the best (the 10 best) that "both" finds among all pictures, how many are on the shortlist, the nearest by
cosine. "right": how often the probe's own person is the first, by both on the shortlist. Latency: one probe, from its
pixels to the 10 best, on an open gallery whose files are in the memory of the system; median, least and most of --runs
after one to warm up. "processor" is the time of all cores together, least of the runs: other work on the machine
disturbs it less than what the clock says. Half precision: the vectors of the index beside the same in single precision.
"paths": the same searches in a gallery of the smallest size that keeps paths.

--large: an index of so many vectors that nobody drew: mixtures of two real ones, 0.5 to 1 of them the first, with noise
of half their length. It keeps paths of no files, so that only the vectors can be searched (the scorer "embedding"); the
pair head adds what it takes for a shortlist of any gallery. A process of its own opens it and says what memory it has
needed, TensorFlow and the model included. Recall there: of the 250 nearest, how many the lists of faiss give.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image
from timing import in_turn, parser_of, show_facts, write

from tfnxc.console import progress_bar
from tfnxc.datasets import synthetic
from tfnxc.ops import describe_implementation
from tfnxc.runs import versions
from tfnxc.search import Gallery, Picture
from tfnxc.search._neighbours import Exact
from tfnxc.search.picture import Records

SEED = 4001
DRAWN_AT_ONCE, MADE_AT_ONCE = 500, 16384
NEAREST = 250
SCORERS = ("both", "embedding")
SECONDS = {"drawn picture": 0.007, "indexed picture": 0.01, "pair": 0.0006, "vector": 0.0001}  # on two quiet cores


def drawn(cache, count, camera):
    """Pictures of `count` people by a camera, each once, as uint8; drawn if the cache does not have them."""
    path = cache / f"people-{SEED}-{count}-{'ab'[camera]}.npy"
    if not path.exists():
        people = synthetic(identities=count, shots=1, seed=SEED)
        some, new = people.take(np.flatnonzero(people.cameras == camera)), path.with_suffix(".new")
        images = np.lib.format.open_memmap(new, "w+", np.uint8, (count, 160, 60, 3))
        with progress_bar(f"Drawing, camera {'AB'[camera]}", count) as advance:
            for start in range(0, count, DRAWN_AT_ONCE):
                part = some.take(range(start, min(start + DRAWN_AT_ONCE, count)))
                images[start : start + len(part)] = part.images(progress=advance)
        images.flush()
        new.replace(path)
    return np.load(path, mmap_mode="r")


def indexed(cache, images, size, keep):
    """A gallery of the first pictures, named by their numbers or, where paths are kept, by their files."""
    gallery = Gallery.start(cache / f"index-{keep}-{size}", "pretrained", keep=keep)

    def pictures():
        for row in range(size):
            if keep == "maps":
                yield Picture(str(row), np.asarray(images[row]), identity=str(row))
                continue
            path = cache / "files" / f"{row}.png"
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(images[row]).save(path)
            yield Picture.of_file(path, identity=str(row))

    if len(gallery) < size:
        with progress_bar(f"Indexing, {keep}", size) as advance:
            gallery.add(pictures(), progress=advance)
    return gallery


def timed(function, runs):
    """Seconds by the clock: median, least, most; and least of all cores together."""
    times = in_turn({"": function}, runs, warm_up=1)[""]
    return *times.spread(), min(times.processor)


def timed_search(gallery, probes, runs, **options):
    """`timed` of a search for one probe after the other."""
    turn = iter(range(10**6))
    return timed(lambda: gallery.search([probes[next(turn) % len(probes)]], top=10, **options), runs)


def measure(gallery, probes, arguments):
    """The figures of a gallery of drawn people."""
    count = len(gallery)
    found = {"pictures": count, "keep": gallery.keep, "bytes": gallery.bytes_on_disk, "shortlists": []}
    some = probes[: arguments.pairs // count]
    clock = time.perf_counter()
    with progress_bar("All pairs", count * len(some)) as advance:
        every = gallery.search(some, top=count, exhaustive=True, progress=advance)
    found |= {"exhaustive_s": time.perf_counter() - clock, "exhaustive_probes": len(some)}
    near = gallery.search(some, top=count, scorer="embedding")
    places = [{match.name: place for place, match in enumerate(matches)} for matches in near]
    found["right"] = {
        "both, exhaustive": np.mean(
            [probe.identity == each[0].identity for probe, each in zip(some, every, strict=True)]
        ),
        "embedding": np.mean([probe.identity == each[0].identity for probe, each in zip(some, near, strict=True)]),
    }
    for length in [each for each in arguments.shortlists if each <= count]:
        inside = [[at[match.name] < length for match in each] for at, each in zip(places, every, strict=True)]
        first = [matches[each.index(True)].identity for matches, each in zip(every, inside, strict=True)]
        row = {
            "shortlist": length,
            "recall_1": np.mean([each[0] for each in inside]),
            "recall_10": np.mean([each[:10] for each in inside]),
            "right": np.mean([probe.identity == who for probe, who in zip(some, first, strict=True)]),
            "search_s": timed_search(gallery, probes, arguments.runs, shortlist=length),
        }
        found["shortlists"].append(row)
    found["embedding_s"] = timed_search(gallery, probes, arguments.runs, scorer="embedding")
    return found


def half_precision(gallery, images, probes):
    """How far cosines of the stored vectors are from those of single precision, and what that does to shortlists."""
    scorer, snapshot = gallery._scorer, gallery._store.snapshot
    single = np.concatenate(
        [
            scorer.embedding.vectors(scorer.head.embed(np.asarray(images[start : start + 1024])))
            for start in range(0, len(gallery), 1024)
        ]
    )[: len(gallery)]
    half = np.float32(snapshot.vectors_of(np.arange(len(gallery))))
    asked = scorer.embedding.vectors(scorer.head.embed(np.stack([probe.image for probe in probes])))
    cosines = [asked @ vectors.T for vectors in (single, half)]
    lists = [[set(np.argsort(-row)[:NEAREST].tolist()) for row in each] for each in cosines]
    same = [len(first & second) / len(first) for first, second in zip(*lists, strict=True)]
    return {"most_apart": float(np.abs(cosines[0] - cosines[1]).max()), "same_of_250": float(np.mean(same))}


def made_up(real, count, rng):
    """Unit vectors that nobody drew."""
    first, second = real[rng.integers(len(real), size=(2, count))]
    share = rng.uniform(0.5, 1, (count, 1)).astype(np.float32)
    mixed = share * first + (1 - share) * second
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    mixed += rng.normal(0, 0.5 / np.sqrt(real.shape[1]), mixed.shape).astype(np.float32)
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def fill(cache, size, real):
    """Makes the large index, if the cache does not have it: the seconds for its lists, or `None`."""
    gallery, rng = Gallery.start(cache / f"index-large-{size}", "pretrained", keep="paths"), np.random.default_rng(1)
    if len(gallery) >= size:
        return gallery, None
    with gallery._store.writing() as store, progress_bar("Making up vectors", size) as advance:
        for start in range(len(gallery), size, MADE_AT_ONCE):
            count = min(MADE_AT_ONCE, size - start)
            names = [f"/pictures/{row // 1000:04d}/{row:07d}.png" for row in range(start, start + count)]
            cameras = [f"camera {row % 16}" for row in range(start, start + count)]
            times = [1.7e9 + row for row in range(start, start + count)]
            none, digests = [None] * count, [f"{row:012x}" for row in range(start, start + count)]
            store.append(Records(names, none, cameras, times, none, digests), made_up(real, count, rng))
            advance(count)
        clock = time.perf_counter()
        store.write_lists()
        return gallery, time.perf_counter() - clock


def measure_large(folder, probes, runs):
    """The figures of the large index, in a process of its own."""
    clock = time.perf_counter()
    gallery = Gallery(folder)
    snapshot, opened = gallery._store.snapshot, time.perf_counter() - clock
    clock = time.perf_counter()
    gallery.search(probes[:1], scorer="embedding")
    first = time.perf_counter() - clock
    asked = gallery._scorer.embedding.vectors(gallery._scorer.head.embed(np.stack([each.image for each in probes])))
    near, alive = snapshot.neighbours, snapshot.alive
    searches = {
        "search": timed_search(gallery, probes, runs, scorer="embedding"),
        "search, one camera": timed_search(gallery, probes, runs, scorer="embedding", cameras=["camera 3"]),
        "search, a hundredth of the time": timed_search(
            gallery, probes, runs, scorer="embedding", since=1.7e9 + 0.99 * len(gallery)
        ),
        "the 250 nearest": timed(lambda: near.nearest(asked[0], alive, NEAREST), runs),
    }
    with open("/proc/self/status", encoding="ascii") as file:
        peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    exact = Exact(snapshot)
    lists = [(near.nearest(each, alive, NEAREST), exact.nearest(each, alive, NEAREST)) for each in asked]
    recall = [len(np.intersect1d(found, expected)) / len(expected) for found, expected in lists]
    searches["the 250 nearest, all looked at"] = timed(lambda: exact.nearest(asked[0], alive, NEAREST), runs)
    return {
        "pictures": len(gallery),
        "bytes": gallery.bytes_on_disk,
        "by": type(near).__name__,
        "opened_s": opened,
        "first_search_s": first,
        "peak_bytes": peak,
        "recall_250": float(np.mean(recall)),
        "searches": searches,
    }


def show(found):
    """Prints the figures of a gallery."""
    size = f"{found['bytes'] / found['pictures']:,.0f} bytes a picture"
    print(f"\n{found['pictures']:,} pictures, {found['keep']} kept, {size}")
    recalls = f"{'recall of 1':>13}{'of 10':>8}{'right':>8}"
    print(f"{'shortlist':>10}{recalls}{'search, ms':>12}{'processor':>11}  (least to most)")
    for each in found["shortlists"]:
        recalls = f"{each['recall_1']:>13.3f}{each['recall_10']:>8.3f}{each['right']:>8.3f}"
        print(f"{each['shortlist']:>10,}{recalls}{_times(each['search_s'])}")
    print(f"{'embedding':>10}{'':>21}{found['right']['embedding']:>8.3f}{_times(found['embedding_s'])}")
    if found["exhaustive_probes"]:
        each = found["exhaustive_s"] / found["exhaustive_probes"]
        right = f"right {found['right']['both, exhaustive']:.3f}; {found['exhaustive_probes']} probes"
        print(f"exhaustive: {each:.2f} s a probe; {right}")
    if "half" in found:
        print(
            "half precision: cosines at most {most_apart:.5f} apart, {same_of_250:.4f} of 250".format(**found["half"])
        )
    sys.stdout.flush()


def show_large(found):
    """Prints the figures of the large index."""
    print(
        f"\n{found['pictures']:,} vectors by {found['by']}, {found['bytes'] / found['pictures']:,.0f} bytes a picture"
    )
    for name, figures in found["searches"].items():
        print(f"{name:>34}{_times(figures)}")
    print(
        f"recall of the 250 nearest {found['recall_250']:.4f}; opened in {found['opened_s']:.1f} s, first search",
        end=" ",
    )
    print(f"{found['first_search_s']:.1f} s, at most {found['peak_bytes'] / 1e9:.2f} GB of memory", flush=True)


def _times(figures):
    median, least, most, cores = (1000 * seconds for seconds in figures)
    return f"{median:>12.0f}{cores:>11.0f}  ({least:.0f} to {most:.0f})"


def say_cost(arguments):
    """Says before it starts what there is to do, and about how long it takes."""
    people = max(arguments.sizes)
    pairs = sum(size * min(arguments.probes, arguments.pairs // size) for size in arguments.sizes)
    indexed_pictures = sum(arguments.sizes) + min(arguments.sizes)
    seconds = SECONDS["drawn picture"] * 2 * people + SECONDS["indexed picture"] * (indexed_pictures + 2 * people)
    seconds += SECONDS["pair"] * pairs + SECONDS["vector"] * arguments.large
    parts = (
        f"{2 * people:,} pictures to draw, {indexed_pictures:,} to index, {pairs:,} pairs, {arguments.large:,} vectors"
    )
    print(
        f"{parts}: about {seconds / 60:.0f} minutes on two cores with nothing else to do, less with a cache.",
        flush=True,
    )


def main():
    """Measures, prints the tables, writes the JSON file."""
    parser = parser_of(__doc__, runs=9)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--shortlists", type=int, nargs="+", default=[50, 100, 150, 200, 250, 300, 500, 1000])
    parser.add_argument("--probes", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=400_000, help="the most that an exhaustive search may score")
    parser.add_argument("--large", type=int, default=1_000_000, help="vectors of the large index; 0: none")
    parser.add_argument("--cache", help="where pictures and indexes are kept and used again")
    parser.add_argument("--open-large", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open_large:
        given = np.load(arguments.open_large)
        probes = [Picture(f"probe {row}", image) for row, image in enumerate(given)]
        folder = pathlib.Path(arguments.cache) / f"index-large-{arguments.large}"
        print(json.dumps(measure_large(folder, probes, arguments.runs)))
        return
    given = {name: getattr(arguments, name) for name in ("sizes", "probes", "pairs", "large", "runs")}
    facts = show_facts(model="pretrained", versions=versions(), **describe_implementation(), **given)
    say_cost(arguments)
    rows, larger = [], {}
    with contextlib.ExitStack() as stack:
        cache = pathlib.Path(arguments.cache or stack.enter_context(tempfile.TemporaryDirectory()))
        cache.mkdir(parents=True, exist_ok=True)
        people = max(arguments.sizes)
        asked, images = (drawn(cache, people, camera) for camera in (0, 1))
        for size in sorted(arguments.sizes):
            chosen = np.random.default_rng(0).choice(size, arguments.probes, replace=False)
            probes = [Picture(f"probe {row}", np.asarray(asked[row]), str(row)) for row in chosen]
            gallery = indexed(cache, images, size, "maps")
            rows.append(measure(gallery, probes, arguments))
            if size == people:
                rows[-1]["half"] = half_precision(gallery, images, probes)
            show(rows[-1])
            write(arguments.json, facts, rows)
            if size == min(arguments.sizes):
                kept = indexed(cache, images, size, "paths")
                seconds = {str(each): timed_search(kept, probes, arguments.runs, shortlist=each) for each in (100, 250)}
                rows[-1]["paths"] = {"bytes": kept.bytes_on_disk, "search_s": seconds}
                for length, figures in seconds.items():
                    print(f"paths kept, shortlist {length}:{_times(figures)}", flush=True)
        if arguments.large:
            snapshot = gallery._store.snapshot
            real = np.float32(snapshot.vectors_of(np.arange(len(gallery))))
            _, lists_s = fill(cache, arguments.large, real)
            np.save(cache / "probes.npy", np.stack([probe.image for probe in probes]))
            words = ["--open-large", cache / "probes.npy", "--cache", cache, "--large", arguments.large]
            command = [sys.executable, __file__, *map(str, words), "--runs", str(arguments.runs)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            larger = {**json.loads(said.strip().splitlines()[-1]), "lists_s": lists_s}
            show_large(larger)
        write(arguments.json, facts, rows, large=larger)


if __name__ == "__main__":
    main()
