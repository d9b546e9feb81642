import shutil
import subprocess

import pytest

from tests.cli.run_command import error_of, run
from tests.serving.small_export import small_model
from tfnxc.errors import InputError
from tfnxc.serving import CHECKSUMS, export_model, verify_export


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return export_model(small_model(), tmp_path_factory.mktemp("served"))


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "1")


def test_a_copy_is_as_it_was_written(copy):
    count = sum(1 for path in copy.rglob("*") if path.is_file()) - 1
    assert verify_export(copy) == count > 3


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_a_stock_tool_reads_the_checksums(copy):
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS], cwd=copy, check=True)


def change(copy):
    path = copy / "variables" / "variables.data-00000-of-00001"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def replace_by_link(copy):
    (copy / "saved_model.pb").rename(copy.parent / "elsewhere")
    (copy / "saved_model.pb").symlink_to(copy.parent / "elsewhere")


DAMAGE = {
    "changed": (change, "variables/variables.data-00000-of-00001 changed"),
    "missing": (lambda copy: (copy / "saved_model.pb").unlink(), "saved_model.pb missing"),
    "more": (lambda copy: (copy / "assets.extra" / "more").touch(), "assets.extra/more not listed"),
    "cut": (lambda copy: (copy / CHECKSUMS).write_text("abc"), "saved_model.pb not listed|not listed and"),
    "none": (lambda copy: (copy / CHECKSUMS).unlink(), f"no {CHECKSUMS} here"),
    "no text": (lambda copy: (copy / CHECKSUMS).write_bytes(b"\xff\xfe"), f"{CHECKSUMS}: cannot be read"),
    "a link": (replace_by_link, "saved_model.pb: a link"),
    "elsewhere": (lambda copy: shutil.rmtree(copy), f"no {CHECKSUMS} here"),
}


@pytest.mark.parametrize("damage, told", DAMAGE.values(), ids=DAMAGE)
def test_what_is_not_as_it_was_written_is_named(damage, told, copy):
    damage(copy)
    with pytest.raises(InputError, match=told):
        verify_export(copy)


def test_the_command(written, copy):
    assert "files are as they were written" in run("export", "--verify", copy).output
    change(copy)
    assert "variables.data-00000-of-00001 changed" in error_of("export", "--verify", copy)
    assert "give one of them" in error_of("export", "--verify", copy, "--name", "campus")
    assert "--name is missing" in error_of("export", copy)
