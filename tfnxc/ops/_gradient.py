"""Functions that bring their own gradient."""

import tensorflow as tf


def with_gradient(name, function):
    """`function` with the gradient that it brings along.

    Args:
        name: What a second derivative is refused for.
        function: Called with the inputs; gives the output and a function from the upstream gradient of the output to
            the gradients of the inputs.

    Returns:
        A function of the same inputs to the output. Its gradient cannot be differentiated again: a derivative through
        what `function` kept for it would be silently wrong, so a `LookupError` says so.
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
