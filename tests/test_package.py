"""What a wheel holds."""

import configparser
import pathlib
import re
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]


def test_every_folder_of_modules_is_a_package():
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / "setup.cfg")
    listed = configuration["options"]["packages"].split()
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "tfnxc").rglob("*.py")}
    assert sorted(listed) == sorted(there | {"tfnxc.custom_ops"})


def test_every_extra_that_a_message_names_is_there():
    configuration = configparser.ConfigParser()
    configuration.read(ROOT / "setup.cfg")
    folders = (ROOT / name for name in ("tfnxc", "scripts", "experiments"))
    files = [*(path for folder in folders for path in folder.rglob("*.py")), ROOT / "README.md"]
    texts = [file.read_text(encoding="utf-8") for file in [*files, *(ROOT / "docs").glob("*.md")]]
    lists = [found for text in texts for found in re.findall(r"tfnxc\[(.+?)\]", text)]
    named = {extra.strip() for found in lists for extra in found.split(",")}
    assert {"cpu", "gpu", "mat"} <= named <= set(configuration["options.extras_require"])


def test_a_wheel_carries_the_data_files_and_the_sources_of_the_compiled_op(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    files = (path for path in (ROOT / "tfnxc").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.relative_to(ROOT).as_posix() for path in files} <= names
    inside = {name for name in names if name.startswith("tfnxc/custom_ops/")}
    sources = ROOT / "custom_ops"
    needed = {path for path in sources.rglob("*") if path.suffix in (".h", ".cc", ".cu", ".cuh")}
    needed = {path.relative_to(sources).as_posix() for path in needed if "tests" not in path.parts[-2:]}
    assert {name.removeprefix("tfnxc/custom_ops/") for name in inside} == needed
