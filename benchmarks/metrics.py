"""Times the metrics on random scores, at the size of CUHK01 and of Market-1501, and measures their memory.

    python benchmarks/metrics.py [--runs 5] [--json FILE]

Every case runs once to warm up and then `--runs` times; the table gives the median and the spread in seconds. Peak
memory is taken in one more run: the most that Python and NumPy held at a time beyond the scores themselves
(tracemalloc, which slows things down, so that run is not timed).

CUHK01 is a test set of 486 people, two images in each of two cameras: under `cross-camera` 972 probes of camera A and
972 gallery images of camera B, under the other protocols all 1,944 images on both sides; every draw of the protocol.
Market-1501 has 3,368 probes of 750 people in six cameras, and 19,732 gallery images, of which 3,819 are junk and 2,798
distractors; identities, cameras and scores are drawn with a seed.
"""

import functools

import numpy as np
from timing import in_turn, parser_of, python_peak, show_facts, write

from tfnxc.evaluation import PROTOCOLS, cmc, get_protocol, rank_lists
from tfnxc.identities import DISTRACTOR, JUNK

PROBES, GALLERY, JUNK_IMAGES, DISTRACTORS = 3368, 19732, 3819, 2798


def cuhk01(protocol):
    """Arguments of `cmc` at the size of a test set of CUHK01."""
    ids, cameras = np.repeat(np.arange(486), 4), np.tile([0, 0, 1, 1], 486)
    rows = columns = np.arange(len(ids))
    if get_protocol(protocol).probe_cameras == "first":
        rows, columns = np.flatnonzero(cameras == 0), np.flatnonzero(cameras == 1)
    return scores(len(rows), len(columns)), ids[rows], ids[columns], cameras[rows], cameras[columns]


def market1501():
    """Arguments of `cmc` at the size of the test part of Market-1501."""
    rng = np.random.default_rng(1)
    people = GALLERY - JUNK_IMAGES - DISTRACTORS
    ids = np.concatenate([rng.integers(750, size=people), [JUNK] * JUNK_IMAGES, [DISTRACTOR] * DISTRACTORS])
    cameras = rng.integers(6, size=PROBES), rng.integers(6, size=GALLERY)
    return scores(PROBES, GALLERY), rng.integers(750, size=PROBES), rng.permutation(ids), *cameras


def scores(rows, columns):
    """A seeded matrix of float32 scores."""
    return np.random.default_rng(0).random((rows, columns), np.float32)


def cases():
    """`(title, arguments, function of them)` of each case; the arguments of a size are made once."""
    for protocol in PROTOCOLS:
        yield f"CUHK01, cmc, {protocol}", cuhk01(protocol), functools.partial(cmc, protocol=protocol)
    arguments = market1501()
    for protocol in ("market", "cross-camera"):
        yield f"Market-1501, cmc, {protocol}", arguments, functools.partial(cmc, protocol=protocol)
    yield "Market-1501, rank_lists, 20 of market", arguments, functools.partial(rank_lists, protocol="market", k=20)


def main():
    """Prints the table and writes the JSON file."""
    arguments = parser_of(__doc__, runs=5).parse_args()
    facts = show_facts(runs=arguments.runs)
    print(f"\n{'':40}{'scores':>16}{'draws':>7}{'seconds':>9} {'(spread)':>18}{'peak MB':>9}")
    rows = []
    for title, given, function in cases():
        case = functools.partial(function, *given)
        spread = in_turn({title: case}, arguments.runs, warm_up=1)[title].spread()
        peak = python_peak(case)
        shape = given[0].shape
        # Lists are of the first draw only.
        draws = 1 if function.func is rank_lists else get_protocol(function.keywords["protocol"]).repeats
        size = f"{shape[0]:,} x {shape[1]:,}"
        print(f"{title:40}{size:>16}{draws:7}{spread.median:9.3f} {spread.text(3):>18}{peak:9.1f}")
        rows.append({"case": title, "shape": shape, "draws": draws, **spread.to_dict("s"), "peak_megabytes": peak})
    write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
