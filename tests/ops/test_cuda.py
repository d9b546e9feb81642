"""Building with CUDA and choosing a library by the driver, where there is neither: both are pretended."""

import logging
import pathlib
import shutil
import subprocess

import pytest
import tensorflow as tf

from tfnxc.errors import InputError
from tfnxc.ops import _cuda, _library
from tfnxc.ops import implementation as choice
from tfnxc.ops._library import Library

NVCC = """#!/bin/sh
case $1 in
--version) echo "Cuda compilation tools, release {release}, V{release}.82" ;;
--list-gpu-code) printf 'sm_80\\nsm_90\\n' ;;
esac
"""


def toolkit(root, release, libraries="lib64"):
    """A CUDA toolkit of that release, as far as it is looked at."""
    for folder in ("bin", "include", libraries):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "bin" / "nvcc").write_text(NVCC.format(release=release))
    (root / "bin" / "nvcc").chmod(0o755)
    (root / "include" / "cuda_runtime_api.h").touch()
    (root / libraries / "libcudart_static.a").touch()
    return root


@pytest.fixture
def build_info(monkeypatch):
    """What TensorFlow says of its build: of no CUDA, until a test adds one."""
    info = {}
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: info)
    return info


@pytest.mark.parametrize("libraries", ["lib64", "lib", "targets/x86_64-linux/lib"])
def test_the_runtime_is_found_where_the_toolkit_has_it(libraries, build_info, monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_HOME", str(toolkit(tmp_path / "cuda", "12.5", libraries)))
    found = _cuda.find_toolkit()
    assert found.version == "12.5.82"
    assert found.include == tmp_path / "cuda" / "include"
    assert found.runtime == tmp_path / "cuda" / libraries / "libcudart_static.a"


def test_a_toolkit_without_a_runtime_is_named(build_info, monkeypatch, tmp_path):
    root = toolkit(tmp_path / "cuda", "12.5")
    (root / "lib64" / "libcudart_static.a").unlink()
    monkeypatch.setenv("CUDA_HOME", str(root))
    with pytest.raises(InputError, match=rf"toolkit of {root}/bin/nvcc has no libcudart_static.a \(looked for in "):
        _cuda.find_toolkit()


def test_kernels_are_compiled_for_the_gpus_that_nvcc_knows(build_info, monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_HOME", str(toolkit(tmp_path / "cuda", "12.5")))
    codes = [flag for flag in _cuda.find_toolkit().flags() if flag.startswith("-gencode")]
    assert [code.rpartition("code=")[2] for code in codes] == ["sm_80", "sm_90", "compute_90"]


def test_the_toolkit_of_tensorflows_cuda_is_taken_and_another_is_said(build_info, monkeypatch, tmp_path, caplog):
    newer, older = toolkit(tmp_path / "newer", "13.0"), toolkit(tmp_path / "older", "12.3")
    monkeypatch.delenv("CUDA_HOME", raising=False)
    monkeypatch.delenv("CUDA_PATH", raising=False)
    monkeypatch.setattr(_cuda, "USUAL_FOLDERS", [newer, older])
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"{path}/{name}" if path else None)
    assert _cuda.find_toolkit().version == "13.0.82"
    build_info["cuda_version"] = "12.5.1"
    with caplog.at_level(logging.WARNING, "tfnxc"):
        assert _cuda.find_toolkit().version == "12.3.82"
        assert not caplog.records
        monkeypatch.setenv("CUDA_HOME", str(newer))
        assert _cuda.find_toolkit().version == "13.0.82"
    (record,) = caplog.records
    assert "is built with CUDA 12.5.1, but" in record.getMessage() and "of CUDA 13.0.82" in record.getMessage()


def test_the_cuda_runtime_is_linked_before_tensorflow_and_hidden():
    runtime = pathlib.Path("cuda/lib/libcudart_static.a")
    given = _cuda.Toolkit("nvcc", "12.5.82", pathlib.Path("include"), runtime)
    command = _library._link_command("g++", given, ["one.o"], "tfnxc_ops.so")
    assert "-Wl,--exclude-libs,ALL" in command
    order = ["one.o", str(runtime), tf.sysconfig.get_link_flags()[0]]
    assert sorted(order, key=command.index) == order
    assert not any("cuda" in word for word in _library._link_command("g++", None, ["one.o"], "tfnxc_ops.so"))


@pytest.mark.parametrize("name", ["cudaLaunchKernel", "__cudaRegisterFatBinary"])
def test_a_library_that_takes_cuda_from_elsewhere_is_refused(name, tmp_path):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    library, source = tmp_path / "library.so", tmp_path / "source.cc"
    source.write_text(f'extern "C" int {name}();\nint run() {{ return {name}(); }}\n')
    subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    with pytest.raises(InputError, match=rf"lacks functions of the CUDA runtime .*: {name}\."):
        _library._check_cuda_symbols(compiler, str(library))
    source.write_text("int run() { return 1; }\n")
    subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    _library._check_cuda_symbols(compiler, str(library))


@pytest.mark.parametrize(
    ("driver", "version", "runs"),
    [
        (None, "13.0.88", True),
        ("12.4", "12.9.86", True),
        ("13.0", "12.5.82", True),
        ("12.4", "13.0.88", False),
    ],
)
def test_a_driver_runs_its_own_major_version_and_earlier_ones(driver, version, runs, monkeypatch):
    monkeypatch.setattr(_cuda, "driver_cuda", lambda: driver)
    assert (_cuda.why_not_run(version) is None) == runs


@pytest.fixture
def built(monkeypatch, tmp_path, build_info):
    """A cache of libraries, which are not truly loaded: adds one, of a version of CUDA or without it."""
    monkeypatch.setenv("TFNXC_CACHE", str(tmp_path))
    monkeypatch.setattr(_library, "load", _library.load.__wrapped__)
    monkeypatch.setattr(_library, "_load", lambda path, without_gpu: Library("ops", path, "", "", without_gpu))

    def add(cuda=None):
        path = _library.library_path(cuda)
        path.parent.mkdir(parents=True)
        path.touch()
        return path

    return add


def test_the_library_is_chosen_by_the_driver_and_tensorflow(built, build_info, monkeypatch):
    newer, older, plain = built("13.0.88"), built("12.5.82"), built()
    for driver, wanted, path in [
        (None, None, newer),
        ("13.0", None, newer),
        ("13.0", "12.3", older),
        ("12.4", None, older),
        ("11.8", None, plain),
    ]:
        monkeypatch.setattr(_cuda, "driver_cuda", lambda driver=driver: driver)
        build_info["cuda_version"] = wanted
        library = _library.load()
        assert library.path == path and library.ops is not None
        assert (library.without_gpu is None) == (path != plain)
    assert "driver here runs CUDA 11.8 at most" in library.without_gpu


def test_a_library_that_the_driver_does_not_run_is_one_line_and_plain_tensorflow(built, monkeypatch, caplog):
    built("13.0.88")
    monkeypatch.setattr(_cuda, "driver_cuda", lambda: "12.4")
    choice._say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "tfnxc"):
        assert choice.native_ops("auto") is None and choice.native_ops("auto") is None
    (record,) = caplog.records
    assert "it is built with CUDA 13.0.88, and the driver here runs CUDA 12.4 at most" in record.getMessage()
    with pytest.raises(InputError, match=r"built with CUDA 13.0.88.* set CUDA_HOME to an earlier toolkit"):
        choice.native_ops("native")
