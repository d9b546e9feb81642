"""Towers that learn an embedding beside the pairs: a metric loss on what is pooled from their feature maps."""

import keras

from tfnxc.embedding import pooling_layer
from tfnxc.losses import GroupRankingLoss


def with_metric_loss(model: keras.Model, identities_per_group: int, weight: float) -> keras.Model:
    """The model of pairs within a batch, with a metric loss on its towers.

    The vectors are what the embedding pools from the feature maps of a tower. The loss has no weights of its own, so
    that what is saved of a training is the same with it and without.

    Args:
        model: As from `tfnxc.models.in_batch`; the result shares its weights, inputs and outputs.
        identities_per_group: Identities a group.
        weight: Weight of the loss, beside that of the pairs.

    Example:
        >>> fitted = with_metric_loss(tfnxc.models.in_batch(model), identities_per_group=2, weight=0.5)
        >>> fitted.compile("adam", tfnxc.losses.GroupLoss(2))
        >>> groups = tfnxc.datasets.GroupPipeline(images, np.repeat(range(6), 2), 16, identities_per_group=2)
        >>> history = fitted.fit(groups.one_epoch(0), shuffle=False, verbose=0)
    """
    probe, gallery = (model.get_layer(f"take_{side}").input for side in ("probe", "gallery"))
    maps = probe[0]  # of all images, which both sides take theirs from
    numbers = pooling_layer()(maps)
    loss = GroupRankingLoss(identities_per_group, weight, name="metric_loss")
    return keras.Model(model.input, loss([model.output, numbers, probe[1], gallery[1]]), name=model.name)
