"""Recall of the shortlist against an exhaustive search, and latency, in galleries of several sizes.

    python benchmarks/search.py [--sizes 1000 10000 100000] [--drawn 1000] [--probes 20] [--pairs 200000] [--json FILE]

The model is `tfnxc.models.pretrained`, the people are drawn: probes from camera A, a gallery from camera B of the same
and of other people. A gallery larger than `--drawn` is filled up with pictures that nobody drew: the upper part of one
picture's feature map on the lower part of another's, cut at a random row, each channel scaled by 1 with a deviation of
0.05. They serve to say how long a search takes. As strangers they may be easier than people are, so that recall at
those sizes is the better for it: draw more people (--drawn) to measure that.

Recall: of the best (the 10 best) of an exhaustive search, how many are in a shortlist; from as many of the `--probes`
as have room in `--pairs`, perhaps none. "right": how many shortlists hold the probe's own person, beside how often that
one is among the 10 best of the exhaustive search. Latency: one probe, from its pixels to the 10 best, on an open
gallery whose files are in the memory of the system; median, least and most of `--runs` after one to warm up.
"processor" is the time of all cores together, least of the runs: other work on the machine disturbs it less than what
the clock says. The exhaustive search is timed once for all its probes. "shortlist alone" is the first
stage by NumPy and, where it is installed, by faiss.
"""

import contextlib
import importlib.util
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from timing import in_turn, parser_of, show_facts, write

from tfnxc import datasets, models
from tfnxc.ops import describe_implementation
from tfnxc.runs import versions
from tfnxc.scoring import PairHead
from tfnxc.search import Gallery, Picture
from tfnxc.search.picture import Records
from tfnxc.search.shortlist import Shortlister, pooled

BLOCK = 1024
RECALLS = ("recall_1", "recall_10", "right")


def drawn(head, pictures, probes):
    """`(probes as Pictures, feature maps of the gallery, their identities)`: `pictures` people, each once."""
    people = datasets.synthetic(identities=pictures, shots=1, seed=4001)
    first, second = (people.take(np.flatnonzero(people.cameras == camera)) for camera in (0, 1))
    chosen = np.random.default_rng(0).choice(pictures, probes, replace=False)
    asked = [Picture(first.paths[index], first.read(index), str(first.identities[index])) for index in chosen]
    return asked, head.embed(second.images(head.image_size)), second.identities


def filled_up(maps, count, rng):
    """Feature maps that nobody drew."""
    upper, lower = maps[rng.integers(len(maps), size=count)], maps[rng.integers(len(maps), size=count)]
    rows = np.arange(maps.shape[1])[None, :, None, None]
    cut = rng.integers(1, maps.shape[1], size=count)[:, None, None, None]
    return np.where(rows < cut, upper, lower) * rng.normal(1, 0.05, (count, 1, 1, maps.shape[3])).astype(np.float32)


def grow(gallery, maps, identities, size, rng):
    """Adds to a gallery until it has `size` pictures."""
    with gallery._store.writing() as store:
        while (there := len(gallery)) < size:
            if there < len(maps):
                block = maps[there : min(there + BLOCK, size)]
                known = [str(each) for each in identities[there : there + len(block)]]
            else:
                block = filled_up(maps, min(BLOCK, size - there), rng)
                known = [None] * len(block)
            count = len(block)
            names = [str(index) for index in range(there, there + count)]
            store.append(Records(names, known, [None] * count, [None] * count), block, pooled(block))


def timed(function, runs):
    """Seconds by the clock: median, least, most; and least of all cores together."""
    times = in_turn({"": function}, runs, warm_up=1)[""]
    return *times.spread(), min(times.processor)


def once(function):
    """What the function gives, and the seconds that it took: by the clock, and of all cores together."""
    given = []
    times = in_turn({"": lambda: given.append(function())}, runs=1, warm_up=0)[""]
    return given[0], times[0], times.processor[0]


