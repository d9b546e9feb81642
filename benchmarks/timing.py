"""What the benchmarks share: options, facts of the machine, runs in turn, their spread, peak memory, JSON files."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
import tracemalloc
from typing import NamedTuple


class Spread(NamedTuple):
    """Median, least and most of several runs."""

    median: float
    least: float
    most: float

    def text(self, digits=2):
        """Least and most as text, e.g. `(1.20 to 1.34)`."""
        return f"({self.least:.{digits}f} to {self.most:.{digits}f})"

    def to_dict(self, unit=""):
        """The three for JSON, as `median_unit`, `min_unit` and `max_unit`."""
        return dict(zip([f"{name}_{unit}".rstrip("_") for name in ("median", "min", "max")], self, strict=True))


class Times(list):
    """Seconds of the timed runs of a function by the clock; `processor` holds those of all cores together."""

    def __init__(self):
        super().__init__()
        self.processor = []

    def spread(self, of=lambda seconds: seconds):
        """The `Spread` of the seconds, or of a function of them."""
        values = list(map(of, self))
        return Spread(statistics.median(values), min(values), max(values))

    def milliseconds(self, count):
        """The `Spread` of the milliseconds for each of `count` things done in a run."""
        return self.spread(lambda seconds: 1e3 * seconds / count)

    def rate(self, count):
        """The `Spread` of things done in a second, `count` a run."""
        return self.spread(lambda seconds: count / seconds)


def in_turn(functions, runs, warm_up=2):
    """Runs functions by name in turn, so that a change of the machine's speed meets all of them; gives their `Times`.

    The first `warm_up` runs of each do not count.
    """
    times = {name: Times() for name in functions}
    for run in range(warm_up + runs):
        for name, function in functions.items():
            clock, processor = time.perf_counter(), time.process_time()
            result = function()
            clock, processor = time.perf_counter() - clock, time.process_time() - processor
            del result
            if run >= warm_up:
                times[name].append(clock)
                times[name].processor.append(processor)
    return times


def python_peak(function):
    """Megabytes that Python and NumPy hold at most while a function runs; slow, so not to be timed."""
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def resident_peak(function):
    """How many megabytes the memory of this process rises while a function runs (Linux only)."""

    def resident(what):
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(what))

    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # forget the peak so far
    before = resident("VmRSS")
    function()
    return resident("VmHWM") - before


def parser_of(description, runs):
    """A parser of arguments with `--runs`, of that default, and `--json`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=runs, help="timed runs of each (default %(default)s)")
    parser.add_argument("--json", help="also write the figures to this file")
    return parser


def show_facts(**more):
    """Prints the facts of the machine and more, and gives them."""
    facts = {name: sys.modules[name].__version__ for name in ("tensorflow", "keras", "numpy") if name in sys.modules}
    facts |= {"machine": platform.machine(), "cores": os.cpu_count(), **more}
    print(json.dumps(facts, indent=1), flush=True)
    return facts


def write(path, facts, rows, **more):
    """Writes the JSON file of `--json`, if a path was given."""
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"facts": facts, "rows": rows, **more}, file, indent=1)
