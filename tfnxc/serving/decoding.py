"""Decodes pictures in the graph, as `read_picture` and `ImageSet.images` do outside."""

from collections.abc import Sequence

import tensorflow as tf

from tfnxc.datasets.picture_file import BEHIND_THE_PIXELS, MOST_PER_SIDE, MOST_PIXELS
from tfnxc.serving.orientation import MOST_PARTS, orientation_of, upright

_HEADER = 26  # bytes of a PNG: signature, length and name of the first chunk, width, height, depth, colour type


def decode_pictures(encoded: tf.Tensor | Sequence[bytes], size: tuple[int, int], name: str) -> tf.Tensor:
    """Decodes and resizes a batch of JPEG or PNG pictures with stock operations.

    The values equal those of the package's own reader (Pillow): all colours as RGB, without transparency, turned as the
    EXIF orientation says, the first frame of an animated PNG, Pillow's bilinear filter in fixed-point arithmetic. Only
    a picture that is higher and narrower than `size` may differ, by 1, because recent versions of Pillow resize its
    rows first. What `read_picture` refuses is refused here too, but for a wrong checksum in what is no part of a PNG
    picture, such as text, which stock operations pass over.

    Args:
        encoded: String tensor of shape `(batch,)`; the batch may be empty.
        size: `(height, width)` in pixels.
        name: What the message of an error calls the batch, e.g. `"probe_bytes"`.

    Returns:
        uint8 tensor of shape `(batch, *size, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: If a picture is no JPEG or PNG (such as WebP, which stock operations do not
            decode), is larger than 4096 x 4096 pixels by its header, has 16 bits of grey, is in more than 8,192 parts,
            or is broken or without some of its pixels. The message names the first such picture by position, from 0.

    Example:
        >>> decode_pictures([tf.io.read_file("probe.png")], (160, 60), "probe_bytes").shape
        TensorShape([1, 160, 60, 3])
    """
    encoded = tf.convert_to_tensor(encoded, tf.string)
    count = tf.size(encoded, tf.int64)

    def read(position, picture):
        problem, orientation = _problem(picture), tf.constant(0, tf.int64)
        orientation = tf.cond(
            tf.equal(problem, ""), lambda: orientation_of(picture, _is_png(picture)), lambda: orientation
        )
        parts = tf.where(tf.equal(orientation, 0), f"more than {MOST_PARTS} parts; save it anew", "")
        problem = tf.where(tf.equal(problem, ""), parts, problem)
        image = tf.cond(
            tf.equal(problem, ""),
            lambda: _resized(upright(_decoded(picture), orientation), size),
            lambda: tf.zeros((*size, 3), tf.uint8),
        )
        return position, image, problem

    # An operation that cannot decode ends the graph without saying which picture it was. A data set can ignore such
    # errors: the pictures missing afterwards were broken.
    pictures = tf.data.Dataset.from_tensor_slices(encoded).enumerate().map(read).ignore_errors()
    # One more, so that an empty batch makes a batch as well.
    end = tf.data.Dataset.from_tensors((count, tf.zeros((*size, 3), tf.uint8), tf.constant("")))
    found, images, problems = pictures.concatenate(end).batch(count + 1).get_single_element()
    problems = tf.tensor_scatter_nd_update(tf.fill([count + 1], "broken picture"), found[:, None], problems)
    bad = tf.where(tf.not_equal(problems, ""))[:, 0]
    position = tf.concat([bad, [count]], axis=0)[0]
    message = tf.strings.join([f"{name}, picture ", tf.strings.as_string(position), ": ", problems[position]])
    with tf.control_dependencies([tf.debugging.Assert(tf.equal(position, count), [message])]):
        return tf.ensure_shape(images, [None, *size, 3])[:-1]


def _problem(picture):
    """What is wrong with a picture by its header, before it is decoded; "" if nothing is."""
    foreign = tf.where(tf.equal(picture, ""), "empty; expected a JPEG or PNG picture", "not a JPEG or PNG picture")
    header = tf.cast(tf.io.decode_raw(picture, tf.uint8, fixed_length=_HEADER), tf.int64)
    webp = _begins(picture, b"RIFF") & tf.reduce_all(header[8:12] == list(b"WEBP"))
    foreign = tf.where(webp, "a WebP picture; expected JPEG or PNG", foreign)
    return tf.cond(
        _is_png(picture),
        lambda: tf.where(
            tf.reduce_all(header[24:26] == [16, 0]),
            "16 bits of grey; expected 8",
            _size_problem(_big_endian(header[20:24]), _big_endian(header[16:20])),
        ),
        lambda: tf.cond(_begins(picture, b"\xff\xd8\xff"), lambda: _jpeg_problem(picture), lambda: foreign),
    )


