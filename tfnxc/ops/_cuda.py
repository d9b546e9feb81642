"""CUDA, as far as the GPU kernels need it: the toolkit that compiles them, and the driver that runs them."""

import ctypes
import logging
import os
import pathlib
import re
import shlex
import shutil
import subprocess
from typing import NamedTuple

import tensorflow as tf

from tfnxc.errors import InputError

FLAGS = ("-std=c++17", "-O3", "-Xcompiler=-fPIC")

# Kernels are compiled for those of these GPUs that nvcc knows, from Turing (7.5), the oldest that CUDA 13 knows, to
# Blackwell (12.0). Newer ones compile the code of Hopper (9.0) when they first run it.
GPUS = (75, 80, 86, 89, 90, 100, 120)
FOR_NEWER = 90

USUAL_FOLDERS = ["/usr/local/cuda", *sorted(pathlib.Path("/usr/local").glob("cuda-*"), reverse=True)]

_log = logging.getLogger("tfnxc")


class Toolkit(NamedTuple):
    """An installed CUDA toolkit."""

    nvcc: str
    version: str
    """That of nvcc, such as `12.5.82`."""
    include: pathlib.Path
    """The folder of `cuda_runtime_api.h`."""
    runtime: pathlib.Path
    """The CUDA runtime as a static library: the very one that the kernels are compiled with."""

    def flags(self):
        """What nvcc compiles the kernels with."""
        known = subprocess.run([self.nvcc, "--list-gpu-code"], capture_output=True, text=True).stdout.split()
        codes = [f"-gencode=arch=compute_{gpu},code=sm_{gpu}" for gpu in GPUS if f"sm_{gpu}" in known]
        return [*FLAGS, *codes, f"-gencode=arch=compute_{FOR_NEWER},code=compute_{FOR_NEWER}"]


def find_toolkit():
    """The toolkit that `CUDA_HOME` or `CUDA_PATH` names, or else one of the CUDA of TensorFlow before any other.

    A toolkit of another CUDA than TensorFlow's is a warning: its kernels need a driver of their own version.
    """
    named = _nvccs(filter(None, map(os.environ.get, ("CUDA_HOME", "CUDA_PATH"))))
    usual = filter(None, [*_nvccs(USUAL_FOLDERS), shutil.which("nvcc")])
    versions = {nvcc: _version(nvcc) for nvcc in named or usual}
    if not versions:
        raise InputError("there is no nvcc: install the CUDA toolkit, or set CUDA_HOME to where it lies.")
    wanted = tensorflow_cuda()
    nvcc = next(iter(versions))
    if wanted and not named:
        nvcc = max(versions, key=lambda nvcc: _common(versions[nvcc], wanted))  # the first of equals
    if wanted and not _common(versions[nvcc], wanted):
        _log.warning(
            "TensorFlow %s is built with CUDA %s, but %s is of CUDA %s: what it compiles needs a driver for that. To "
            "build with another, set CUDA_HOME to where it lies.",
            tf.version.VERSION,
            wanted,
            nvcc,
            versions[nvcc],
        )
    folders = _folders(nvcc)
    include = _holding("cuda_runtime_api.h", folders["-I"], nvcc).parent
    return Toolkit(nvcc, versions[nvcc], include, _holding("libcudart_static.a", folders["-L"], nvcc))


def tensorflow_cuda():
    """The version of CUDA that this TensorFlow is built with, or `None`."""
    return tf.sysconfig.get_build_info().get("cuda_version")


def driver_cuda():
    """The newest CUDA that the driver of this machine runs, as `12.4`, or `None` where there is no driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    version = ctypes.c_int()
    if driver.cuDriverGetVersion(ctypes.byref(version)) != 0:
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def why_not_run(version):
    """Why the driver of this machine does not run what this version of CUDA compiled, or `None` where it does.

    A driver runs what any toolkit of its major version or an earlier one compiled. Without a driver there is no GPU.
    """
    driver = driver_cuda()
    if driver is None or _numbers(driver)[0] >= _numbers(version)[0]:
        return None
    return (
        f"it is built with CUDA {version}, and the driver here runs CUDA {driver} at most: update the driver, or set "
        "CUDA_HOME to an earlier toolkit and run `tfnxc build-ops --cuda`"
    )


def preference(version):
    """A key that sorts versions of CUDA: the nearer to TensorFlow's the higher, and then the newer."""
    wanted = tensorflow_cuda()
    return _common(version, wanted) if wanted else 0, _numbers(version)


def _numbers(version):
    return [int(number) for number in version.split(".")]


def _common(version, other):
    """How many of the leading numbers of two versions, the major and the minor, are the same."""
    one, other = _numbers(version)[:2], _numbers(other)[:2]
    return 0 if one[0] != other[0] else 1 + (one[1:] == other[1:])


def _nvccs(folders):
    return list(filter(None, (shutil.which("nvcc", path=f"{folder}/bin") for folder in folders)))


def _version(nvcc):
    said = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
    version = re.search(r"\bV(\d+\.\d+\.\d+)", said)
    if version is None:
        raise InputError(f"{nvcc} does not tell its version: it said {said.strip()!r}.")
    return version[1]


def _folders(nvcc):
    """Where the headers (`-I`) and the libraries (`-L`) may lie: first where nvcc itself looks, if it says so."""
    said = subprocess.run([nvcc, "--dryrun", "-E", "-x", "cu", os.devnull], capture_output=True, text=True).stderr
    root = pathlib.Path(nvcc).resolve().parents[1]
    folders = {"-I": [root / "include"], "-L": [root / "lib64", root / "lib", *root.glob("targets/*/lib")]}
    for line in re.findall(r"^#\$ (?:INCLUDES|LIBRARIES)=(.*)$", said, re.MULTILINE)[::-1]:
        for word in shlex.split(line)[::-1]:
            if word[:2] in folders:
                folders[word[:2]].insert(0, pathlib.Path(word[2:]))
    return folders


def _holding(name, folders, nvcc):
    """The file of this name in the first of the folders that has it."""
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    places = ", ".join(map(str, folders))
    raise InputError(f"the CUDA toolkit of {nvcc} has no {name} (looked for in {places}): install all of it.")
