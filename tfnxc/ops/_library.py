"""The compiled library of `custom_ops/`: building it for the TensorFlow that is installed, and loading it."""

import concurrent.futures
import ctypes
import functools
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfnxc.errors import InputError
from tfnxc.files import replacing, write_json

BUILD_COMMAND = "tfnxc build-ops"

# Contraction is where fused multiply-adds come from; nobody reads errno after a square root. Nothing here changes what
# NaN and infinity do.
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-ffp-contract=fast", "-fno-math-errno")

# The CPU kernels are compiled once for each instruction set; which one runs is decided on the processor that runs it.
INSTRUCTION_SETS: dict[str, tuple[str, ...]] = {"plain": ()}
if platform.machine().lower() in ("x86_64", "amd64"):
    INSTRUCTION_SETS |= {
        "avx2": ("-mavx2", "-mfma"),
        "avx512": ("-mavx512f", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"),
    }

# From Turing (7.5), the oldest that CUDA 13 knows, to Hopper (9.0), whose code newer ones compile on.
CUDA_FLAGS = (
    "-std=c++17",
    "-O3",
    *(f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in (75, 80, 86, 89, 90)),
    "-gencode=arch=compute_90,code=compute_90",
    "-Xcompiler=-fPIC",
)


def tensorflow_flags():
    """The compiler flags that this TensorFlow asks for, without the folders it lies in."""
    return [flag for flag in tf.sysconfig.get_compile_flags() if not flag.startswith("-I")]


def all_flags(cuda=False):
    """Every flag that the library depends on, besides its sources and TensorFlow."""
    sets = [f"{name}: {' '.join(extra)}" for name, extra in INSTRUCTION_SETS.items()]
    return [*tensorflow_flags(), *FLAGS, *sets, *(CUDA_FLAGS if cuda else ())]


class Library(NamedTuple):
    """What came of looking for the library."""

    ops: object | None
    """The module with its operations, or `None`."""
    path: pathlib.Path
    """Where it lies, or where it would."""
    reason: str
    """Why it is used, or why it is not."""
    kernels: str | None = None
    """The instruction set of its CPU kernels on this processor."""


def cache_folder():
    """Where built libraries lie, one folder a key: `TFNXC_CACHE`, or `tfnxc/ops` in the user's cache."""
    own = os.environ.get("TFNXC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(own) if own else pathlib.Path(base) / "tfnxc" / "ops"


def sources_folder():
    """`custom_ops`: inside the package where it was installed from a wheel, beside it in a checkout."""
    package = pathlib.Path(__file__).resolve().parents[1]
    for folder in (package / "custom_ops", package.parent / "custom_ops"):
        if (folder / "include").is_dir():
            return folder
    raise InputError(f"the sources of the compiled op are missing: there is no {package / 'custom_ops'}.")


def library_path(cuda=False):
    """Where the library for this TensorFlow lies: one built for another, or otherwise, lies elsewhere."""
    key = hashlib.sha256()
    for part in (tf.version.VERSION, tf.version.GIT_VERSION, platform.machine(), *all_flags(cuda)):
        key.update(f"{part}\n".encode())
    sources = sources_folder()
    for path in sorted(sources.rglob("*")):
        name = path.relative_to(sources)
        for_cuda = name.parts[0] == "cuda" or name.name == "gpu_kernels.cc"
        if path.suffix in (".h", ".cc", ".cu", ".cuh") and name.parts[0] != "tests" and (cuda or not for_cuda):
            key.update(f"{name.as_posix()}\n".encode())
            key.update(path.read_bytes())
    folder = f"tensorflow-{tf.version.VERSION}{'-cuda' if cuda else ''}-{key.hexdigest()[:16]}"
    return cache_folder() / folder / "tfnxc_ops.so"


@functools.cache
def load():
    """The library, loaded: the one with CUDA if it was built, or else the one without."""
    try:
        paths = [library_path(cuda) for cuda in (True, False)]
    except InputError as error:
        return Library(None, cache_folder(), str(error))
    built = [path for path in paths if path.exists()]
    if not built:
        return Library(None, paths[-1], f"it is not built for TensorFlow {tf.version.VERSION}: run `{BUILD_COMMAND}`")
    path = built[0]
    try:
        ops = tf.load_op_library(str(path))
        about = ctypes.CDLL(str(path)).tfnxc_cpu_kernels
    except (tf.errors.OpError, OSError, AttributeError) as error:
        return Library(None, path, f"it does not load ({error}): run `{BUILD_COMMAND} --force`")
    about.restype = ctypes.c_char_p
    return Library(ops, path, "it is built for this TensorFlow", about().decode())


def build_library(
    compiler: str | None = None,
    cuda: bool = False,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pathlib.Path:
    """Compiles the library for the TensorFlow that is installed, unless it is there already.

    Any number of processes may do so at once: each compiles in a folder of its own, and the file appears at once.

    Args:
        compiler: A C++17 compiler, a name or a path. Defaults to `None`: the environment's `CXX`, or else g++ or
            clang++.
        cuda: Whether to build the CUDA kernels too, with nvcc. Defaults to `False`.
        force: Whether to build it again where it is there. Defaults to `False`.
        progress: Called as `progress(1, steps)` after each of the steps. Defaults to `None`.

    Returns:
        The path of the library.

    Raises:
        InputError: If there is no compiler or it fails; the message ends with what it said.

    Example:
        >>> tfnxc.ops.build_library().name
        'tfnxc_ops.so'
    """
    target = library_path(cuda)
    if target.exists() and not force:
        return target
    compiler, nvcc = _find_compiler(compiler), _find_nvcc() if cuda else None
    commands = _commands(compiler, nvcc)
    progress = progress or (lambda done, steps: None)
    begin = time.perf_counter()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as folder:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [pool.submit(_run, [*command, "-o", f"{folder}/{name}.o"]) for name, command in commands.items()]
            for job in concurrent.futures.as_completed(jobs):
                job.result()
                progress(1, len(commands) + 1)
        objects = [f"{folder}/{name}.o" for name in commands]
        library = f"{folder}/tfnxc_ops.so"
        # The CUDA runtime linked is the very one that the kernels were compiled with.
        cuda_runtime = [f"-L{_toolkit(nvcc) / 'lib64'}", "-lcudart_static", "-ldl", "-lrt", "-lpthread"] if cuda else []
        _run([compiler, "-shared", "-o", library, *objects, *tf.sysconfig.get_link_flags(), *cuda_runtime])
        # Loaded once in a process of its own, which may die of it, before anybody finds it.
        code = "import sys, tensorflow as tf; tf.load_op_library(sys.argv[1])"
        _run([sys.executable, "-W", "ignore", "-c", code, library])
        about = {
            "tensorflow": tf.version.VERSION,
            "compiler": _run([compiler, "--version"]).splitlines()[0],
            "flags": all_flags(cuda),
            "cuda": cuda,
            "seconds": round(time.perf_counter() - begin, 1),
        }
        write_json(target.with_name("build.json"), about)
        with replacing(target) as new:
            shutil.copyfile(library, new)
    progress(1, len(commands) + 1)
    load.cache_clear()
    return target


def _commands(compiler, nvcc):
    """What compiles each object, by its name."""
    sources = sources_folder()
    include = [f"-I{sources}", f"-I{sources / 'include'}"]
    # As system headers, whose warnings are not ours.
    tensorflow = [*tensorflow_flags(), "-isystem", tf.sysconfig.get_include()]
    plain = [compiler, *FLAGS, *include, "-c"]
    commands = {
        f"kernels_{name}": [*plain, *extra, f"-DTFNXC_ISA={name}", f"{sources}/cpu/kernels.cc"]
        for name, extra in INSTRUCTION_SETS.items()
    }
    for path in ("cpu/dispatch.cc", "cpu/duplicates.cc", "find_error.cc"):
        commands[pathlib.Path(path).stem] = [*plain, f"{sources}/{path}"]
    for name in ("ops", "graph_pass", "cpu_kernels"):
        commands[name] = [*plain, *tensorflow, f"{sources}/tensorflow/{name}.cc"]
    if nvcc is not None:
        with_cuda = [*tensorflow, "-isystem", str(_toolkit(nvcc) / "include"), "-DGOOGLE_CUDA=1"]
        commands["gpu_kernels"] = [*plain, *with_cuda, f"{sources}/tensorflow/gpu_kernels.cc"]
        for path in sorted((sources / "cuda").glob("*.cu")):
            commands[f"cuda_{path.stem}"] = [nvcc, *CUDA_FLAGS, "-ccbin", compiler, *include, "-c", str(path)]
    return commands


def _toolkit(nvcc):
    return pathlib.Path(nvcc).resolve().parents[1]


def _find_compiler(compiler):
    wanted = [compiler] if compiler else [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
    for found in filter(None, map(shutil.which, wanted)):
        return found
    raise InputError(
        f"there is no C++ compiler {' or '.join(wanted)}. Install one (on Debian: apt-get install g++) or "
        "name another with --compiler or the environment variable CXX. tfnxc runs without the compiled op too, slower."
    )


def _find_nvcc():
    places = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    path = os.pathsep.join([*(f"{place}/bin" for place in places if place), os.environ.get("PATH", os.defpath)])
    nvcc = shutil.which("nvcc", path=path)
    if nvcc is None:
        raise InputError("there is no nvcc: install the CUDA toolkit, or set CUDA_HOME to where it lies.")
    return nvcc


def _run(command):
    finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if finished.returncode != 0:
        said = "\n".join((finished.stderr or finished.stdout).strip().splitlines()[-20:])
        raise InputError(f"this command failed with {finished.returncode}: {' '.join(map(str, command))}\n{said}")
    return finished.stdout