def _is_png(picture):
    return _begins(picture, b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")


def _begins(picture, bytes_):
    return tf.equal(tf.strings.substr(picture, 0, len(bytes_)), bytes_)


def _big_endian(four):
    return tf.tensordot(four, tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64), 1)


def _jpeg_problem(picture):
    height, width, _ = tf.unstack(tf.cast(tf.image.extract_jpeg_shape(picture), tf.int64))  # reads the header only
    return _size_problem(height, width)


def _size_problem(height, width):
    small = (height * width <= MOST_PIXELS) & (tf.maximum(height, width) <= MOST_PER_SIDE)
    shown = [tf.strings.as_string(width), " x ", tf.strings.as_string(height), " pixels; at most "]
    return tf.where(small, "", tf.strings.join([*shown, f"{MOST_PIXELS} are read, and sides of {MOST_PER_SIDE}"]))


def _decoded(picture):
    """RGB pixels of a picture whose header is fine; INTEGER_ACCURATE is what Pillow has."""
    return tf.cond(
        _is_png(picture),
        lambda: tf.io.decode_png(picture, channels=3),
        lambda: _jpeg(picture),
    )


def _jpeg(picture):
    """RGB pixels of a JPEG picture that has as many as its header says, checked as `read_picture` does."""

    def decoded(data):
        return tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")

    pixels, data = decoded(picture), tf.io.decode_raw(picture, tf.uint8)
    ends = tf.where(tf.equal(data[:-1], 0xFF) & tf.equal(data[1:], 0xD9))[:, 0]
    end, size = tf.reduce_max(ends), tf.size(data, tf.int64)
    zero = tf.constant(0, tf.int64)
    begin = tf.strings.substr(picture, zero, end)
    zeros = tf.where(tf.equal(data[end - 1], 0xFF), "\0", "")
    parts = begin, zeros, BEHIND_THE_PIXELS, tf.strings.substr(picture, end, size - end)
    whole = tf.reduce_all(tf.equal(pixels, decoded(tf.strings.join(parts))))
    with tf.control_dependencies([tf.debugging.Assert(whole, ["fewer rows than the header says"])]):
        return tf.identity(pixels)


def _resized(pixels, size):
    height, width = size
    # Columns first, as in Pillow. Always the first axis is resized, which keeps intermediate arrays small.
    columns = _resampled(tf.transpose(pixels, [1, 0, 2]), width)
    return _resampled(tf.transpose(columns, [1, 0, 2]), height)


_BITS = 22  # after the point of Pillow's weights: 32, less 8 of a colour, less 2 to be safe (`Resample.c`)


def _resampled(pixels, size):
    """uint8 pixels resized to `size` along the first axis by Pillow's bilinear filter, which widens when it shrinks."""
    count = tf.shape(pixels)[0]
    scale = tf.cast(count, tf.float64) / size
    support = tf.maximum(scale, 1.0)
    centre = (tf.range(size, dtype=tf.float64) + 0.5) * scale
    first = tf.maximum(tf.cast(centre - support + 0.5, tf.int32), 0)
    last = tf.minimum(tf.cast(centre + support + 0.5, tf.int32), count)
    taps = tf.reduce_max(last - first)
    rows = first[:, None] + tf.range(taps)
    weights = tf.maximum(1 - tf.abs((tf.cast(rows, tf.float64) - centre[:, None] + 0.5) / support), 0)
    weights = tf.where(rows < last[:, None], weights, 0)
    weights = tf.cast(0.5 + weights / tf.reduce_sum(weights, 1, keepdims=True) * (1 << _BITS), tf.int32)
    rows = tf.minimum(rows, count - 1)

    def add(tap, total):
        return tap + 1, total + tf.cast(tf.gather(pixels, rows[:, tap]), tf.int32) * weights[:, tap, None, None]

    half = tf.fill([size, tf.shape(pixels)[1], 3], 1 << (_BITS - 1))
    _, total = tf.while_loop(lambda tap, _: tap < taps, add, [0, half], [tf.TensorShape([]), half.shape])
    return tf.cast(tf.bitwise.right_shift(total, _BITS), tf.uint8)
