"""The operations of the compiled library, with their gradients. See `custom_ops/`."""

import tensorflow as tf

from tfnxc.ops._gradient import with_gradient


def norm_xcorr(ops, x, y, patch_size, search_size, epsilon, gradient):
    """`tfnxc.ops.norm_xcorr` of checked arguments."""
    sizes = _attributes(patch_size, search_size)
    epsilon = tf.constant(epsilon, tf.float64)

    def correlate(x, y):
        def backward(upstream):
            return ops.tfnxc_norm_xcorr_grad(x=x, y=y, upstream=upstream, epsilon=epsilon, gradient=gradient, **sizes)

        return ops.tfnxc_norm_xcorr(x=x, y=y, epsilon=epsilon, **sizes), backward

    return with_gradient("norm_xcorr", correlate)(x, y)


def norm_xcorr_summary(ops, x, y, kernel, bias, patch_size, search_size, epsilon, gradient):
    """`tfnxc.ops.norm_xcorr_summary` of checked arguments."""
    sizes = _attributes(patch_size, search_size)
    epsilon = tf.constant(epsilon, tf.float64)

    def summarize(x, y, kernel, bias):
        def backward(upstream):
            return ops.tfnxc_norm_xcorr_summary_grad(
                x=x, y=y, kernel=kernel, upstream=upstream, epsilon=epsilon, gradient=gradient, **sizes
            )

        return ops.tfnxc_norm_xcorr_summary(x=x, y=y, kernel=kernel, bias=bias, epsilon=epsilon, **sizes), backward

    return with_gradient("norm_xcorr_summary", summarize)(x, y, kernel, bias)


def cross_input_summary(ops, x, y, kernel, bias, search_size):
    """`tfnxc.ops.cross_input_summary` of checked arguments."""
    window = _window(search_size)

    def summarize(x, y, kernel, bias):
        def backward(upstream):
            return ops.tfnxc_cross_input_summary_grad(x=x, y=y, kernel=kernel, upstream=upstream, search_size=window)

        return ops.tfnxc_cross_input_summary(x=x, y=y, kernel=kernel, bias=bias, search_size=window), backward

    return with_gradient("cross_input_summary", summarize)(x, y, kernel, bias)


def _attributes(patch_size, search_size):
    return {"patch_size": list(patch_size), "search_size": _window(search_size)}


def _window(search_size):
    rows, columns = search_size
    return [rows, columns or 0]
