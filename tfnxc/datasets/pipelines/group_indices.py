"""Groups of people whose images are compared all with all, as indices of images."""

import collections

import numpy as np
from numpy.typing import ArrayLike


class Groups:
    """Draws groups of a few people with two images each, one for either side of the pairs.

    All images of a side are by one camera: otherwise the cameras of a pair would tell whether it shows one person. They
    are the cameras of the first person's two images, and the others are taken from those whom both cameras saw. Where
    these are fewer than a group, anyone is taken, with images by those of the two cameras that saw the person.

    The people of a group are of one domain, because the look of the pictures alone tells people of two apart.

    Args:
        identities: As in `GroupPipeline`, like `cameras` and `domains`.
        across: Whether the two images of a person are by different cameras. Defaults to `False`: they are any two.

    Attributes:
        paired: The identities that have two such images, ascending.
        domains: The domain of each of these.
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
        self.paired = np.array(paired, np.int64)
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
        is one of those of its first, if there is one of the same domain and cameras.

        Returns:
            `(images, swapped)`: int32 array of shape `(count, size, 2)`, two images a person; and booleans of shape
            `(count,)`, whether the second images are the probes.
        """
        if size > self.smallest_domain:  # or the search for another person would not end
            raise ValueError(
                f"groups of {size} identities need as many in each domain; the smallest has {self.smallest_domain}."
            )
        if hard_identities is not None and (np.ndim(hard_identities) != 2 or len(hard_identities) != len(self.paired)):
            raise ValueError(
                f"hard_identities must have a row for each of the {len(self.paired)} paired identities; got shape "
                f"{np.shape(hard_identities)}."
            )
        rounds = -(-count // len(self.paired))
        firsts = np.concatenate([rng.permutation(len(self.paired)) for _ in range(rounds)])[:count]
        images = np.array(
            [self._group(rng, int(first), size, hard_identities, hard_share) for first in firsts], np.int32
        )
        return images, rng.random(count) < 0.5

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
