"""The losses of groups of identities: of the pairs that they form, and of vectors of their images."""

from typing import Any

import keras
import tensorflow as tf

from tfnxc.number_checks import real_number, whole_number

_SMALLEST = 1e-30
"""Smallest probability whose logarithm is taken."""


def _ranking(scores, identities_per_group):
    """The cross-entropy of finding each match in its group, by rows and by columns: scores `(pairs,)`, one a group."""
    scores = tf.reshape(scores, [-1, identities_per_group, identities_per_group])
    own = tf.linalg.diag_part(scores)
    rows, columns = (tf.reduce_mean(tf.reduce_logsumexp(scores, axis) - own, axis=1) for axis in (2, 1))
    return (rows + columns) / 2


@keras.saving.register_keras_serializable(package="tfnxc")
class GroupLoss(keras.losses.Loss):
    """Cross-entropy of each pair, and of finding each identity's match in the group.

    The first part is the published loss, the negative log-likelihood of the two classes. The second reads the log-odds
    of "same" as scores of a small ranking: the softmax of each row of a group (a probe against the group's gallery) and
    of each column (a gallery image against the group's probes) is to find the match. A rank is all that evaluation
    looks at, and the softmax spends its gradient on the images that are mistaken for the match.

    Args:
        identities_per_group: Identities a group, that of the `GroupPipeline` which gives the pairs. Defaults to `3`.
        classification: Weight of the first part. Defaults to `1.0`.
        ranking: Weight of the second part. Defaults to `1.0`.
        smoothing: Share of the target that the first part gives to the other class, in [0, 0.5). Defaults to `0.0`.
        name: Name of the loss. Defaults to `"group_loss"`.
        **kwargs: Arguments of `keras.losses.Loss`, such as `reduction`.

    Call arguments:
        y_true: Integers of shape `(pairs,)`, or `(pairs, 1)`: 1 for same. The pairs of each group stand together, row
            by row; the matches are on the diagonal.
        y_pred: Probabilities of shape `(pairs, 2)` of (different, same).

    Raises:
        ValueError: If an argument is out of range, or the shapes are of no such groups.
        tf.errors.InvalidArgumentError: With a ranking, if the labels are of groups of another size. Under XLA, which
            has no assertions, the loss is NaN then.

    Example:
        >>> same = tf.constant([1, 0, 0, 1])
        >>> f"{float(GroupLoss(2)(same, tf.fill([4, 2], 0.5))):.6f}"  # log 2 for each part
        '1.386294'

    References:
        SPEC section 4 for the first part. The second is ListNet's with one relevant item: Cao et al., "Learning to
        Rank: From Pairwise Approach to Listwise Approach", ICML 2007.
    """

    def __init__(
        self,
        identities_per_group: int = 3,
        classification: float = 1.0,
        ranking: float = 1.0,
        smoothing: float = 0.0,
        name: str = "group_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.identities_per_group = whole_number("identities_per_group", identities_per_group, least=2)
        self.classification = real_number("classification", classification)
        self.ranking = real_number("ranking", ranking)
        self.smoothing = real_number("smoothing", smoothing)
        if self.smoothing >= 0.5:
            raise ValueError(f"smoothing must be less than 0.5, received {smoothing!r}")

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The loss of each pair; the ranking of a group is shared out among its pairs."""
        if tf.TensorShape(y_pred.shape)[-1] not in (None, 2):  # gathered from several workers, it is not known
            raise ValueError(f"GroupLoss takes probabilities of shape (pairs, 2); got {tuple(y_pred.shape)}.")
        logs = tf.math.log(tf.maximum(tf.cast(y_pred, tf.float32), _SMALLEST))
        same = tf.reshape(tf.cast(y_true, tf.float32), [-1])
        target = same + self.smoothing * (1 - 2 * same)
        pairs = -(target * logs[:, 1] + (1 - target) * logs[:, 0])
        if not self.ranking:
            return self.classification * pairs
        return self.classification * pairs + self.ranking * self._of_groups(same, logs[:, 1] - logs[:, 0])

    def _of_groups(self, same, scores):
        size = self.identities_per_group
        groups = f"the labels of groups of {size} identities: {size**2} pairs each, row by row, matches on the diagonal"
        remedy = "Give GroupLoss the identities_per_group of the GroupPipeline"
        message = f"GroupLoss({size}) takes {groups}. {remedy}."
        if scores.shape[0] is not None and scores.shape[0] % size**2:
            raise ValueError(f"{message[:-1]}; got {scores.shape[0]} pairs.")
        count = tf.size(scores)
        place = tf.range(count) % size**2
        fits = tf.reduce_all((same == 1) == (place // size == place % size)) & (count % size**2 == 0)
        with tf.control_dependencies([tf.debugging.assert_equal(fits, True, message)]):
            loss = tf.repeat(_ranking(scores, size), size**2)
        return tf.where(fits, loss, float("nan"))  # for XLA, which leaves assertions out

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        own = {name: getattr(self, name) for name in ("identities_per_group", "classification", "ranking", "smoothing")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="tfnxc")
class GroupRankingLoss(keras.layers.Layer):
    """Adds a metric loss to a model: the cosines of the vectors of two images are to find each match in its group.

    The vectors of a group are centred on the mean of its images, so that what all of them share counts for nothing.
    The loss is the mean over groups of the ranking of `GroupLoss`, with `scale` times the cosines as scores. The other
    candidates are those of the group, which are by the same cameras as the match: a camera does not give it away. It
    has no weights.

    Args:
        identities_per_group: Identities a group, as in `GroupPipeline`. Defaults to `3`.
        weight: Weight of the loss. Defaults to `1.0`.
        scale: What the cosines are multiplied by. Defaults to `16.0`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: A list `[outputs, vectors, probe, gallery]`: what the layer gives back; vectors of shape
            `(images, numbers)`, all those of a group together; and integers `(pairs,)`, the images of each pair, the
            pairs as in `GroupLoss`.

    Raises:
        ValueError: If an argument is out of range.
        tf.errors.InvalidArgumentError: If images and pairs are of groups of another size. Under XLA, which has no
            assertions, the loss is NaN then.

    Example:
        >>> layer = GroupRankingLoss(2)
        >>> vectors = tf.constant([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> probe, gallery = tf.constant([0, 0, 2, 2]), tf.constant([1, 3, 1, 3])
        >>> layer([tf.zeros([4, 2]), vectors, probe, gallery]).shape
        TensorShape([4, 2])
        >>> f"{float(layer.losses[0]):.6f}"
        '0.000000'

    References:
        Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", NIPS 2016.
    """

    def __init__(self, identities_per_group: int = 3, weight: float = 1.0, scale: float = 16.0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.identities_per_group = whole_number("identities_per_group", identities_per_group, least=2)
        self.weight = real_number("weight", weight)
        self.scale = real_number("scale", scale)

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Adds the loss; gives the outputs back."""
        outputs, vectors, probe, gallery = inputs
        size, images = vectors.shape[-1], 2 * self.identities_per_group
        fits, message = self._of_such_groups(vectors, probe, gallery)
        with tf.control_dependencies([tf.debugging.assert_equal(fits, True, message)]):
            groups = tf.reshape(vectors, [-1, images, size])
        centred = tf.reshape(groups - tf.reduce_mean(groups, axis=1, keepdims=True), [-1, size])
        unit = tf.math.l2_normalize(centred, axis=1, epsilon=1e-12)
        cosines = tf.reduce_sum(tf.gather(unit, probe) * tf.gather(unit, gallery), axis=1)
        loss = self.weight * tf.reduce_mean(_ranking(self.scale * cosines, self.identities_per_group))
        self.add_loss(tf.where(fits, loss, float("nan")))  # for XLA, which leaves assertions out
        return outputs

    def _of_such_groups(self, vectors, probe, gallery):
        """Whether the images and pairs are those of groups of this size, and what to say where they are not."""
        pairs, images = self.identities_per_group**2, 2 * self.identities_per_group
        message = (
            f"GroupRankingLoss({self.identities_per_group}) takes groups of {images} images and {pairs} pairs of them, "
            "which stand together. Give it the identities_per_group of the GroupPipeline."
        )
        if vectors.shape[0] is not None and vectors.shape[0] % images:
            raise ValueError(f"{message} Got {vectors.shape[0]} images.")
        count = tf.size(probe)
        group = tf.range(count) // pairs
        fits = tf.equal(count * images, tf.shape(vectors)[0] * pairs) & tf.equal(count % pairs, 0)
        for side in (probe, gallery):
            fits &= tf.reduce_all(tf.equal(tf.cast(side, tf.int32) // images, group))
        return fits, message

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        own = {name: getattr(self, name) for name in ("identities_per_group", "weight", "scale")}
        return {**super().get_config(), **own}
