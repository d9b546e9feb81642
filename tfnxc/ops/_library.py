"""The compiled library of `custom_ops/`: building it for the TensorFlow that is installed, and loading it."""

import concurrent.futures
import ctypes
import functools
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfnxc.errors import InputError
from tfnxc.files import replacing, write_json, writing
from tfnxc.locks import alone_in, is_abandoned
from tfnxc.ops import _cuda

BUILD_COMMAND = "tfnxc build-ops"

_BUILDING = ".building-"
_PATIENCE = 3600.0  # seconds in which another process may end its build: a busy machine takes long

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


def tensorflow_flags():
    """The compiler flags that this TensorFlow asks for, without the folders it lies in."""
    return [flag for flag in tf.sysconfig.get_compile_flags() if not flag.startswith("-I")]


def all_flags(cuda=False):
    """Every flag that the library depends on, besides its sources and TensorFlow."""
    sets = [f"{name}: {' '.join(extra)}" for name, extra in INSTRUCTION_SETS.items()]
    return [*tensorflow_flags(), *FLAGS, *sets, *([*_cuda.FLAGS, f"GPUs: {_cuda.GPUS}"] if cuda else ())]


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
    without_gpu: str | None = None
    """Why it has no kernels for a GPU, or `None` where it has."""
    known: bool = False
    """Whether the reason was told already, by this process or by the one whose build failed."""


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


def bundled_folder():
    """Where a wheel brings built libraries, one folder a key, as `cache_folder` has them."""
    return sources_folder() / "built"


def library_path(cuda=None):
    """Where the library for this TensorFlow lies: one built for another, or otherwise, lies elsewhere.

    `cuda` is the version of the CUDA toolkit, of a library with GPU kernels. It is a part of the name and not of the
    key, because there may be no toolkit where a library is loaded.
    """
    key = hashlib.sha256()
    for part in (tf.version.VERSION, tf.version.GIT_VERSION, platform.machine(), *all_flags(bool(cuda))):
        key.update(f"{part}\n".encode())
    sources = sources_folder()
    for path in sorted(sources.rglob("*")):
        name = path.relative_to(sources)
        unused = name.parts[0] == "tests" or ((name.parts[0] == "cuda" or name.name == "gpu_kernels.cc") and not cuda)
        if path.suffix in (".h", ".cc", ".cu", ".cuh") and not unused:
            key.update(f"{name.as_posix()}\n".encode())
            key.update(path.read_bytes())
    folder = f"tensorflow-{tf.version.VERSION}{f'-cuda{cuda}' if cuda else ''}-{key.hexdigest()[:16]}"
    return cache_folder() / folder / "tfnxc_ops.so"


def failure_path(target):
    """Where it is noted what a compiler said that failed to build the library of this path."""
    return target.with_name("failed.log")


_before_loading: list[Callable[[], bool]] = []
_asking = threading.Lock()


def before_loading(call):
    """Has `load`, which is called when the first operation asks for the library, call something first.

    That is asked to return whether it has told already why there may be no library.
    """
    _before_loading.append(call)
    load.cache_clear()


@functools.cache
def load():
    """The library, loaded: one with CUDA if it was built and the driver runs it, or else the one without.

    A build in the background that was asked to be waited for is waited for.
    """
    with _asking:  # threads that come meanwhile wait too
        told = [call() for call in _before_loading]
        _before_loading.clear()
    library = _find()
    return library._replace(known=True) if any(told) else library


def _find():
    try:
        plain, with_cuda = library_path(), _built_with_cuda()
    except InputError as error:
        return Library(None, cache_folder(), str(error))
    without_gpu = f"it is built without GPU kernels: run `{BUILD_COMMAND} --cuda`"
    for version, path in with_cuda.items():
        why_not = _cuda.why_not_run(version)
        if why_not is None:
            return _load(path, None)
        without_gpu = why_not
    bundled = bundled_folder() / plain.parent.name / plain.name
    if plain.exists():
        return _load(plain, without_gpu)
    if bundled.exists():
        return _load(bundled, without_gpu, "it came with the package, built for this TensorFlow")
    if with_cuda:
        return Library(None, plain, without_gpu)
    if failure_path(plain).exists():
        failed = f"its build failed ({failure_path(plain)} says why): try again with `{BUILD_COMMAND}`"
        return Library(None, plain, failed, known=True)
    return Library(
        None, plain, f"it is not built for TensorFlow {tf.version.VERSION}{_others()}: run `{BUILD_COMMAND}`"
    )


