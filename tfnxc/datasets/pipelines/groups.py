"""Training pairs formed inside the batch: groups of people whose images are compared all with all."""

import collections
import dataclasses
import functools
from typing import ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfnxc.datasets.pipelines.pipeline import Pipeline
from tfnxc.errors import InputError


class Groups:
    """Draws groups of a few people with two images each, one for either side of the pairs.

    All images of a side are by one camera: otherwise the cameras of a pair would tell whether it shows one person. They
    are the cameras of the first person's two images, and the others are taken from those whom both cameras saw. Where
    these are fewer than a group, anyone is taken, with images by those of the two cameras that saw the person.

    The people of a group are of one domain, because the look of the pictures alone tells people of two apart. The
    arguments are as in `GroupPipeline`; `across` is whether the two images of a person are by different cameras.
    `paired` are the identities that have two such images, ascending, and `domains` is the domain of each of these.
    """

    def __init__(
        self,
        identities: ArrayLike,
        cameras: ArrayLike | None = None,
        domains: ArrayLike | None = None,
        across: bool = False,
    ):
        identities = np.asarray(identities)
        self._across = across
        self._cameras = np.zeros(len(identities), int) if cameras is None else np.asarray(cameras)
        images = {person: np.flatnonzero(identities == person) for person in np.unique(identities)}
        paired = [person for person, own in images.items() if len(np.unique(self._cameras[own]) if across else own) > 1]
        self.paired = np.array(paired, identities.dtype)
        self._images = [images[person] for person in paired]
        first = np.array([own[0] for own in self._images], int)
        self.domains = np.zeros(len(first), int) if domains is None else np.asarray(domains)[first]
        self._members = {domain: np.flatnonzero(self.domains == domain) for domain in np.unique(self.domains)}
        counts = [collections.Counter(self._cameras[own].tolist()) for own in self._images]
        self._seen_by = {camera: np.array([count[camera] for count in counts]) for camera in np.unique(self._cameras)}
        self._seen_by_both: dict[tuple, np.ndarray] = {}

    @property
    def smallest_domain(self) -> int:
        """Number of identities in the smallest domain; a group cannot be larger."""
        return min(map(len, self._members.values()), default=0)

    def draw(
        self,
        rng: np.random.Generator,
        count: int,
        size: int,
        hard_identities: np.ndarray | None = None,
        hard_share: float = 0.5,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws groups of `size` identities; each identity begins one before any begins a second.

        `hard_identities` are as in `GroupPipeline.one_epoch`; with the probability `hard_share` a group's next person
        is one of those of its first, if there is one of the same domain and cameras. Gives an int32 array of shape
        `(count, size, 2)`, two images a person; and `count` booleans, whether the second images are the probes.
        """
        smallest = self.smallest_domain
        if size > smallest:  # or the search for another person would not end
            raise ValueError(f"groups of {size} identities need as many in each domain; the smallest has {smallest}.")
        shape = () if hard_identities is None else np.shape(hard_identities)
        if hard_identities is not None and (len(shape) != 2 or shape[0] != len(self.paired)):
            rows = f"a row for each of the {len(self.paired)} paired identities"
            raise ValueError(f"hard_identities must have {rows}; got shape {shape}.")
        rounds = -(-count // len(self.paired))
        firsts = np.concatenate([rng.permutation(len(self.paired)) for _ in range(rounds)])[:count]
        groups = [self._group(rng, int(first), size, hard_identities, hard_share) for first in firsts]
        return np.array(groups, np.int32), rng.random(count) < 0.5

    def _group(self, rng, first, size, hard_identities, hard_share):
        """Two images of each person of the group that a person begins."""
        images = [self._two_images(rng, first, None)]
        cameras = tuple(self._cameras[images[0]].tolist())
        candidates = self._candidates(self.domains[first], *sorted(cameras))
        if len(candidates) < size:
            candidates = self._members[self.domains[first]]
        hard = np.array([], int) if hard_identities is None else rng.permutation(hard_identities[first])
        hard = hard[np.isin(hard, candidates)].tolist()  # without -1
        group = [first]
        while len(group) < size:
            take_hard = rng.random() < hard_share and hard
            person = hard.pop() if take_hard else int(candidates[rng.integers(len(candidates))])
            if person not in group:
                group.append(person)
        return images + [self._two_images(rng, person, cameras) for person in group[1:]]

    def _candidates(self, domain, one, other):
        """Those of a domain of whom there is an image by either of two cameras, or two by one."""
        key = (domain, one, other)
        if key not in self._seen_by_both:
            members = self._members[domain]
            least = np.minimum(self._seen_by[one], self._seen_by[other]) if one != other else self._seen_by[one] - 1
            self._seen_by_both[key] = members[least[members] > 0]
        return self._seen_by_both[key]

    def _two_images(self, rng, person, wanted):
        """Two images of a person, by the two cameras that are wanted where these saw the person."""
        images = self._images[person]
        cameras = self._cameras[images]
        every = np.ones(len(images), bool)
        by_one, by_other = (every, every) if wanted is None else (cameras == wanted[0], cameras == wanted[1])
        first = _one_of(rng, by_one, ~by_other, every)
        free = np.arange(len(images)) != first
        if self._across:
            free &= cameras != cameras[first]
        second = _one_of(rng, free & by_other, free)
        return [images[first], images[second]]


def _one_of(rng, *choices):
    """A position where the first of some boolean arrays is true that is so anywhere."""
    return next(rng.choice(places) for places in map(np.flatnonzero, choices) if len(places))


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
        >>> steps = groups.steps_per_epoch
        >>> history = fitted.fit(groups.dataset(), steps_per_epoch=steps, epochs=2, shuffle=False, verbose=0)
    """

    batch_size: int = 144
    _: dataclasses.KW_ONLY
    identities_per_group: int = 3
    hard_share: float = 0.5
    domains: np.ndarray | None = dataclasses.field(default=None, repr=False)

    per_image = (*Pipeline.per_image, "domains")
    whole_numbers: ClassVar = {**Pipeline.whole_numbers, "identities_per_group": 2}
    real_numbers: ClassVar = {**Pipeline.real_numbers, "hard_share": 1.0}
    drawn_by = 2  # since both sides of a group are by the same cameras

    def __post_init__(self):
        super().__post_init__()
        size = self.identities_per_group
        if self.batch_size % size**2:
            makes = f"a group of {size} identities makes {size**2} pairs"
            raise InputError(f"{makes}: batch_size must be a multiple of that; got {self.batch_size}.")
        _, of = self._share
        if self.groups_per_batch % of:
            uneven = f"the {self.groups_per_batch} groups of a batch cannot be shared out evenly in {of} parts"
            raise InputError(f"{uneven}: batch_size must be a multiple of {of} x {size**2}; got {self.batch_size}.")
        self._check_pairs(len(self.grouped))
        smallest = self._groups.smallest_domain
        if smallest < size:
            need = f"groups of {size} identities need as many in each domain; the smallest has {smallest}"
            remedy = "A domain is a data set, or a camera pair of CUHK03: leave that out, or form smaller groups"
            raise InputError(f"{need} with two images to be paired. {remedy}.")

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
        """The batches of one epoch, the same as `dataset` gives unless some identities are said to be hard.

        A `fit` with `epochs=10` of this alone is ten times this epoch; `dataset` gives one after the other.

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
        return self._loaded(self._numbered(*self.groups(number, hard_identities), number).skip(first_step))

    def _epoch(self, number):
        return self._numbered(*tf.numpy_function(self.groups, [number], [tf.int32, tf.bool]), number)

    def _numbered(self, images, swapped, number):
        """Batches of the groups of an epoch, each with its number in the whole training."""
        images = tf.reshape(images, [self.steps_per_epoch, self.images_per_batch])
        swapped = tf.reshape(swapped, [self.steps_per_epoch, self.groups_per_batch])
        return tf.data.Dataset.from_tensor_slices((images, swapped)).enumerate(number * self.steps_per_epoch)

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
