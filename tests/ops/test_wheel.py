"""A wheel that brings the compiled op: used where no compiler is, and under no other TensorFlow."""

import json
import os
import pathlib
import shutil
import site
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.compiler

ROOT = pathlib.Path(__file__).resolve().parents[2]


def wheel_of(folder, to):
    """Builds the wheel of the checkout with the ops of a folder."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(to), str(ROOT)]
    return subprocess.run(
        command, cwd=to, capture_output=True, text=True, env={**os.environ, "TFNXC_WHEEL_OPS": str(folder)}
    )


@pytest.fixture(scope="module")
def wheel(native_library, tmp_path_factory):
    ops, to = tmp_path_factory.mktemp("ops"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(native_library.path.parent, ops / native_library.path.parent.name)
    done = wheel_of(ops, to)
    assert done.returncode == 0, done.stderr
    (path,) = to.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment of its own with the wheel, and the TensorFlow of this one."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "here.pth").write_text("\n".join(site.getsitepackages()))
    return python


def output_of(python, tmp_path, *arguments, **environment):
    """What a command prints where there are no compiler, no built op and no checkout."""
    known = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CXX", "TFNXC_OPS")}
    known |= {"PATH": str(tmp_path / "nothing"), "TFNXC_CACHE": str(tmp_path / "none"), **environment}
    command = [str(python), *arguments]
    return subprocess.run(command, cwd=tmp_path, env=known, capture_output=True, text=True, check=True).stdout


def test_the_wheel_is_of_this_system_and_any_python_and_has_the_library(wheel, native_library):
    assert "-py3-none-" in wheel.name and not wheel.name.endswith("-any.whl")
    with zipfile.ZipFile(wheel) as file:
        name = f"tfnxc/custom_ops/built/{native_library.path.parent.name}/tfnxc_ops.so"
        assert file.read(name) == native_library.path.read_bytes()
        assert not [each for each in file.namelist() if each.endswith("/lock")]


def test_it_is_used_where_no_compiler_is(installed, tmp_path):
    facts = json.loads(output_of(installed, tmp_path, "-m", "tfnxc", "info", "--json"))
    assert facts["implementation"] == "native" and "came with the package" in facts["because"]
    assert pathlib.Path(facts["library"]).is_relative_to(installed.parents[1])
    code = "import numpy as np; from tfnxc import ops; x = np.eye(6, 5, dtype='float32')[None, ..., None]; "
    code += "print(float(abs(ops.norm_xcorr(x, x, implementation='native') - "
    code += "ops.norm_xcorr(x, x, implementation='python')).numpy().max()) < 1e-5)"
    assert output_of(installed, tmp_path, "-c", code).split() == ["True"]


def test_under_another_tensorflow_it_is_not_used_and_info_says_so(installed, native_library, tmp_path):
    code = "import tensorflow as tf; tf.version.GIT_VERSION = tf.version.VERSION = '2.99.0'; "
    code += "from tfnxc.cli import main; main(['info'])"
    told = output_of(installed, tmp_path, "-c", code)
    here = native_library.path.parent.name.removeprefix("tensorflow-").rpartition("-")[0]
    assert f"it is not built for TensorFlow 2.99.0, only for {here}: run `tfnxc build-ops`" in " ".join(told.split())


def test_a_folder_without_a_library_is_refused(tmp_path):
    done = wheel_of(tmp_path, tmp_path)
    assert done.returncode != 0 and "no compiled op here. Build one with: TFNXC_CACHE=" in done.stdout + done.stderr
