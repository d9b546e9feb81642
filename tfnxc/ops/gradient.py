"""Functions that bring their own gradient, those of the compiled library among them."""

import contextlib
import contextvars
import struct

import tensorflow as tf

from tfnxc.ops._marks import marked

_forward_only = contextvars.ContextVar("forward_only", default=False)


@contextlib.contextmanager
def forward_only():
    """Within it functions are traced without the gradients they bring: what is traced is for inference.

    For what is saved to be served: each load of a gradient by TensorFlow stays in memory until the process ends.
    """
    before = _forward_only.set(True)
    try:
        yield
    finally:
        _forward_only.reset(before)


def custom_gradient(function):
    """`tf.custom_gradient`, but for what is traced within `forward_only`."""
    differentiable = tf.custom_gradient(function)

    def run(*inputs):
        return function(*inputs)[0] if _forward_only.get() else differentiable(*inputs)

    return run


def with_gradient(function, differentiable):
    """`function`, which gives its output and a function from upstream gradient to gradients, with that gradient.

    `differentiable` computes the same output of operations that TensorFlow differentiates any number of times: higher
    derivatives, and forward-mode, are those of its gradient.
    """

    @custom_gradient
    def run(*inputs):
        output, gradient = function(*inputs)

        @tf.custom_gradient
        def backward(*inputs_and_upstream):  # the inputs are here for the tape to see
            def again(*upstream):
                with tf.GradientTape() as outer:
                    outer.watch(inputs_and_upstream)
                    found = gradients(differentiable, *inputs_and_upstream)
                return outer.gradient(found, inputs_and_upstream, upstream, tf.UnconnectedGradients.ZERO)

            return gradient(inputs_and_upstream[-1]), again

        return output, lambda upstream: backward(*inputs, upstream)

    return run


def gradients(function, *inputs_and_upstream):
    """The gradients of a function of tensors with respect to each."""
    *inputs, upstream = inputs_and_upstream
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    return tape.gradient(output, inputs, upstream)


def compiled(ops, name, inputs, plain, search_size, gradient=None, **options):
    """The operation `name` of the compiled library on maps and weights, all arguments checked. See `custom_ops/`.

    `plain` computes the same of the same inputs in plain TensorFlow: what a graph holds until it runs.
    """
    options["search_size"] = [search_size[0], search_size[1] or 0]
    if "epsilon" in options:  # attributes have no doubles, but integers of 64 bits
        (options["epsilon"],) = struct.unpack("=q", struct.pack("=d", options["epsilon"]))
    options_of_gradient = options if gradient is None else {**options, "gradient": gradient}

    def run(*inputs):
        tensors = dict(zip(("x", "y", "kernel", "bias"), inputs, strict=False))
        needed = {key: tensor for key, tensor in tensors.items() if key != "bias"}

        def plain_gradient(upstream):
            return gradients(plain, *inputs, upstream)

        def backward(upstream):
            of_gradient = {**needed, "upstream": upstream}
            return _compute(ops, f"{name}_grad", lambda: plain_gradient(upstream), of_gradient, options_of_gradient)

        return _compute(ops, name, lambda: [plain(*inputs)], tensors, options)[0], backward

    return with_gradient(run, plain)(*inputs)


def _compute(ops, name, plain, tensors, options):
    """The outputs of a compiled operation as a list: at once, or in a graph those of plain TensorFlow, marked."""
    if tf.executing_eagerly():
        outputs = getattr(ops, f"tfnxc_{name}")(**tensors, **options)
        return list(outputs) if isinstance(outputs, tuple) else [outputs]
    attributes = {"T": tensors["x"].dtype, **options}
    return marked(plain(), f"Tfnxc>{name.title().replace('_', '')}", tensors.values(), **attributes)
