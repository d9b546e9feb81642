"""Training steps of which several parts make one update: one after the other, or side by side on replicas."""

from typing import Any

import keras
import tensorflow as tf

from tfnxc.errors import InputError
from tfnxc.keras_line import KERAS_2
from tfnxc.models.compatibility import leaf_layers


def part_of(inputs: dict[str, Any], same: tf.Tensor, number: int, of: int) -> tuple[dict[str, Any], tf.Tensor]:
    """Part `number` of the `of` equal parts of a batch of pairs and their labels `same`, `(pairs,)`, in their order.

    `inputs` is what a `PairPipeline` or a `GroupPipeline` gives. `of` has to divide the groups of a batch; separate
    pairs may leave some parts one pair larger than others. Indices of a part are those of its own images.
    """

    def cut(tensor):
        count = tf.shape(tensor)[0]
        return tensor[count * number // of : count * (number + 1) // of]

    part = tf.nest.map_structure(cut, inputs)
    if "images" in inputs:
        first = tf.shape(inputs["images"])[0] * number // of
        part = {"images": part["images"], **{side: part[side] - first for side in ("probe", "gallery")}}
    return part, cut(same)


class AccumulatingModel(keras.Model):
    """What `accumulating` makes."""

    batch_size: int
    parts: int
    strategy: tf.distribute.Strategy | None

    def train_step(self, data: tuple) -> dict[str, Any]:
        """One update, of all parts on all replicas."""
        inputs, same = data
        if self.strategy is None:
            gradients, judged = self._gradients(inputs, same, 0, 1)
        else:
            # Each replica ends with the sums over all, so that any will do.
            everywhere = self.strategy.run(self._of_replica, args=(inputs, same))
            local = self.strategy.experimental_local_results
            gradients, judged = tf.nest.map_structure(lambda each: local(each)[0], everywhere)
        # A replica knows the size of its own part only, and takes the batch for a full one.
        pairs = tf.shape(judged)[0]
        share = self.batch_size / tf.cast(pairs, tf.float32)
        # The metrics before the update, because the penalty is that of the weights that made the predictions.
        same, predictions = tf.cast(judged[:, 0], tf.int32), judged[:, 1:]
        loss = self.compute_loss(None, same, predictions)
        if not KERAS_2:  # Keras 2 has told its own
            next(each for each in self.metrics if each.name == "loss").update_state(loss, sample_weight=pairs)
        measured = self.compute_metrics(None, same, predictions, None)
        self._update([gradient * tf.cast(share, gradient.dtype) for gradient in gradients])
        return measured

    def _of_replica(self, inputs, same):
        """The gradients of the whole batch, and what `_gradients` gives with them, from this replica's part of it."""
        context = tf.distribute.get_replica_context()
        replicas = len(self.strategy.extended.worker_devices)  # of this process
        number = context.replica_id_in_sync_group % replicas
        gradients, judged = self._gradients(inputs, same, number, replicas)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, gradients), context.all_gather(judged, axis=0)

    def _gradients(self, inputs, same, number, of):
        """The share of a part in the gradients of a full batch; label and prediction of its pairs, `(pairs, 3)`."""
        # A loop of the graph, because TensorFlow would compute what does not depend on one another at the same time.
        if self.parts == 1:
            return self._gradients_at_once(*part_of(inputs, same, number, of))
        first, of = number * self.parts, of * self.parts

        def add(index, sums, judged):
            gradients, seen = self._gradients_at_once(*part_of(inputs, same, first + index, of))
            return index + 1, [a + b for a, b in zip(sums, gradients, strict=True)], judged.write(index, seen)

        begin = (
            0,
            [tf.zeros(weight.shape, weight.dtype) for weight in self.trainable_variables],
            tf.TensorArray(tf.float32, self.parts, element_shape=[None, 1 + self.output_shape[-1]]),
        )
        _, sums, judged = tf.while_loop(lambda index, *_: index < self.parts, add, begin, parallel_iterations=1)
        return sums, judged.concat()

    def _gradients_at_once(self, inputs, same):
        with tf.GradientTape() as tape:
            predictions = self(inputs, training=True)
            pairs = tf.cast(tf.shape(same)[0], tf.float32)
            # The penalty in the measure of the part, so that over all parts it counts once. `Loss.call` is the loss of
            # each pair: the mean that Keras takes differs between its lines inside a strategy.
            penalty = tf.add_n(self.losses) if self.losses else 0.0
            losses = self.loss.call(same, tf.cast(predictions, tf.float32))
            scaled = self._scaled((tf.reduce_sum(losses) + pairs * penalty) / self.batch_size)
        gradients = tape.gradient(scaled, self.trainable_variables, None, tf.UnconnectedGradients.ZERO)
        labels = tf.cast(tf.reshape(same, [-1, 1]), tf.float32)
        return gradients, tf.concat([labels, tf.cast(predictions, tf.float32)], axis=1)

    def _scaled(self, loss):
        if not KERAS_2:
            return self.optimizer.scale_loss(loss)
        return self.optimizer.get_scaled_loss(loss) if self._scales else loss

    def _update(self, gradients):
        iterations = self.optimizer.iterations
        before = tf.identity(tf.convert_to_tensor(iterations))
        if KERAS_2 and self._scales:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        # Keras 3 does not count a step whose gradients overflowed.
        iterations.assign(before + 1)

    @property
    def _scales(self):
        return isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)


