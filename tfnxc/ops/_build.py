"""Compiling `custom_ops/` against the TensorFlow that is installed here."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import tensorflow as tf

from tfnxc.errors import InputError
from tfnxc.files import replacing, write_json
from tfnxc.ops import _library
from tfnxc.ops._compiler_flags import CUDA_FLAGS, FLAGS, INSTRUCTION_SETS, all_flags, tensorflow_flags


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
    target = _library.library_path(cuda)
    if target.exists() and not force:
        return target
    compiler = _find_compiler(compiler)
    nvcc = _find_nvcc() if cuda else None
    commands = _commands(compiler, nvcc)

    def step():
        if progress is not None:
            progress(1, len(commands) + 1)

    begin = time.perf_counter()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as folder:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [pool.submit(_run, [*command, "-o", f"{folder}/{name}.o"]) for name, command in commands.items()]
            for job in concurrent.futures.as_completed(jobs):
                job.result()
                step()
        objects = [f"{folder}/{name}.o" for name in commands]
        library = f"{folder}/tfnxc_ops.so"
        _run([compiler, "-shared", "-o", library, *objects, *tf.sysconfig.get_link_flags(), *_cuda_library(nvcc)])
        _check(library)
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
    step()
    _library.load.cache_clear()
    return target


def _commands(compiler, nvcc):
    """What compiles each object, by its name."""
    sources = _library.sources_folder()
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
    for name in ("ops", "cpu_kernels"):
        commands[name] = [*plain, *tensorflow, f"{sources}/tensorflow/{name}.cc"]
    if nvcc is not None:
        cuda_include = ["-isystem", str(_toolkit(nvcc) / "include")]
        gpu = ["-DGOOGLE_CUDA=1"]
        commands["gpu_kernels"] = [*plain, *tensorflow, *cuda_include, *gpu, f"{sources}/tensorflow/gpu_kernels.cc"]
        for path in sorted((sources / "cuda").glob("*.cu")):
            commands[f"cuda_{path.stem}"] = [nvcc, *CUDA_FLAGS, "-ccbin", compiler, *include, "-c", str(path)]
    return commands


def _cuda_library(nvcc):
    """What links the CUDA runtime, the very one that the kernels were compiled with."""
    return [f"-L{_toolkit(nvcc) / 'lib64'}", "-lcudart_static", "-ldl", "-lrt", "-lpthread"] if nvcc else []


def _toolkit(nvcc):
    return pathlib.Path(nvcc).resolve().parents[1]


def _find_compiler(compiler):
    wanted = [compiler] if compiler else [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
    for name in wanted:
        if shutil.which(name):
            return shutil.which(name)
    raise InputError(
        f"there is no C++ compiler {' or '.join(wanted)}. Install one (on Debian: apt-get install g++) or "
        "name another with --compiler or the environment variable CXX. tfnxc runs without the compiled op too, slower."
    )


def _find_nvcc():
    places = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    nvcc = shutil.which("nvcc", path=os.pathsep.join([f"{place}/bin" for place in places if place]))
    nvcc = nvcc or shutil.which("nvcc")
    if nvcc is None:
        raise InputError("there is no nvcc: install the CUDA toolkit, or set CUDA_HOME to where it lies.")
    return nvcc


def _run(command):
    finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if finished.returncode != 0:
        said = "\n".join((finished.stderr or finished.stdout).strip().splitlines()[-20:])
        raise InputError(f"this command failed with {finished.returncode}: {' '.join(map(str, command))}\n{said}")
    return finished.stdout


def _check(library):
    """Loads it once in a process of its own, which may die of it, before anybody finds it."""
    code = "import sys, tensorflow as tf; tf.load_op_library(sys.argv[1])"
    _run([sys.executable, "-W", "ignore", "-c", code, library])
