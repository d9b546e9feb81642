"""Functions that bring their own gradient, those of the compiled library among them."""

import tensorflow as tf


def with_gradient(name, function):
    """`function`, which gives its output and a function from upstream gradient to gradients, with that gradient.

    Its gradient cannot be differentiated again: a derivative through what `function` kept for it would be silently
    wrong, so a `LookupError` says so.
    """

    def refuse(*upstream):
        raise LookupError(f"{name} has no second derivative: its gradient cannot itself be differentiated.")

    @tf.custom_gradient
    def run(*inputs):
        output, gradient = function(*inputs)

        @tf.custom_gradient
        def backward(*inputs_and_upstream):  # the inputs are here for the tape to see
            return gradient(inputs_and_upstream[-1]), refuse

        return output, lambda upstream: backward(*inputs, upstream)

    return run


def compiled(ops, name, inputs, search_size, gradient=None, **options):
    """The operation `name` of the compiled library on maps and weights, all arguments checked. See `custom_ops/`."""
    options["search_size"] = [search_size[0], search_size[1] or 0]
    options_of_gradient = options if gradient is None else {**options, "gradient": gradient}
    forward, backward = (getattr(ops, f"tfnxc_{each}") for each in (name, f"{name}_grad"))

    def run(*inputs):
        tensors = dict(zip(("x", "y", "kernel", "bias"), inputs, strict=False))
        needed = {key: tensor for key, tensor in tensors.items() if key != "bias"}
        return forward(**tensors, **options), lambda upstream: backward(
            **needed, upstream=upstream, **options_of_gradient
        )

    return with_gradient(name, run)(*inputs)
