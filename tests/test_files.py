"""What the system refuses to write is told in a line that names it, whoever writes and however."""

import errno
import os
import subprocess
import sys
import zipfile

import click
import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image

from tfnxc.callbacks import TensorBoard
from tfnxc.cli import _OneLineErrors
from tfnxc.errors import InputError
from tfnxc.files import is_temporary, refuse_special, replacing, reserve, write_json, write_text, writing
from tfnxc.locks import alone_in
from tfnxc.visualization import save_figure

NUMBERS = np.random.default_rng(0).normal(size=3000)


def drawn(path):
    figure = Figure()
    figure.add_subplot().imshow(NUMBERS[:900].reshape(30, 30))
    save_figure(figure, path)


def zipped(new):
    with zipfile.ZipFile(new, "w") as archive, archive.open("a.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, NUMBERS)


def kept_model(new):
    keras.Sequential([keras.Input((50,)), keras.layers.Dense(100)]).save(new)


def records(new):
    with tf.io.TFRecordWriter(os.fspath(new)) as writer:
        for _ in range(9):
            writer.write(b"a" * 5000)


WRITERS = {
    "a.bin": lambda new: new.write_bytes(bytes(5000)),
    "a.npz": lambda new: np.savez(new, numbers=NUMBERS),
    "b.npz": lambda new: np.savez_compressed(new, numbers=NUMBERS),
    "c.npz": zipped,
    "a.npy": lambda new: np.lib.format.open_memmap(new, "w+", np.float32, (90, 90)).flush(),
    "a.png": lambda new: Image.fromarray(np.uint8(255 * NUMBERS.reshape(60, 50))).save(new),
    "a.keras": kept_model,
    "a.tfrecord": records,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path, largest_file, name):
    path = tmp_path / name
    write_text(path, "as it was")
    with pytest.raises(OSError, match="cannot be written: File too large") as caught, largest_file(1000):
        with replacing(path) as new:
            WRITERS[name](new)
    assert caught.value.filename == str(path) and caught.value.errno == errno.EFBIG
    assert path.read_text() == "as it was" and not any(map(is_temporary, tmp_path.iterdir()))


@pytest.mark.parametrize("write", [lambda path: write_json(path, [0] * 900), drawn])
def test_what_writes_by_itself_names_its_file(tmp_path, largest_file, write):
    with pytest.raises(OSError, match="cannot be written") as caught, largest_file(500):
        write(tmp_path / "a.svg")
    assert caught.value.filename == str(tmp_path / "a.svg") and not any(tmp_path.iterdir())


def test_a_saved_model_and_what_tensorboard_reads_are_named(tmp_path, largest_file):
    module = tf.Module()
    module.kept = tf.Variable(NUMBERS)
    module.sum = tf.function(lambda: tf.reduce_sum(module.kept))
    traced = module.sum.get_concrete_function()
    with pytest.raises(OSError, match="cannot be written: File too large") as caught, largest_file(1000):
        with writing(tmp_path / "export"):
            tf.saved_model.save(module, str(tmp_path / "export"), traced)
    assert caught.value.filename == str(tmp_path / "export")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path / "board")
    with pytest.raises(OSError, match="cannot be written") as caught, largest_file(100):
        model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0, callbacks=[board])
    assert caught.value.filename == str(tmp_path / "board")


def test_a_disk_without_room(small_disk):
    path = small_disk / "a.bin"
    with pytest.raises(OSError, match="cannot be written: No space left on device") as caught:
        with replacing(path) as new:
            new.write_bytes(bytes(300_000))
    assert caught.value.filename == str(path) and not any(small_disk.iterdir())
    with pytest.raises(OSError, match="cannot be written"), writing(path), open(path, "wb") as file:
        reserve(file, 300_000)


def test_a_disk_that_fails(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="cannot be written: Input/output error") as caught:
        write_text(tmp_path / "a.txt", "new")
    assert caught.value.filename == str(tmp_path / "a.txt") and not any(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.isdir("/sys"), reason="Linux has a folder in which nobody makes files")
