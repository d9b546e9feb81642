"""Which implementation computes, and what is said about it."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.ops.executed import executed
from tfnxc import models, ops
from tfnxc.errors import InputError
from tfnxc.layers import CrossInputSummary, NormXcorr
from tfnxc.ops import _library
from tfnxc.ops import implementation as choice

MAPS = np.zeros((1, 6, 5, 2))


@pytest.fixture
def no_library(monkeypatch, tmp_path):
    """As where `tfnxc build-ops` was never run."""
    monkeypatch.setenv("TFNXC_CACHE", str(tmp_path))
    monkeypatch.setattr(_library, "load", _library.load.__wrapped__)


def operations(**options):
    return executed(tf.function(lambda x: ops.norm_xcorr(x, x, **options)), MAPS)


@pytest.mark.parametrize(
    ("environment", "argument", "native"),
    [
        ("auto", None, True),
        ("native", None, True),
        ("python", None, False),
        ("", None, True),
        ("python", "native", True),
        ("python", "auto", True),
        ("native", "python", False),
    ],
)
def test_the_argument_decides_and_then_the_environment(environment, argument, native, native_library, monkeypatch):
    monkeypatch.setenv("TFNXC_OPS", environment)
    assert ("Tfnxc>NormXcorr" in operations(implementation=argument)) == native
    assert NormXcorr(implementation=argument).supports_jit != native


def test_an_unknown_choice_is_refused(monkeypatch):
    monkeypatch.setenv("TFNXC_OPS", "fast")
    with pytest.raises(InputError, match="TFNXC_OPS must be one of auto, native, python; it is 'fast'"):
        ops.norm_xcorr(MAPS, MAPS)


def test_without_a_library_native_is_an_error_with_the_remedy(no_library):
    with pytest.raises(InputError, match=r"not built for TensorFlow .*: run `tfnxc build-ops`"):
        ops.norm_xcorr(MAPS, MAPS, implementation="native")


def test_without_a_library_auto_says_so_once_and_computes(no_library, caplog):
    choice._say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "tfnxc"):
        for _ in range(3):
            assert "Tfnxc>NormXcorr" not in operations(implementation="auto")
    (record,) = [record for record in caplog.records if record.name == "tfnxc"]
    assert record.levelno == logging.WARNING and "run `tfnxc build-ops`" in record.getMessage()


def test_a_library_of_another_tensorflow_is_never_found(native_library, monkeypatch):
    monkeypatch.setattr(tf.version, "GIT_VERSION", "of another build")
    library = _library.load.__wrapped__()
    assert library.ops is None and library.path != native_library.path


def test_a_library_of_other_flags_or_sources_is_never_found(native_library, monkeypatch, tmp_path):
    monkeypatch.setattr(_library, "all_flags", lambda cuda: ["-O0"])
    assert _library.library_path() != native_library.path
    monkeypatch.undo()
    assert _library.library_path() == native_library.path
    (tmp_path / "include").mkdir()
    monkeypatch.setattr(_library, "sources_folder", lambda: tmp_path)
    assert _library.library_path() != native_library.path


def test_a_damaged_library_is_named_with_the_remedy(no_library):
    path = _library.library_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a library")
    library = _library.load()
    assert library.ops is None and "does not load" in library.reason and "build-ops --force" in library.reason
    assert ops.describe_implementation()["implementation"] in ("python", "none")


def test_inside_xla_plain_tensorflow_computes(native_library, monkeypatch, rng):
    monkeypatch.setenv("TFNXC_OPS", "native")
    x = tf.constant(rng.normal(size=(2, 6, 5, 2)))
    inside = tf.function(ops.norm_xcorr, jit_compile=True)
    np.testing.assert_allclose(inside(x, x), ops.norm_xcorr(x, x), atol=1e-10)


def test_where_there_is_a_gpu_an_operation_without_a_gpu_kernel_is_plain(native_library, monkeypatch):
    monkeypatch.setenv("TFNXC_OPS", "native")
    assert CrossInputSummary(2).supports_jit is False and choice.native_cpu_ops() is not None
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [f"a {kind}"] if kind == "GPU" else [])
    assert CrossInputSummary(2).supports_jit is True and choice.native_cpu_ops() is None
    assert NormXcorr().supports_jit is (native_library.without_gpu is not None)


@pytest.mark.parametrize("builder", models.BUILDERS)
def test_a_model_saved_with_one_implementation_gives_the_same_with_the_other(
    builder, native_library, monkeypatch, tmp_path, rng
):
    keras.utils.set_random_seed(0)
    monkeypatch.setenv("TFNXC_OPS", "native")
    model = models.BUILDERS[builder]((40, 28, 3), filters=(3, 4), units=8)
    pair = [rng.random((3, 40, 28, 3)).astype("float32") for _ in range(2)]
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    losses, outputs = {}, {}
    for name in ("native", "python"):
        monkeypatch.setenv("TFNXC_OPS", name)
        copy = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        outputs[name] = copy(pair)
        losses[name] = copy.fit(pair, np.array([0, 1, 1]), epochs=3, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(outputs["native"], outputs["python"], atol=1e-6)
    np.testing.assert_allclose(losses["native"], losses["python"], rtol=1e-5)
