"""How many searches a second tfnxc serve answers, how long each takes, and whether its memory stays flat.

    python benchmarks/service.py [--pictures 1000] [--requests 200] [--clients 1 4 16] [--shortlist 100] [--json FILE]

An index of drawn people, with the model that comes with tfnxc, is served by the command in a process of its own. As
many clients as asked send searches one after the other, each over one connection, without a pause; every picture is of
a person of the gallery by another camera. "p50" and "p99": from sending to the whole answer, of all requests.
Memory is that of the process of the service (Linux only), before the first of these requests and after each number of
clients. The first searches of each number of clients, one a client, do not count. --runs repeats the whole.
"""

import contextlib
import http.client
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from timing import parser_of, show_facts, write

from tfnxc.ops import describe_implementation
from tfnxc.runs import versions
from tfnxc.search import synthetic_gallery

_OPEN = {name: value for name, value in os.environ.items() if name != "TFNXC_TOKEN"}


@contextlib.contextmanager
def serving(index, waiting):
    """The address and the process of the command."""
    limits = ["--requests-per-minute", "0", "--waiting", str(waiting)]
    command = [sys.executable, "-m", "tfnxc", "serve", str(index), "--port", "0", *limits]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_OPEN)
    try:
        yield urllib.parse.urlsplit(process.stdout.readline().split()[3]).netloc, process
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def resident(process):
    """Megabytes of memory that a process has."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))


def ask(address, path, pictures, seconds):
    """Sends pictures over one connection; appends how long each took."""
    connection = http.client.HTTPConnection(address, timeout=600)
    with contextlib.closing(connection):
        for picture in pictures:
            clock = time.perf_counter()
            connection.request("POST", path, picture, {"Content-Type": "image/png"})
            answer = connection.getresponse()
            answer.read()
            seconds.append(time.perf_counter() - clock)
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} for a search")


def together(address, path, pictures, clients):
    """Seconds of all requests by the clock, and of each, when the clients share the pictures."""
    lists = [[] for _ in range(clients)]
    threads = [
        threading.Thread(target=ask, args=(address, path, pictures[number::clients], lists[number]))
        for number in range(clients)
    ]
    clock = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [each for some in lists for each in some]
    if len(done) != len(pictures):
        raise RuntimeError(f"{len(pictures) - len(done)} of {len(pictures)} searches were not answered")
    return time.perf_counter() - clock, done


def main():
    """Measures, prints the table, writes the JSON file."""
    parser = parser_of(__doc__, runs=1)
    parser.add_argument("--pictures", type=int, default=1000, help="of the index (default %(default)s)")
    parser.add_argument("--requests", type=int, default=200, help="for each number of clients (default %(default)s)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--shortlist", type=int, default=100, help="as in the search (default %(default)s)")
    arguments = parser.parse_args()
    given = {name: getattr(arguments, name) for name in ("pictures", "requests", "clients", "shortlist", "runs")}
    facts = show_facts(model="pretrained", versions=versions(), **describe_implementation(), **given)
    rows, path = [], f"/v1/search?shortlist={arguments.shortlist}"
    with tempfile.TemporaryDirectory() as folder:
        gallery, probes = synthetic_gallery(folder, identities=arguments.pictures)
        files = [pathlib.Path(each).read_bytes() for each in probes]
        pictures = [files[number % len(files)] for number in range(arguments.requests)]
        with serving(gallery.folder, max(arguments.clients)) as (address, process):
            together(address, path, pictures[:2], 1)
            memory = [resident(process)]
            print(f"{'clients':>8}{'searches/s':>12}{'p50, ms':>10}{'p99, ms':>10}{'memory, MB':>12}", flush=True)
            for clients in arguments.clients * arguments.runs:
                together(address, path, pictures[:clients], clients)
                wall, seconds = together(address, path, pictures, clients)
                memory.append(resident(process))
                median, slow = (1000 * float(np.percentile(seconds, share)) for share in (50, 99))
                row = {"clients": clients, "requests": len(seconds), "per_second": len(seconds) / wall}
                rows.append({**row, "p50_ms": median, "p99_ms": slow, "memory_mb": memory[-1]})
                print(
                    f"{clients:>8}{len(seconds) / wall:>12.1f}{median:>10.0f}{slow:>10.0f}{memory[-1]:>12.0f}",
                    flush=True,
                )
                write(arguments.json, facts, rows, memory_before_mb=memory[0])
            print(f"memory before: {memory[0]:.0f} MB")


if __name__ == "__main__":
    main()