def accumulating(
    model: keras.Model, batch_size: int, parts: int = 1, strategy: tf.distribute.Strategy | None = None
) -> AccumulatingModel:
    """A model that is trained as the given one is, whose batches are computed in parts.

    One step gives, within rounding, the weights, the loss and the metrics of one step with the whole batch, provided
    that the loss is a mean over pairs, or over groups of them that stand together; regularization counts once. The
    optimizer counts a step that loss scaling leaves out because its gradients overflowed, so that its iterations are
    batches.

    The weights lie once in each process, which makes the update itself from the gradients of all: the model is made,
    saved and loaded outside the scope of the strategy.

    Args:
        model: A functional `keras.Model`, whose weights the result shares. In parts or on replicas it has to have no
            state but weights that are trained: no batch normalization that is not frozen.
        batch_size: Pairs in a batch, over all workers; one batch may have fewer.
        parts: Parts that a replica computes one after the other, in the memory of one. Defaults to `1`.
        strategy: A `tf.distribute.Strategy` whose replicas compute side by side; each worker process is given its share
            of the batch. Defaults to `None`: this process computes all.

    Returns:
        An `AccumulatingModel`, to be compiled with an instance of `keras.losses.Loss`, and with `jit_compile=False`
        where there is a strategy.

    Raises:
        InputError: If batch normalization would see parts of a batch in the place of the batch.

    Example:
        >>> groups = tfnxc.datasets.GroupPipeline(images, np.repeat(range(6), 2), 16, identities_per_group=2)
        >>> fitted = accumulating(tfnxc.models.in_batch(model), groups.batch_size, parts=4)
        >>> fitted.compile("adam", tfnxc.losses.GroupLoss(2), jit_compile=False)
        >>> history = fitted.fit(groups.one_epoch(0), shuffle=False, verbose=0)
    """
    if parts > 1 or strategy is not None:
        _refuse_batch_normalization(model)
    made = AccumulatingModel(inputs=model.input, outputs=model.output, name=model.name)
    made.batch_size, made.parts, made.strategy = batch_size, parts, strategy
    return made


def _refuse_batch_normalization(model):
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            raise InputError(
                f"the batch normalization {layer.name!r} would see parts of a batch, which is computed in parts or on "
                "several devices. Freeze it (trainable = False), or leave out accumulate and the strategy."
            )