def test_a_folder_that_takes_no_files():
    with pytest.raises(OSError, match=r"cannot be written: (Permission|Read-only)") as caught:
        write_text("/sys/a.txt", "new")
    assert caught.value.filename in ("/sys", "/sys/a.txt")
    with pytest.raises(OSError, match="cannot be written"), alone_in("/sys", str):
        pass


def test_a_folder_of_another_user(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="cannot be written: Permission denied"):
        write_text(tmp_path / "a.txt", "new")
    with pytest.raises(PermissionError, match="cannot be written"):
        write_text(tmp_path / "folder" / "a.txt", "new")


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OSError, match="cannot be written") as caught:
        write_text(tmp_path / "file" / "b" / "a.txt", "new")
    assert caught.value.filename == str(tmp_path / "file" / "b")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="cannot be written: Is a directory") as caught:
        write_text(tmp_path / "folder", "new")
    assert caught.value.filename == str(tmp_path / "folder")


def test_a_lock_on_a_full_disk_is_named(tmp_path, largest_file):
    with pytest.raises(OSError, match="cannot be written") as caught, largest_file(0), alone_in(tmp_path, str):
        pass
    assert caught.value.filename == str(tmp_path / "lock")


@pytest.mark.parametrize(
    "error",
    [
        InputError("a message of ours: Permission denied"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "another"),
        PermissionError(errno.EACCES, "Permission denied", "another"),
        ValueError("something else"),
        OSError("what Pillow says of a broken picture"),
    ],
)
def test_what_is_wrong_with_something_else_is_raised_as_it_is(tmp_path, error):
    with pytest.raises(type(error)) as caught, replacing(tmp_path / "a"):
        raise error
    assert caught.value is error


def ends(error):
    """What the command prints where this is raised in it."""
    group = _OneLineErrors("tfnxc")

    @group.command()
    def write():
        raise error

    found = CliRunner().invoke(group, ["write"])
    assert found.exit_code == 1 and isinstance(found.exception, SystemExit)
    return found.output


def test_a_command_ends_with_one_line():
    said = OSError(errno.ENOSPC, "cannot be written: No space left on device", "runs/a\nb.json")
    assert ends(said) == "Error: runs/a\nb.json: cannot be written: No space left on device.\n"
    nameless = OSError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    assert ends(nameless) == "Error: No usable temporary directory found in ['/tmp'].\n"
    of_tensorflow = tf.errors.ResourceExhaustedError(None, None, "a.tmp; No space left on device")
    assert ends(of_tensorflow) == "Error: the system refused a file: No space left on device.\n"
    group = _OneLineErrors("tfnxc")
    group.command("bug")(lambda: [][0])
    assert isinstance(CliRunner().invoke(group, ["bug"]).exception, IndexError)
    group.command("ask")(lambda: click.get_current_context().fail("no"))
    assert CliRunner().invoke(group, ["ask"]).exit_code == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a file that is always full")
@pytest.mark.parametrize("words", [["splits"], ["--help"], ["train", "--help"]])
def test_standard_output_to_a_full_disk(words):
    with open("/dev/full", "w") as full:
        code = "import sys, tfnxc.cli; tfnxc.cli.main(sys.argv[1:])"
        found = subprocess.run([sys.executable, "-c", code, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert found.returncode == 1 and found.stderr == "Error: standard output: No space left on device.\n"


def test_a_file_that_vanishes_meanwhile_is_no_device(tmp_path, monkeypatch):
    (tmp_path / "00000001.segment").touch()
    whole = os.stat

    def stat(path, *args, **kwargs):
        found = whole(path, *args, **kwargs)
        os.unlink(path)  # as a compaction in another process does
        return found

    monkeypatch.setattr(os, "stat", stat)
    refuse_special(tmp_path / "00000001.segment")
    monkeypatch.undo()
    refuse_special(tmp_path / "00000001.segment")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: a pipe or a device; expected a file"):
        refuse_special(tmp_path / "pipe")
