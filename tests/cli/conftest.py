"""What the tests of commands share."""

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True)
def _no_determinism(monkeypatch):
    """`tfnxc train` asks for it in its own process; here it would hold for all tests that follow."""
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)
    monkeypatch.setattr(tf.config.optimizer, "set_jit", lambda _: None)
