"""Groups of people whose images are compared all with all, as indices of images."""

from __future__ import annotations

import collections

import numpy as np


class Groups:
    """Draws groups of a few people with two images each, one for either side of the pairs.

    All images of a side are by one camera: otherwise the cameras of a pair would tell whether it shows one person. They
    are the cameras of the first person's two images, and the other people are taken from those whom both saw. Where
    these are fewer than a group, anyone is taken, and has images by those of the cameras that saw it.

    Args:
        identities: Integers, one an image.
        cameras: Integers, one an image. Defaults to `None`: not known.
        domains: Integers, one an image: the data set it is from, and of sets whose cameras stood at several places, the
            place. The people of a group are of one source, because people of two are told apart by the look of the
            pictures. Defaults to `None`: all from one.
        across: Whether the two images of a person are by different cameras. Defaults to `False`: they are any two.

    Attributes:
        people: The identities that have two such images, ascending.
    """

    def __init__(self, identities, cameras=None, domains=None, across=False):
        identities = np.asarray(identities)
        self._across = across
        self._cameras = np.zeros(len(identities), int) if cameras is None else np.asarray(cameras)
        images = {person: np.flatnonzero(identities == person) for person in np.unique(identities)}
        paired = [person for person, own in images.items() if len(np.unique(self._cameras[own]) if across else own) > 1]
        self.people = np.array(paired, np.int64)
        self._images = [images[person] for person in paired]
        first = np.array([own[0] for own in self._images], int)
        self.domains = np.zeros(len(first), int) if domains is None else np.asarray(domains)[first]
        self._fellows = {source: np.flatnonzero(self.domains == source) for source in np.unique(self.domains)}
        counts = [collections.Counter(self._cameras[own].tolist()) for own in self._images]
        self._seen_by = {camera: np.array([count[camera] for count in counts]) for camera in np.unique(self._cameras)}
        self._witnessed = {}

    @property
    def smallest_domain(self):
        """Number of people in the smallest source; a group cannot be larger."""
        return min(map(len, self._fellows.values()), default=0)

    def draw(self, rng, count, size, alike=None, hard_share=0.5):
        """Some groups.

        Args:
            rng: A `numpy.random.Generator`.
            count: How many groups. Each person begins one before any begins a second.
            size: People a group.
            alike: For each of `people` the positions in `people` of those it is hard to tell from, or -1: int array of
                shape `(people, any number)`. Defaults to `None`: nobody knows.
            hard_share: Probability that a group's next person is taken from `alike` of its first, if there is one of
                the same source and cameras. Defaults to `0.5`.

        Returns:
            `(images, swapped)`: int32 array of shape `(count, size, 2)`, two images a person; and booleans of shape
            `(count,)`, whether the second images are the probes.

        Raises:
            ValueError: If a source has fewer people than a group, or `alike` is not of these people.
        """
        if size > self.smallest_domain:  # or the search for another person would not end
            raise ValueError(
                f"groups of {size} people need as many in each source; the smallest has {self.smallest_domain}."
            )
        if alike is not None and (np.ndim(alike) != 2 or len(alike) != len(self.people)):
            raise ValueError(
                f"alike must have a row for each of the {len(self.people)} people; got shape {np.shape(alike)}."
            )
        rounds = -(-count // len(self.people))
        firsts = np.concatenate([rng.permutation(len(self.people)) for _ in range(rounds)])[:count]
        images = np.array([self._group(rng, int(first), size, alike, hard_share) for first in firsts], np.int32)
        return images, rng.random(count) < 0.5

    def _group(self, rng, first, size, alike, hard_share):
        """Two images of each person of the group that a person begins."""
        images = [self._two_images(rng, first, None)]
        cameras = tuple(self._cameras[images[0]].tolist())
        fellows = self._seen_by_both(self.domains[first], *sorted(cameras))
        if len(fellows) < size:
            fellows = self._fellows[self.domains[first]]
        group = self._gather(rng, first, fellows, size, alike, hard_share)
        return images + [self._two_images(rng, person, cameras) for person in group[1:]]

    def _seen_by_both(self, source, one, other):
        """Those of a source of whom there is an image by either of two cameras, or two by one."""
        if (source, one, other) not in self._witnessed:
            fellows = self._fellows[source]
            least = np.minimum(self._seen_by[one], self._seen_by[other]) if one != other else self._seen_by[one] - 1
            self._witnessed[source, one, other] = fellows[least[fellows] > 0]
        return self._witnessed[source, one, other]

    @staticmethod
    def _gather(rng, first, fellows, size, alike, hard_share):
        """The people of a group, each once."""
        group = [first]
        near = np.array([], int) if alike is None else rng.permutation(alike[first])
        near = near[np.isin(near, fellows)].tolist()  # without -1
        while len(group) < size:
            hard = rng.random() < hard_share and near
            person = near.pop() if hard else int(fellows[rng.integers(len(fellows))])
            if person not in group:
                group.append(person)
        return group

    def _two_images(self, rng, person, wanted):
        """Two images of a person, by two cameras that are wanted, or the same twice, where these saw the person."""
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
