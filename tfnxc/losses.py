"""The loss of pairs that are formed in groups of identities."""

from typing import Any

import keras
import tensorflow as tf

_SMALLEST = 1e-30
"""Smallest probability whose logarithm is taken."""


@keras.saving.register_keras_serializable(package="tfnxc")
class GroupLoss(keras.losses.Loss):
    """Cross-entropy of each pair, and of finding each identity's match in the group.

    The first part is the published loss, the negative log-likelihood of the two classes. The second reads the log-odds
    of "same" as scores of a small ranking: the softmax of each row of a group (a probe against the group's gallery) and
    of each column (a gallery image against the group's probes) is to find the match. A rank is all that evaluation
    looks at, and the softmax spends its gradient on the images that are mistaken for the match.

    Args:
        identities_per_group: Identities a group, as in `GroupPipeline`. Defaults to `3`.
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
        ValueError: If an argument is out of range.

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
        if identities_per_group < 2 or classification < 0 or ranking < 0 or not 0 <= smoothing < 0.5:
            raise ValueError(
                "GroupLoss needs identities_per_group of 2 or more, weights of 0 or more and smoothing in [0, 0.5); "
                f"got identities_per_group={identities_per_group}, classification={classification}, ranking={ranking}, "
                f"smoothing={smoothing}."
            )
        self.identities_per_group = identities_per_group
        self.classification = classification
        self.ranking = ranking
        self.smoothing = smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The loss of each pair; the ranking of a group is shared out among its pairs."""
        logs = tf.math.log(tf.maximum(tf.cast(y_pred, tf.float32), _SMALLEST))
        same = tf.reshape(tf.cast(y_true, tf.float32), [-1])
        target = same + self.smoothing * (1 - 2 * same)
        pairs = -(target * logs[:, 1] + (1 - target) * logs[:, 0])
        return self.classification * pairs + self.ranking * self._of_groups(logs[:, 1] - logs[:, 0])

    def _of_groups(self, scores):
        scores = tf.reshape(scores, [-1, self.identities_per_group, self.identities_per_group])
        own = tf.linalg.diag_part(scores)
        rows, columns = (tf.reduce_mean(tf.reduce_logsumexp(scores, axis) - own, axis=1) for axis in (2, 1))
        return tf.repeat((rows + columns) / 2, self.identities_per_group**2)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        own = {name: getattr(self, name) for name in ("identities_per_group", "classification", "ranking", "smoothing")}
        return {**super().get_config(), **own}
