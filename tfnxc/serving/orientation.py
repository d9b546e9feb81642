"""How a JPEG or PNG picture is turned by its EXIF data, in the graph, as `read_picture` does outside."""

import tensorflow as tf

from tfnxc.datasets.picture_file import COLUMNS_REVERSED, ROWS_REVERSED, TRANSPOSED

MOST_PARTS = 1 << 13  # segments or chunks that are looked at; a PNG of the largest size has 6,144 of the usual length
_BEHIND = 32  # zeros behind the bytes, so that no reading ends outside of them


def orientation_of(picture: tf.Tensor, is_png: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of an encoded picture, 1 to 8, as `tfnxc.datasets.picture_file.orientation_of` finds it.

    Args:
        picture: String tensor, a JPEG or PNG file.
        is_png: Whether it is a PNG.

    Returns:
        int64 scalar; 0 where the file has more than `MOST_PARTS` parts before the data can be found.
    """
    data = tf.cast(tf.io.decode_raw(picture, tf.uint8), tf.int64)
    size = tf.size(data, tf.int64)
    data = tf.pad(data, [[0, _BEHIND]])
    begin, end, over = tf.cond(is_png, lambda: _in_png(data, size), lambda: _in_jpeg(data, size))
    return tf.cond(over, lambda: _in_exif(data, begin, end), lambda: tf.constant(0, tf.int64))


def upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Pixels `(height, width, channels)` turned by an orientation, as `tfnxc.datasets.picture_file.upright` does."""

    def any_of(orientations):
        return tf.reduce_any(tf.equal(orientation, tf.constant(orientations, tf.int64)))

    def turned():
        found = tf.cond(any_of(TRANSPOSED), lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
        found = tf.cond(any_of(COLUMNS_REVERSED), lambda: found[:, ::-1], lambda: found)
        return tf.cond(any_of(ROWS_REVERSED), lambda: found[::-1], lambda: found)

    return tf.cond(tf.equal(orientation, 1), lambda: pixels, turned)


def _bytes(data, at, count):
    return tf.slice(data, [at], [count])


def _are(found, text):
    return tf.reduce_all(tf.equal(found, tf.constant(list(text), tf.int64)))


def _number(found, little=False):
    """The unsigned number that the bytes in the last axis are, the highest first or, where `little` says so, last."""
    found = tf.where(little, tf.reverse(found, [-1]), found)
    weights = [1 << 8 * place for place in reversed(range(found.shape[-1]))]
    return tf.reduce_sum(found * tf.constant(weights, tf.int64), axis=-1)


def _look(data, size, first, look):
    """Goes from part to part: `look(at, begin, end)` gives the next place, `size` behind the last, and what is found.

    Gives where the EXIF data begin and end, both 0 where there are none, and whether the last part was seen.
    """
    zero = tf.constant(0, tf.int64)
    at, begin, end = tf.while_loop(
        lambda at, *_: at < size,
        lambda at, begin, end: look(tf.minimum(at, size), begin, end),
        [tf.minimum(tf.constant(first, tf.int64), size), zero, zero],
        maximum_iterations=MOST_PARTS,
    )
    return begin, tf.minimum(end, size), at >= size


def _in_png(data, size):
    def look(at, begin, end):
        head = _bytes(data, at, 8)
        following = at + 12 + _number(head[:4])
        exif = _are(head[4:], b"eXIf")
        found = tf.where(exif, at + 8, begin), tf.where(exif, following - 4, end)
        return tf.where(_are(head[4:], b"IEND"), size, tf.minimum(following, size)), *found

    return _look(data, size, 8, look)


def _in_jpeg(data, size):
    def look(at, begin, end):
        head = _bytes(data, at, 10)
        filled = _are(head[:2], b"\xff\xff")  # a marker may have more of these before it
        following = tf.where(filled, at + 1, at + 2 + _number(head[2:4]))
        exif = _are(head[:2], b"\xff\xe1") & _are(head[4:10], b"Exif\0\0")
        # The pixels follow the marker ff da; what is no marker is nothing that a reader knows.
        over = exif | tf.not_equal(head[0], 0xFF) | tf.equal(head[1], 0xDA)
        found = tf.where(exif, at + 10, begin), tf.where(exif, following, end)
        return tf.where(over, size, tf.minimum(following, size)), *found

    return _look(data, size, 2, look)


def _in_exif(data, begin, end):
    """The orientation that EXIF data tell, which lie between two places; 1 where they tell none."""
    head = _bytes(data, begin, 8)
    little, big = _are(head[:4], b"II*\0"), _are(head[:4], b"MM\0*")
    directory = begin + _number(head[4:], little)
    told = (end - begin >= 8) & (little | big) & (directory + 2 <= end)
    directory = tf.where(told, directory, 0)
    count = tf.minimum(_number(_bytes(data, directory, 2), little), (end - directory - 2) // 12)
    entries = tf.reshape(tf.slice(data, [directory + 2], [12 * tf.where(told, count, 0)]), [-1, 12])

    tags, kinds = _number(entries[:, :2], little), _number(entries[:, 2:4], little)
    fits = (
        tf.equal(tags, 0x0112)
        & tf.equal(_number(entries[:, 4:8], little), 1)
        & (tf.equal(kinds, 3) | tf.equal(kinds, 4))
    )
    numbers = tf.where(tf.equal(kinds, 3), _number(entries[:, 8:10], little), _number(entries[:, 8:12], little))
    found = tf.concat([tf.boolean_mask(numbers, fits), [1]], 0)[0]
    return tf.where((found >= 1) & (found <= 8), found, 1)
