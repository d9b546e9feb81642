"""Training pairs formed inside the batch: groups of people whose images are compared all with all."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tfnxc.datasets.pipelines.group_indices import Groups
from tfnxc.datasets.pipelines.pipeline import Pipeline
from tfnxc.errors import InputError


@dataclasses.dataclass(frozen=True)
class GroupPipeline(Pipeline):
    """Batches of groups of people, for models that run the tower once an image (`tfnxc.models.in_batch`).

    A group has two images of each of its identities, one for either side, and all pairs of both sides: so
    many positives, and for each of them `people - 1` negatives in its row and as many in its column. With 3 people,
    positives and negatives are 1 : 2, as in the published recipe, and a pair takes two thirds of an image in the place
    of two. Images are translated and flipped as in `PairPipeline`, each by itself.

    Args:
        images: uint8 array of shape `(images, height, width, 3)`.
        identities: Integers, one an image: who it is, 0 or above. Who has no two images to be paired is left out.
        batch_size: Pairs a batch, a multiple of `people` x `people`. Defaults to `144`.
        seed: A whole number, 0 or above. Defaults to `0`.
        augment: Whether images are translated and flipped. Defaults to `True`.
        cameras: Integers, one an image: which camera took it. The images of a side of a group are by one camera, as far
            as enough people were seen by both, or the cameras of a pair would tell whether it shows one person.
            Defaults to `None`: not known.
        positives: `"any"`: two images of a person are any two; or `"cross-camera"`: by different cameras. Defaults to
            `"any"`.
        identities_per_group: Identities a group, 2 or more. Defaults to `3`.
        hard_share: Probability that a group's next person is one that is hard to tell from its first, where `one_epoch`
            is told who that is. Defaults to `0.5`.
        domains: As in `tfnxc.datasets.pipelines.group_indices.Groups`. Defaults to `None`: all from one.
        shard: `(number, of)`: this pipeline gives every batch's groups of the worker `number` of `of`, counted from 0;
            together the workers' shares are the batch that one worker alone would get. Defaults to `None`: all of it.
        deterministic: As in `PairPipeline`. Defaults to `True`.
        threads: As in `PairPipeline`. Defaults to `None`.
        prefetch: As in `PairPipeline`. Defaults to `4`.
        light: As in `PairPipeline`. Defaults to `0.0`.
        erase: As in `PairPipeline`. Defaults to `0.0`.

    Raises:
        ValueError: If an argument is not as described.
        InputError: If a source has fewer than `people` people with two images to be paired, or a batch not the same
            number of groups for each worker.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=8)
        >>> groups = tfnxc.datasets.GroupPipeline(people.images(), people.identities, batch_size=18)
        >>> model = tfnxc.models.in_batch(tfnxc.models.normxcorr())
        >>> model.compile("adam", tfnxc.losses.GroupLoss(3))
        >>> model.fit(groups.one_epoch(0), shuffle=False)
    """

    batch_size: int = 144
    _: dataclasses.KW_ONLY
    identities_per_group: int = 3
    hard_share: float = 0.5
    domains: np.ndarray | None = dataclasses.field(default=None, repr=False)

    per_image = (*Pipeline.per_image, "domains")
    drawn_by = 2  # since both sides of a group are by the same cameras

    def __post_init__(self):
        super().__post_init__()
        if self.identities_per_group < 2 or not 0 <= self.hard_share <= 1:
            raise ValueError(
                f"identities_per_group must be 2 or more and hard_share 0 to 1; got {self.identities_per_group} and {self.hard_share}."
            )
        if self.batch_size % self.identities_per_group**2:
            raise InputError(
                f"a group of {self.identities_per_group} people makes {self.identities_per_group**2} pairs: batch_size must be a multiple of that; "
                f"got {self.batch_size}."
            )
        _, of = self._share
        if self.groups_a_batch % of:
            raise InputError(
                f"the {self.groups_a_batch} groups of a batch cannot be shared out evenly in {of} parts: batch_size "
                f"must be a multiple of {of} x {self.identities_per_group**2}; got {self.batch_size}."
            )
        self._check_pairs(len(self.grouped))
        if self._groups.smallest_domain < self.identities_per_group:
            raise InputError(
                f"groups of {self.identities_per_group} people need as many in each source; the smallest has "
                f"{self._groups.smallest_domain} with two images to be paired. A source is a data set, or a camera "
                "pair of CUHK03: leave that out, or form smaller groups."
            )

    @functools.cached_property
    def _groups(self):
        return Groups(self.identities, self.cameras, self.domains, across=self.positives == "cross-camera")

    @property
    def uses_cameras(self):
        """Whether the groups depend on the cameras."""
        return self.cameras is not None

    @property
    def grouped(self):
        """The identities that have two images to be paired, ascending."""
        return self._groups.people

    @property
    def groups_a_batch(self):
        """Groups in a batch."""
        return self.batch_size // self.identities_per_group**2

    @property
    def images_a_batch(self):
        """Images in a batch."""
        return self.groups_a_batch * self.identities_per_group * 2

    @property
    def pairs_per_epoch(self):
        """Pairs in one pass: that of as many images as there are, in whole batches."""
        return -(-len(self.images) // self.images_a_batch) * self.batch_size

    def groups(self, number, alike=None):
        """The groups of one pass.

        Args:
            number: Number of the pass, from 0.
            alike: As in `one_epoch`. Defaults to `None`.

        Returns:
            `(images, swapped)` as from `tfnxc.datasets.pipelines.group_indices.Groups.draw`.
        """
        rng = np.random.default_rng([self.seed, int(number)])
        count = self.steps_per_epoch * self.groups_a_batch
        return self._groups.draw(rng, count, self.identities_per_group, alike, self.hard_share)

    def one_epoch(self, number, first_step=0, mined=None):
        """The batches of one pass.

        Args:
            number: Number of the pass, from 0.
            first_step: Number of the first batch. Defaults to `0`.
            mined: For each of `grouped` the positions in `grouped` of those it is hard to tell from, or -1: int array
                of shape `(people, any number)`. Defaults to `None`: all groups are random.

        Returns:
            A `tf.data.Dataset` of `({"images": images, "probe": indices, "gallery": indices}, same)`, which ends with
            the pass: float32 of shape `(images_a_batch, height, width, 3)` in [0, 1]; two of int32 of shape
            `(batch_size,)`, which of these images a pair compares; int32 of shape `(batch_size,)`, 1 where both show
            one person. The pairs of a group stand together, row by row. With `shard` a share of that.

        Raises:
            ValueError: If there is no such pass or step, or `mined` is not of these people.
        """
        self._check_position(number, first_step)
        images, swapped = self.groups(number, mined)
        images = images.reshape(self.steps_per_epoch, self.images_a_batch)
        swapped = swapped.reshape(self.steps_per_epoch, self.groups_a_batch)
        numbered = tf.data.Dataset.from_tensor_slices((images, swapped)).enumerate(number * self.steps_per_epoch)
        return self._loaded(numbered.skip(first_step))

    def _load(self, step, batch):
        images, swapped = batch
        # Drawn for the whole batch, so that a worker's pictures do not depend on how many workers there are.
        draws = self._draws(step, self.images_a_batch)
        number, of = self._share
        images, swapped, draws = (tf.split(each, of, axis=-1)[number] for each in (images, swapped, draws))
        first, second, same = self._sides
        swapped = tf.repeat(swapped, self.identities_per_group**2)
        pairs = {"probe": tf.where(swapped, second, first), "gallery": tf.where(swapped, first, second)}
        return {"images": self._taken(images, draws), **pairs}, same

    @functools.cached_property
    def _sides(self):
        """For each pair of a batch or share where its two images are, and whether they show one person."""
        groups = self.groups_a_batch // self._share[1]
        group, row, column = np.indices(
            (groups, self.identities_per_group, self.identities_per_group), np.int32
        ).reshape(3, -1)
        first = (group * self.identities_per_group + row) * 2
        second = (group * self.identities_per_group + column) * 2 + 1
        return first, second, (row == column).astype(np.int32)