def _others():
    """Which TensorFlow versions a wheel brings the library for, in words."""
    folders = sorted(path.parent.name for path in bundled_folder().glob("*/tfnxc_ops.so"))
    versions = dict.fromkeys(name.removeprefix("tensorflow-").rpartition("-")[0] for name in folders)
    return f", only for {', '.join(versions)}" if versions else ""


def _built_with_cuda():
    """The libraries with GPU kernels by version of CUDA: that of TensorFlow first, and then the newest."""
    pattern = library_path("*")
    head, tail = pattern.parent.name.split("*")
    paths = cache_folder().glob(f"{pattern.parent.name}/{pattern.name}")
    built = {path.parent.name.removeprefix(head).removesuffix(tail): path for path in paths}
    return {version: built[version] for version in sorted(built, key=_cuda.preference, reverse=True)}


def _load(path, without_gpu, reason="it is built for this TensorFlow"):
    try:
        ops = tf.load_op_library(str(path))
        about = ctypes.CDLL(str(path)).tfnxc_cpu_kernels
    except (tf.errors.OpError, OSError, AttributeError) as error:
        return Library(None, path, f"it does not load ({error}): run `{BUILD_COMMAND} --force`")
    about.restype = ctypes.c_char_p
    return Library(ops, path, reason, about().decode(), without_gpu)