def measure(gallery, probes, arguments):
    """The figures of a gallery as it is."""
    snapshot = gallery._store.snapshot
    shortlister, prepared, _ = once(lambda: Shortlister(snapshot.embeddings, snapshot.alive))
    found = {"pictures": len(gallery), "prepared_s": prepared}
    embeddings = pooled(gallery._head.embed(np.stack([probe.image for probe in probes])))
    some = probes[: arguments.pairs // len(gallery)]
    best, seconds, cores = once(lambda: gallery.search(some, top=10, exhaustive=True))
    found |= {"exhaustive_probes": len(some), "exhaustive_s": seconds, "exhaustive_processor_s": cores}
    if some:
        found["exhaustive_right_10"] = np.mean(
            [probe.identity in [match.identity for match in matches] for probe, matches in zip(some, best, strict=True)]
        )
    found["shortlists"] = []
    for count in arguments.shortlists:
        if count > len(gallery):
            continue
        lists = [set(shortlister.nearest(each, snapshot.alive, count).tolist()) for each in embeddings[: len(some)]]
        inside = [[int(match.name) in rows for match in matches] for rows, matches in zip(lists, best, strict=True)]
        of = {"shortlist": count}
        if some:
            known = snapshot.records.identities
            right = [probe.identity in {known[row] for row in rows} for probe, rows in zip(some, lists, strict=True)]
            recalls = {"recall_1": np.mean([each[0] for each in inside]), "recall_10": np.mean(inside)}
            of |= {**recalls, "right": np.mean(right)}
        turn = iter(range(10**6))
        of["search_s"] = timed(
            lambda turn=turn, count=count: gallery.search([probes[next(turn) % len(probes)]], top=10, shortlist=count),
            arguments.runs,
        )
        found["shortlists"].append(of)
    found["shortlist_alone_s"] = {}
    for label, with_faiss in (("NumPy", False), ("faiss", True)):
        if with_faiss and importlib.util.find_spec("faiss") is None:
            continue
        each = Shortlister(snapshot.embeddings, snapshot.alive, with_faiss)
        found["shortlist_alone_s"][label] = timed(
            lambda each=each: each.nearest(embeddings[0], snapshot.alive, 500), arguments.runs
        )
    return found


def show(found):
    """Prints the figures of a gallery."""
    print(f"\n{found['pictures']:,} pictures")
    recalls = f"{'recall of 1':>13}{'of 10':>8}{'right':>8}"
    print(f"{'shortlist':>10}{recalls}{'search, ms':>12}{'processor':>11}  (least to most)")
    for each in found["shortlists"]:
        median, least, most, cores = (1000 * seconds for seconds in each["search_s"])
        recalls = [f"{each[name]:.2f}" if name in each else "-" for name in RECALLS]
        print(
            f"{each['shortlist']:>10,}{recalls[0]:>13}{recalls[1]:>8}{recalls[2]:>8}{median:>12.0f}{cores:>11.0f}"
            f"  ({least:.0f} to {most:.0f})"
        )
    if count := found["exhaustive_probes"]:
        clock, cores = (found[name] / count for name in ("exhaustive_s", "exhaustive_processor_s"))
        right = f"right among the 10 best {found['exhaustive_right_10']:.2f}"
        print(f"exhaustive: {clock:.2f} s a probe, processor {cores:.2f} s; {right}; {count} probes")
    alone = [
        f"{label} {1000 * figures[0]:.1f} ms, processor {1000 * figures[3]:.1f}"
        for label, figures in found["shortlist_alone_s"].items()
    ]
    print(f"shortlist alone: {'; '.join(alone)}; prepared once in {found['prepared_s']:.2f} s", flush=True)


def main():
    """Measures, prints the tables, writes the JSON file."""
    parser = parser_of(__doc__, runs=7)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--shortlists", type=int, nargs="+", default=[100, 200, 500, 1000, 2000, 5000])
    parser.add_argument("--drawn", type=int, default=1000, help="people that are drawn, one picture each")
    parser.add_argument("--probes", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=200_000, help="about how many the exhaustive search may score")
    parser.add_argument("--folder", help="where the index is written; default: a temporary folder")
    arguments = parser.parse_args()
    given = {name: getattr(arguments, name) for name in ("drawn", "probes", "pairs", "runs")}
    facts = show_facts(model="pretrained", versions=versions(), **describe_implementation(), **given)
    rows = []
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(arguments.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        models.pretrained().save(folder / "model.keras")
        gallery = Gallery.start(folder / "index", folder / "model.keras")
        head, rng = PairHead(models.pretrained()), np.random.default_rng(1)
        probes, maps, identities = drawn(head, arguments.drawn, arguments.probes)
        for size in sorted(arguments.sizes):
            grow(gallery, maps, identities, size, rng)
            rows.append(measure(gallery, probes, arguments))
            show(rows[-1])
            write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
