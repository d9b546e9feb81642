"""Groups of people whose images are compared all with all, as indices of images."""

from __future__ import annotations

import numpy as np


class Groups:
    """Draws groups of a few people with two images each, one for either side of the pairs.

    Args:
        identities: Integers, one an image.
        cameras: Integers, one an image: the two images of a person are by different cameras. Defaults to `None`: any
            two images.
        sources: Integers, one an image: the data set it is from. The people of a group are of one source, because
            people of two are told apart by the look of the sets. Defaults to `None`: all from one.

    Attributes:
        people: The identities that have two such images, ascending.
    """

    def __init__(self, identities, cameras=None, sources=None):
        identities = np.asarray(identities)
        sides = {
            person: _sides(np.flatnonzero(identities == person), None if cameras is None else np.asarray(cameras))
            for person in np.unique(identities)
        }
        self.people = np.array([person for person, found in sides.items() if found], np.int64)
        self._sides = [sides[person] for person in self.people]
        first = np.array([found[0][0] for found in self._sides], int)
        self.sources = np.zeros(len(first), int) if sources is None else np.asarray(sources)[first]
        self._fellows = {source: np.flatnonzero(self.sources == source) for source in np.unique(self.sources)}

    @property
    def smallest_source(self):
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
                the same source. Defaults to `0.5`.

        Returns:
            `(images, swapped)`: int32 array of shape `(count, size, 2)`, two images a person; and booleans of shape
            `(count,)`, whether the second images are the probes.

        Raises:
            ValueError: If a source has fewer people than a group, or `alike` is not of these people.
        """
        if size > self.smallest_source:  # or the search for another person would not end
            raise ValueError(
                f"groups of {size} people need as many in each source; the smallest has {self.smallest_source}."
            )
        if alike is not None and (np.ndim(alike) != 2 or len(alike) != len(self.people)):
            raise ValueError(
                f"alike must have a row for each of the {len(self.people)} people; got shape {np.shape(alike)}."
            )
        rounds = -(-count // len(self.people))
        firsts = np.concatenate([rng.permutation(len(self.people)) for _ in range(rounds)])[:count]
        members = [self._gather(rng, first, size, alike, hard_share) for first in firsts]
        images = np.array([[self._two_images(rng, each) for each in group] for group in members], np.int32)
        return images, rng.random(count) < 0.5

    def _gather(self, rng, first, size, alike, hard_share):
        """The people of a group, each once."""
        group = [int(first)]
        source = self.sources[first]
        fellows = self._fellows[source]
        near = [] if alike is None else rng.permutation(alike[first]).tolist()
        near = [each for each in near if each >= 0 and self.sources[each] == source]
        while len(group) < size:
            hard = rng.random() < hard_share and near
            person = near.pop() if hard else int(fellows[rng.integers(len(fellows))])
            if person not in group:
                group.append(person)
        return group

    def _two_images(self, rng, person):
        sides = self._sides[person]
        if len(sides) == 1:
            return rng.choice(sides[0], 2, replace=False)
        one, other = rng.choice(len(sides), 2, replace=False) if len(sides) > 2 else rng.permutation(2)
        return rng.choice(sides[one]), rng.choice(sides[other])


def _sides(images, cameras):
    """The images of a person by camera, or all together; nothing where no two of them can be paired."""
    if cameras is None:
        return [images] if len(images) > 1 else []
    sides = [images[cameras[images] == camera] for camera in np.unique(cameras[images])]
    return sides if len(sides) > 1 else []