def build_library(
    compiler: str | None = None,
    cuda: bool = False,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pathlib.Path:
    """Compiles the library for the TensorFlow that is installed, unless it is there already.

    Any number of processes may do so at once: one compiles, the others wait for it, and the file appears whole.

    Args:
        compiler: A C++17 compiler, a name or a path. Defaults to `None`: the environment's `CXX`, or else g++ or
            clang++.
        cuda: Whether to build the CUDA kernels too, with nvcc: that of `CUDA_HOME`, or else one of the CUDA that
            TensorFlow is built with before any other. Defaults to `False`.
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
    return build_and_check(compiler, cuda, force, progress, _check_elsewhere)


def build_and_check(compiler, cuda, force, progress, check):
    """`build_library`, which calls `check(path)` with the new library before anybody finds it."""
    toolkit = _cuda.find_toolkit() if cuda else None
    target = library_path(toolkit and toolkit.version)
    if target.exists() and not force:
        return target
    compiler = find_compiler(compiler)
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(target.parent, lambda holder: f"process {holder} has been building {target} for long.", _PATIENCE):
        if force or not target.exists():
            _build(target, compiler, toolkit, progress or (lambda done, steps: None), check)
    load.cache_clear()
    return target


def _check_elsewhere(library):
    """Loads a library once in a process of its own, which may die of it."""
    code = "import sys, tensorflow as tf; tf.load_op_library(sys.argv[1])"
    _run([sys.executable, "-W", "ignore", "-c", code, library])


def _build(target, compiler, toolkit, progress, check):
    commands = _commands(compiler, toolkit)
    begin = time.perf_counter()
    for left in target.parent.glob(f"{_BUILDING}*"):
        if is_abandoned(left):  # by a build that was killed
            shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(dir=target.parent, prefix=_BUILDING) as folder,
        alone_in(folder, lambda holder: f"{folder}: process {holder} builds there."),
    ):
        with concurrent.futures.ThreadPoolExecutor(_processors()) as pool:
            jobs = [pool.submit(_run, [*command, "-o", f"{folder}/{name}.o"]) for name, command in commands.items()]
            try:
                for job in concurrent.futures.as_completed(jobs):
                    job.result()
                    progress(1, len(commands) + 1)
            finally:
                pool.shutdown(cancel_futures=True)  # where one failed, or after Ctrl-C, no other begins
        objects = [f"{folder}/{name}.o" for name in commands]
        library = f"{folder}/tfnxc_ops.so"
        _run(_link_command(compiler, toolkit, objects, library))
        if toolkit is not None:
            _check_cuda_symbols(compiler, library)
        check(library)
        about = {
            "tensorflow": tf.version.VERSION,
            "compiler": _run([compiler, "--version"]).splitlines()[0],
            "flags": all_flags(toolkit is not None),
            "cuda": toolkit and toolkit.version,
            "tensorflow_cuda": _cuda.tensorflow_cuda(),
            "seconds": round(time.perf_counter() - begin, 1),
        }
        write_json(target.with_name("build.json"), about)
        with replacing(target) as new:
            shutil.copyfile(library, new)
    failure_path(target).unlink(missing_ok=True)
    progress(1, len(commands) + 1)


def _processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _commands(compiler, toolkit):
    """What compiles each object, by its name."""
    sources = sources_folder()
    include = [f"-I{sources}", f"-I{sources / 'include'}"]
    # As system headers, whose warnings are not ours.
    tensorflow = [*tensorflow_flags(), "-isystem", tf.sysconfig.get_include()]
    plain = [compiler, *FLAGS, *include, "-c"]
    # TensorFlow's headers take most of the time: so they are read once for all that needs them, and that comes first.
    first, *others = (
        f"{sources}/tensorflow/{name}.cc" for name in ("cpu_kernels", "any_cpu_kernels", "ops", "graph_pass")
    )
    included = [word for path in others for word in ("-include", path)]
    commands = {"tensorflow_ops": [*plain, *tensorflow, *included, first]}
    for name, extra in reversed(INSTRUCTION_SETS.items()):
        commands[f"kernels_{name}"] = [*plain, *extra, f"-DTFNXC_ISA={name}", f"{sources}/cpu/kernels.cc"]
    for path in ("cpu/dispatch.cc", "cpu/duplicates.cc", "find_error.cc"):
        commands[pathlib.Path(path).stem] = [*plain, f"{sources}/{path}"]
    if toolkit is not None:
        with_cuda = [*tensorflow, "-isystem", str(toolkit.include), "-DGOOGLE_CUDA=1"]
        commands["gpu_kernels"] = [*plain, *with_cuda, f"{sources}/tensorflow/gpu_kernels.cc"]
        by_nvcc = [toolkit.nvcc, *toolkit.flags(), "-ccbin", compiler, *include, "-c"]
        for path in sorted((sources / "cuda").glob("*.cu")):
            commands[f"cuda_{path.stem}"] = [*by_nvcc, str(path)]
    return commands


def _link_command(compiler, toolkit, objects, library):
    """What links the library.

    A TensorFlow with GPUs has the names of the CUDA runtime too, maybe of another version. So the library takes the
    runtime of its toolkit, before TensorFlow's libraries, and keeps its names to itself.
    """
    system = ["-ldl", "-lrt", "-lpthread"]
    cuda = [] if toolkit is None else [str(toolkit.runtime), "-Wl,--exclude-libs,ALL", *system]
    return [compiler, "-shared", "-o", library, *objects, *cuda, *tf.sysconfig.get_link_flags()]


def _check_cuda_symbols(compiler, library):
    """Refuses a library that would take functions of CUDA from whatever has them in the process that loads it."""
    symbols = _run([_run([compiler, "-print-prog-name=nm"]).strip(), "-D", "--undefined-only", library]).split()
    foreign = [symbol for symbol in symbols if re.match(r"_*cuda[A-Z]|cu[A-Z]", symbol)]
    if foreign:
        raise InputError(f"the library lacks functions of the CUDA runtime that was linked: {', '.join(foreign)}.")


def find_compiler(compiler=None):
    """The C++ compiler asked for, or that of the environment or the system; raises `InputError` without one."""
    wanted = [compiler] if compiler else [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
    for found in filter(None, map(shutil.which, wanted)):
        return found
    raise InputError(
        f"there is no C++ compiler {' or '.join(wanted)}. Install one (on Debian: apt-get install g++) or "
        "name another with --compiler or the environment variable CXX. tfnxc runs without the compiled op too, slower."
    )


def _run(command):
    finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if finished.returncode != 0:
        said = "\n".join((finished.stderr or finished.stdout).strip().splitlines()[-20:])
        raise InputError(f"this command failed with {finished.returncode}: {' '.join(map(str, command))}\n{said}")
    return finished.stdout
