"""Memory and speed of the signature `match` of exports, by the number of pairs that a request holds.

    python benchmarks/serving.py savedmodels/campus/1 [EXPORT ...] [--pairs 8 64 1000] [--runs 3] [--json FILE]

Each row is a process of its own: the export is loaded and asked once about a pair; then the requests run, in turn over
the exports. "MB" is how far the memory of the process rises during a request, the images that are sent not counted.
Milliseconds a pair by the clock, and of all cores together.
"""

import json
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from timing import Times, parser_of, resident_peak, show_facts, write


def ask(path, pairs, runs):
    """Prints, as JSON, megabytes and seconds of requests for so many pairs; in a process of its own."""
    import time

    import numpy as np
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    match = loaded.signatures["match"]
    shape = match.structured_input_signature[1]["probe"].shape[1:]
    rng = np.random.default_rng(0)

    def some(count):
        return {name: tf.constant(rng.random((count, *shape), np.float32)) for name in ("probe", "gallery")}

    match(**some(1))
    inputs = some(pairs)
    megabytes = resident_peak(lambda: match(**inputs))
    clock, processor = [], []
    for _ in range(runs):
        begun = time.perf_counter(), time.process_time()
        match(**inputs)
        clock.append(time.perf_counter() - begun[0])
        processor.append(time.process_time() - begun[1])
    print(json.dumps({"megabytes": megabytes, "seconds": clock, "processor_seconds": processor}))


def main():
    """Measures, prints the table, writes the JSON file."""
    parser = parser_of(__doc__, 3)
    parser.add_argument("exports", nargs="+", help="versions of exports, e.g. savedmodels/campus/1")
    parser.add_argument("--pairs", type=int, nargs="+", default=[8, 64, 1000], help="pairs a request")
    parser.add_argument("--one", action="store_true", help="measure one row in this process, and print it as JSON")
    arguments = parser.parse_args()
    if arguments.one:
        ask(arguments.exports[0], arguments.pairs[0], arguments.runs)
        return
    facts = show_facts()
    rows = []
    print(f"{'pairs':>6}{'MB':>8}{'ms/pair':>9}{'':18}{'ms of cores':>12}  export")
    for pairs in arguments.pairs:
        for path in arguments.exports:
            command = [sys.executable, __file__, path, "--one", "--pairs", str(pairs), "--runs", str(arguments.runs)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            times = Times()
            times.extend(found["seconds"])
            times.processor.extend(found["processor_seconds"])
            each = times.milliseconds(pairs)
            cores = 1e3 * min(times.processor) / pairs
            rows.append({"export": path, "pairs": pairs, "megabytes": found["megabytes"], "ms_of_cores": cores})
            rows[-1] |= each.to_dict("ms")
            print(f"{pairs:6}{found['megabytes']:8.0f}{each.median:9.2f} {each.text():17}{cores:12.2f}  {path}")
    write(arguments.json, facts, rows)


if __name__ == "__main__":
    main()
