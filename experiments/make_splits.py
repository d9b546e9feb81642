"""Writes the published splits into the package from the files of their authors, so that anyone can check them.

    pip install "tfnxc[mat]"
    python experiments/make_splits.py PROTOCOLS
    git diff --exit-code tfnxc/datasets/splits

The last line says that the package holds what the files say; data sets and sources are kept as they stand there.
PROTOCOLS is a folder with

    cuhk01/salmatch_partition_campus.csv                        trial, part and identity a line
    cuhk03/testsets.mat                                         the lists "testsets" of cuhk-03.mat
    cuhk03/cuhk03_new_protocol_config_{labeled,detected}.mat    the 767/700 protocol
    grid/grid-cv{0,...,9}-{train,probe}.txt                     names of pictures, which begin with the identity
    viper/sdalf_cvpr2010_VIPeR_sets.txt                         the pictures of each test list, camera A and camera B

What they say of training is checked: whoever does not test trains.
"""

import argparse
import itertools
import json
import os
import pathlib
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tfnxc.datasets import seeded_split
from tfnxc.errors import InputError
from tfnxc.files import write_text

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "tfnxc" / "datasets" / "splits"
CUHK01_IDENTITIES = list(range(1, 972))
CUHK03_PAIRS = {1: 843, 2: 440, 3: 77, 4: 58, 5: 49}
"""Identities of each camera pair of CUHK03. The package calls identity i of pair p 1000 p + i."""


def cuhk01_486(folder):
    """The ten partitions of CUHK01 by Zhao et al.: families of splits and lists of who tests, as all these give."""
    text = (folder / "cuhk01" / "salmatch_partition_campus.csv").read_text(encoding="utf-8")
    parts = {(trial, part): [] for part in ("train", "test") for trial in range(1, 11)}
    for line in text.split()[1:]:
        trial, part, identity = line.split(",")
        parts[int(trial), part].append(int(identity))
    lists = list(parts.values())
    tests = tests_that_leave(lists[:10], lists[10:], CUHK01_IDENTITIES)
    return {"families": {"cuhk01-486": CUHK01_IDENTITIES}, "test": tests}


def cuhk01_100(folder):
    """Ten draws of 100 test identities of CUHK01; no file of the folder takes part."""
    seeds = list(range(1, 11))
    tests = [list(seeded_split(CUHK01_IDENTITIES, 100, seed).test) for seed in seeds]
    return {"families": {"cuhk01-100": CUHK01_IDENTITIES}, "test": tests, "seeds": seeds}


def cuhk03_classic(folder):
    """The 20 test sets of CUHK03, left out of all five camera pairs or of the first three."""
    lists = load_mat(folder / "cuhk03" / "testsets.mat", "testsets")["testsets"].ravel()
    tests = [sorted(1000 * int(pair) + int(identity) for pair, identity in each) for each in lists]
    families = {"cuhk03-classic": cuhk03_identities(5), "cuhk03-classic-1260": cuhk03_identities(3)}
    return {"families": families, "test": tests}


def cuhk03_767(folder, boxes):
    """The 767/700 protocol of Zhong et al. for the boxes `"labeled"` or `"detected"`."""
    file = f"cuhk03_new_protocol_config_{boxes}.mat"
    data = load_mat(folder / "cuhk03" / file, "filelist", "train_idx", "query_idx", "gallery_idx")
    names = [pathlib.PurePath(str(name.item())).stem for name in data["filelist"].ravel()]
    indices = [data[f"{part}_idx"].ravel().astype(int) for part in ("train", "query", "gallery")]
    parts = [[names[index - 1] for index in each] for each in indices]  # MATLAB counts from 1
    if sorted(itertools.chain(*parts)) != sorted(names):
        raise InputError(f"{file}: train, query and gallery are not all pictures, each once.")
    train, query, gallery = (sorted({1000 * int(name[0]) + int(name[2:5]) for name in each}) for each in parts)
    if query != gallery:
        raise InputError(f"{file}: the identities of query and gallery differ.")
    everyone = cuhk03_identities(5)
    tests = tests_that_leave([train], [query], everyone)
    return {"families": {f"cuhk03-767-{boxes}": everyone}, "test": tests, "probes": [sorted(parts[1])]}


def grid_125(folder):
    """The ten folds of QMUL GRID."""

    def identities(fold, part):
        names = (folder / "grid" / f"grid-cv{fold}-{part}.txt").read_text(encoding="utf-8").split()
        return sorted({int(name[:4]) for name in names})

    train, test = ([identities(fold, part) for fold in range(10)] for part in ("train", "probe"))
    everyone = list(range(1, 251))
    return {"families": {"grid-125": everyone}, "test": tests_that_leave(train, test, everyone)}


def viper_316(folder):
    """The ten test lists of VIPeR by Farenzena et al., which name 534 of its 632 identities."""
    text = (folder / "viper" / "sdalf_cvpr2010_VIPeR_sets.txt").read_text(encoding="utf-8")
    lists = [re.findall(r"cam_a/(\d+)_.*cam_b/(\d+)_", part) for part in text.split("% Experiment Number")[1:]]
    if any(first != second for each in lists for first, second in each):
        raise InputError("sdalf_cvpr2010_VIPeR_sets.txt: a line pairs two identities.")
    return {"families": {"viper-316": None}, "test": [sorted(int(first) for first, _ in each) for each in lists]}


def cuhk03_identities(pairs):
    """The identities of the first camera pairs of CUHK03."""
    return [1000 * pair + each for pair in range(1, pairs + 1) for each in range(1, CUHK03_PAIRS[pair] + 1)]


def tests_that_leave(train, test, everyone):
    """The lists `test`, in ascending order, if everyone else is in `train`, split by split."""
    for number, (trained, tested) in enumerate(zip(train, test, strict=True), start=1):
        if sorted([*trained, *tested]) != sorted(everyone):
            raise InputError(f"list {number}: the training and the test identities are not everyone, each once.")
    return [sorted(each) for each in test]


def load_mat(path, *names):
    """These variables of a MATLAB file up to version 7."""
    try:
        import scipy.io
    except ImportError:
        raise InputError('MATLAB files need SciPy: pip install "tfnxc[mat]".') from None
    try:
        data = scipy.io.loadmat(path, variable_names=names)
    except (ValueError, TypeError, NotImplementedError) as error:  # the last is SciPy's, for version 7.3
        raise InputError(f"{path}: no MATLAB file up to version 7 ({error}).") from None
    missing = [name for name in names if name not in data]
    if missing:
        raise InputError(f"{path}: no variable {' and no variable '.join(missing)}.")
    return data


def write_splits(folder, into):
    """Reads the folder of protocols and writes one JSON file a source into the folder `into`."""
    files = {make.__name__: make(folder) for make in (cuhk01_100, cuhk01_486, cuhk03_classic, grid_125, viper_316)}
    files |= {f"cuhk03_767_{boxes}": cuhk03_767(folder, boxes) for boxes in ("detected", "labeled")}
    for name, lists in files.items():
        data = {**json.loads((PACKAGE / f"{name}.json").read_text(encoding="utf-8")), **lists}
        write_text(into / f"{name}.json", json.dumps(data, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocols", type=pathlib.Path, help="the folder described above")
    parser.add_argument("--into", type=pathlib.Path, default=PACKAGE, help="folder to write to (default: the package)")
    arguments = parser.parse_args()
    try:
        write_splits(arguments.protocols, arguments.into)
    except (InputError, OSError) as error:
        parser.error(str(error))
