"""Training pairs formed inside the batch: groups of people whose images are compared all with all."""

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

    A group has two images of each of its identities, one for either side, and all pairs of both sides: a positive for
    each identity, all others negatives. With 3 identities positives and negatives are 1 : 2, as in the published
    recipe, and a pair takes two thirds of an image in the place of two. Images are translated and flipped as in
    `PairPipeline`, each by itself.

    Args:
        images: As in `PairPipeline`, like seed, augment, deterministic, threads, prefetch, light and erase.
        identities: Integers, one an image: who it is, 0 or above. Who has no two images to be paired is left out.
        batch_size: Pairs a batch, a multiple of `identities_per_group` squared. Defaults to `144`.
        cameras: Integers, one an image: which camera took it. The images of a side of a group are by one camera, as far
            as enough people were seen by both, or the cameras of a pair would tell whether it shows one person.
            Defaults to `None`: not known.
        positives: `"any"`: two images of a person are any two; or `"cross-camera"`: by different cameras. Defaults to
            `"any"`.
        identities_per_group: Identities a group, 2 or more. Defaults to `3`.
        hard_share: Probability that a group's next person is one that is hard to tell from its first, where `one_epoch`
            is told who that is. Defaults to `0.5`.
        domains: Integers, one an image: the data set it is from, or, of a set whose cameras stood at several places,
            the place (`tfnxc.datasets.domains_of`). The people of a group are of one domain. Defaults to `None`: all of
            one.
        shard: `(number, of)`: this pipeline gives every batch's groups of the worker `number` of `of`, counted from 0;
            together the workers' shares are the batch that one worker alone would get. Defaults to `None`: all of it.

    Raises:
        ValueError: If an argument is not as described.
        InputError: If a domain has fewer than `identities_per_group` with two images to be paired, or a batch cannot be
            shared out evenly.

    Example:
        >>> groups = tfnxc.datasets.GroupPipeline(images, people.identities[:12], batch_size=9)
        >>> fitted = tfnxc.models.in_batch(model)
        >>> fitted.compile("adam", tfnxc.losses.GroupLoss(3))
        >>> history = fitted.fit(groups.one_epoch(0), shuffle=False, verbose=0)
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
        size = self.identities_per_group
        if size < 2 or not 0 <= self.hard_share <= 1:
            raise ValueError(
                f"identities_per_group must be 2 or more and hard_share 0 to 1; got {size} and {self.hard_share}."
            )
        if self.batch_size % size**2:
            raise InputError(
                f"a group of {size} identities makes {size**2} pairs: batch_size must be a multiple of that; "
                f"got {self.batch_size}."
            )
        _, of = self._share
        if self.groups_per_batch % of:
            raise InputError(
                f"the {self.groups_per_batch} groups of a batch cannot be shared out evenly in {of} parts: batch_size "
                f"must be a multiple of {of} x {size**2}; got {self.batch_size}."
            )
        self._check_pairs(len(self.grouped))
        if self._groups.smallest_domain < size:
            raise InputError(
                f"groups of {size} identities need as many in each domain; the smallest has "
                f"{self._groups.smallest_domain} with two images to be paired. A domain is a data set, or a camera "
                "pair of CUHK03: leave that out, or form smaller groups."
            )

    @functools.cached_property
    def _groups(self):
        return Groups(self.identities, self.cameras, self.domains, across=self.positives == "cross-camera")

    @property
    def uses_cameras(self) -> bool:
        """Whether the groups depend on the cameras."""
        return self.cameras is not None

    @property
    def grouped(self) -> np.ndarray:
        """The identities that have two images to be paired, ascending."""
        return self._groups.paired

    @property
    def groups_per_batch(self) -> int:
        """Groups in a batch."""
        return self.batch_size // self.identities_per_group**2

    @property
    def images_per_batch(self) -> int:
        """Images in a batch."""
        return self.groups_per_batch * self.identities_per_group * 2

    @property
    def pairs_per_epoch(self) -> int:
        """Pairs in one epoch: one of as many images as there are, in whole batches."""
        return -(-len(self.images) // self.images_per_batch) * self.batch_size

    def groups(self, number: int, hard_identities: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The groups of one epoch, `(images, swapped)` as from `Groups.draw`; for the arguments see `one_epoch`."""
        rng = np.random.default_rng([self.seed, int(number)])
        count = self.steps_per_epoch * self.groups_per_batch
        return self._groups.draw(rng, count, self.identities_per_group, hard_identities, self.hard_share)

    def one_epoch(self, number: int, first_step: int = 0, hard_identities: np.ndarray | None = None) -> tf.data.Dataset:
        """The batches of one epoch.

        Args:
            number: Number of the epoch, from 0.
            first_step: Number of the first batch. Defaults to `0`.
            hard_identities: For each of `grouped` the positions in `grouped` of those it is hard to tell from, or -1:
                int array of shape `(grouped, any number)`. Defaults to `None`: all groups are random.

        Returns:
            A `tf.data.Dataset` of `({"images": images, "probe": indices, "gallery": indices}, same)`, which ends with
            the epoch: float32 of shape `(images_per_batch, height, width, 3)` in [0, 1]; two of int32 of shape
            `(batch_size,)`, which of these images a pair compares; int32 of shape `(batch_size,)`, 1 where both show
            one person. The pairs of a group stand together, row by row. With `shard` a share of that.
        """
        self._check_position(number, first_step)
        images, swapped = self.groups(number, hard_identities)
        images = images.reshape(self.steps_per_epoch, self.images_per_batch)
        swapped = swapped.reshape(self.steps_per_epoch, self.groups_per_batch)
        numbered = tf.data.Dataset.from_tensor_slices((images, swapped)).enumerate(number * self.steps_per_epoch)
        return self._loaded(numbered.skip(first_step))

    def _load(self, step, batch):
        images, swapped = batch
        # Drawn for the whole batch, so that a worker's pictures do not depend on how many workers there are.
        draws = self._draws(step, self.images_per_batch)
        number, of = self._share
        images, swapped, draws = (tf.split(each, of, axis=-1)[number] for each in (images, swapped, draws))
        first, second, same = self._sides
        swapped = tf.repeat(swapped, self.identities_per_group**2)
        pairs = {"probe": tf.where(swapped, second, first), "gallery": tf.where(swapped, first, second)}
        return {"images": self._taken(images, draws), **pairs}, same

    @functools.cached_property
    def _sides(self):
        """For each pair of a batch or share where its two images are, and whether they show one person."""
        groups = self.groups_per_batch // self._share[1]
        size = self.identities_per_group
        group, row, column = np.indices((groups, size, size), np.int32).reshape(3, -1)
        first, second = (group * size + row) * 2, (group * size + column) * 2 + 1
        return first, second, (row == column).astype(np.int32)
