"""Functions that bring their own gradient, those of the compiled library among them."""

import contextlib
import contextvars
import struct

import tensorflow as tf
from tensorflow.python.eager import forwardprop_util

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

    # TensorFlow derives forward-mode of each operation as it runs or is traced, and the compiled ones have none.
    return lambda *inputs: differentiable(*inputs) if _in_forward_mode(inputs) else run(*inputs)


def _in_forward_mode(tensors):
    """Whether a `tf.autodiff.ForwardAccumulator` follows one of the tensors."""
    return bool(forwardprop_util.pack_tangents(tensors).tangents)


def gradients(function, *inputs_and_upstream):
    """The gradients of a function of tensors with respect to each."""
    *inputs, upstream = inputs_and_upstream
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    found = tape.gradient(output, inputs, upstream)
    if any(each is None for each in found):  # no tape records while TensorFlow takes a traced function apart
        raise LookupError(
            "a tf.function with an operation of tfnxc has no forward-mode from outside: put the "
            "tf.autodiff.ForwardAccumulator into the function, or call it without tf.function."
        )
    return found


def compiled(ops, name, inputs, plain, search_size, gradient=None, forward_inputs=(), **options):
    """The operation `name` of the compiled library on maps and weights, all arguments checked. See `custom_ops/`.

    `inputs` are tensors by name; a list of tensors is an input that takes any number of them. `plain` computes the same
    of the same tensors in plain TensorFlow: what a graph holds until it runs. Its gradient is the operation
    `name_grad`, which takes the inputs but for the `forward_inputs`.
    """
    options["search_size"] = [size or 0 for size in search_size]
    if "epsilon" in options:  # attributes have no doubles, but integers of 64 bits
        (options["epsilon"],) = struct.unpack("=q", struct.pack("=d", options["epsilon"]))
    options_of_gradient = options if gradient is None else {**options, "gradient": gradient}

    def run(*tensors):
        named, rest = {}, list(tensors)
        for key, one in inputs.items():
            named[key] = [rest.pop(0) for _ in one] if isinstance(one, list) else rest.pop(0)
        needed = {key: one for key, one in named.items() if key not in forward_inputs}

        def plain_gradient(upstream):
            return gradients(plain, *tensors, upstream)

        def backward(upstream):
            of_gradient = {**needed, "upstream": upstream}
            return _compute(ops, f"{name}_grad", lambda: plain_gradient(upstream), of_gradient, options_of_gradient)

        return _compute(ops, name, lambda: [plain(*tensors)], named, options)[0], backward

    return with_gradient(run, plain)(*_flat(inputs.values()))


def _flat(values):
    """Tensors, and those of lists of them."""
    return [one for each in values for one in (each if isinstance(each, list) else [each])]


def _compute(ops, name, plain, tensors, options):
    """The outputs of a compiled operation as a list: at once, or in a graph those of plain TensorFlow, marked."""
    if tf.executing_eagerly():
        outputs = getattr(ops, f"tfnxc_{name}")(**tensors, **options)
        return _flat(outputs) if isinstance(outputs, tuple) else [outputs]
    attributes = {"T": tensors["x"].dtype, **options}
    if "weights" in tensors:
        attributes["reductions"] = len(tensors["weights"])
    return marked(plain(), f"Tfnxc>{name.title().replace('_', '')}", _flat(tensors.values()), **attributes)
