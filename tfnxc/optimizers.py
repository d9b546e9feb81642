"""The optimizer of the grouped recipe."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfnxc.keras_line import KERAS_2

_STEPS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Newton-Schulz iterations and their coefficients, by Jordan et al."""

_FEWEST_OUTPUTS = 3
"""Below it, as in the two logits, a kernel has too few directions for its update to be spread over."""


@keras.saving.register_keras_serializable(package="tfnxc")
class KernelMuon(keras.optimizers.Optimizer):
    """Muon for the kernels of dense layers and of convolutions alike, Adam for everything else.

    The momentum of a kernel, as a matrix of its inputs by its outputs, is replaced by the nearest matrix whose singular
    values are all about 1, so that a step moves it in all directions by the same length, those with small gradients
    too. That length is made what Adam's would be (0.2 a number), so that both share a learning rate. After the step the
    kernel is brought back to the length that it had: otherwise kernels grow, by as much as eight times in an hour, and
    each further step turns them by that much less. Biases and kernels with fewer than three outputs are Adam's.
    `keras.optimizers.Muon` leaves convolutions to Adam, and Keras 2 has none.

    Args:
        learning_rate: A float or a schedule. Defaults to `0.003`.
        momentum: Of the matrices, Nesterov's. Defaults to `0.95`.
        keep_lengths: Whether kernels keep the length, the root of the sum of their squares, with which they begin; a
            kernel of zeros does not. Defaults to `True`.
        beta_1: Of Adam. Defaults to `0.9`.
        beta_2: Of Adam. Defaults to `0.999`.
        epsilon: Of Adam. Defaults to `1e-7`.
        name: Name of the optimizer. Defaults to `"kernel_muon"`.
        **kwargs: Arguments of `keras.optimizers.Optimizer`, such as `clipnorm`.

    Example:
        >>> model.compile(KernelMuon(0.003), "sparse_categorical_crossentropy")

    References:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the length of the steps: Liu et
        al., "Muon is Scalable for LLM Training", 2025; Kingma, Ba, "Adam", ICLR 2015.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.003,
        momentum: float = 0.95,
        keep_lengths: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str = "kernel_muon",
        **kwargs: Any,
    ):
        if KERAS_2:
            super().__init__(name=name, **{"jit_compile": False, **kwargs})
            self._learning_rate = self._build_learning_rate(learning_rate)
        else:
            super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.keep_lengths = keep_lengths
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self._slots: list[list] = []

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Makes a momentum for each variable, and for Adam's a velocity."""
        if self._slots:
            return
        super().build(variables)
        self._built = True  # what Keras 2 asks
        names = ["momentum"], ["momentum", "velocity"]
        self._slots = [
            [self.add_variable_from_reference(variable, name) for name in names[not _is_matrix(variable)]]
            for variable in variables
        ]

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any = None) -> None:
        """Moves one variable. Keras 3 gives the learning rate, Keras 2 does not."""
        rate = tf.cast(self.learning_rate if learning_rate is None else learning_rate, variable.dtype)
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        slots = self._slots[self._index_of(variable)]
        if len(slots) > 1:
            variable.assign_sub(rate * self._adam(gradient, *slots))
            return
        moved = variable - rate * self._muon(gradient, *slots)
        variable.assign(_with_length_of(variable, moved) if self.keep_lengths else moved)

    def _index_of(self, variable):
        return self._index_dict[self._var_key(variable)] if KERAS_2 else self._get_variable_index(variable)

    def _muon(self, gradient, momentum):
        momentum.assign(self.momentum * momentum + gradient)
        ahead = gradient + self.momentum * momentum
        matrix = tf.reshape(ahead, [-1, ahead.shape[-1]])
        length = 0.2 * max(matrix.shape) ** 0.5
        return length * tf.reshape(_orthogonal(matrix), ahead.shape)

    def _adam(self, gradient, momentum, velocity):
        momentum.assign(self.beta_1 * momentum + (1 - self.beta_1) * gradient)
        velocity.assign(self.beta_2 * velocity + (1 - self.beta_2) * gradient**2)
        step = tf.cast(self.iterations + 1, gradient.dtype)
        first = momentum / (1 - self.beta_1**step)
        return first / (tf.sqrt(velocity / (1 - self.beta_2**step)) + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        own = {name: getattr(self, name) for name in ("momentum", "keep_lengths", "beta_1", "beta_2", "epsilon")}
        if KERAS_2:
            own["learning_rate"] = self._serialize_hyperparameter(self._learning_rate)
        return {**super().get_config(), **own}


def _is_matrix(variable):
    return len(variable.shape) > 1 and variable.shape[-1] >= _FEWEST_OUTPUTS


def _with_length_of(before, after):
    """`after`, as long as `before`; as it is where one of them is all zeros."""
    ratio = tf.math.divide_no_nan(tf.norm(tf.convert_to_tensor(before)), tf.norm(after))
    return tf.where(ratio > 0, ratio, 1) * after


def _orthogonal(matrix):
    """About the nearest matrix with orthonormal rows or columns: singular values near 1 (0.7 to 1.2)."""
    tall = matrix.shape[0] > matrix.shape[1]
    wide = tf.transpose(matrix) if tall else matrix
    wide /= tf.norm(wide) + 1e-7
    for _ in range(_STEPS):
        square = tf.matmul(wide, wide, transpose_b=True)
        wide = _A * wide + tf.matmul(_B * square + _C * tf.matmul(square, square), wide)
    return tf.transpose(wide) if tall else wide
