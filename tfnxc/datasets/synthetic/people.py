"""The embedded synthetic set: people drawn by NumPy and Pillow, so that everything runs with no data at hand."""

import functools
import math
import operator
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tfnxc.datasets.image_set import ImageSet
from tfnxc.datasets.synthetic.picture import Difficulty, Shot, Stream, draw


class Conditions(NamedTuple):
    """What makes one picture of the set hard.

    Args:
        turn: Degrees in [-180, 180]: how far the person is turned from the camera; 0 = facing it, 180 = from behind.
        occluder: What hides a part of the body: `"thing"`, `"passer-by"`, or `None`.
        brightness: Natural logarithm of what the exposure does to mid-grey: 0 = nothing, below 0 = darker.
    """

    turn: float
    occluder: str | None
    brightness: float


def synthetic(
    identities: int = 60,
    shots: int = 2,
    seed: int = 0,
    *,
    viewpoint: float = 1.0,
    light: float = 1.0,
    background: float = 1.0,
    occlusion: float = 1.0,
    pose: float = 1.0,
) -> ImageSet:
    """The embedded synthetic set: drawn people seen by two cameras, 160 x 60 pixels.

    The pictures are drawn when they are read, each from its own random numbers: any of them can be drawn at any time,
    in any order and in any process, and always has the same pixels. Identities share a small range of street colours,
    so that colour alone does not tell them apart; garments, patterns, bags and where the colours sit do. The pictures
    are ordered by identity, then camera, then shot.

    Five challenges have a difficulty each: `0.0` switches one off, `2.0` is the most. With all at `0.0` both cameras
    see the same picture.

    Args:
        identities: How many people. Defaults to `60`.
        shots: How many pictures each of the two cameras takes of a person. Defaults to `2`.
        seed: A non-negative integer. Another seed gives other people, other places and slightly other cameras.
            Defaults to `0`.
        viewpoint: How far camera B looks from the side and the back, and how it is tilted. Defaults to `1.0`.
        light: How far exposure, contrast, colour cast, shading, noise and blur differ. Defaults to `1.0`.
        background: How much of the places behind the people is seen, and of passers-by there. Defaults to `1.0`.
        occlusion: How often, and how far, things and people hide a part of the body. Defaults to `1.0`.
        pose: How far the step, the arms, the lean, and the place and size in the crop differ. Defaults to `1.0`.

    Returns:
        An `ImageSet` named `"synthetic"` of `identities * 2 * shots` pictures.

    Raises:
        ValueError: If a difficulty is outside `[0, 2]`, `identities` or `shots` is below 1, or `seed` is negative.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=4, seed=7)
        >>> people.read(0).shape, people.paths[0]
        ((160, 60, 3), 'synthetic/0000_a_00.png')
    """
    difficulty = Difficulty(viewpoint, light, background, occlusion, pose)
    identities, shots = _integer("identities", identities, 1), _integer("shots", shots, 1)
    seed = _integer("seed", seed, 0)
    ids, cameras, numbers = (axis.ravel() for axis in np.indices((identities, 2, shots)))
    paths = [f"synthetic/{i:04d}_{'ab'[c]}_{s:02d}.png" for i, c, s in zip(ids, cameras, numbers, strict=True)]
    # A partial, not a closure, so that the set can be sent to worker processes.
    read = functools.partial(_read, identities, shots, seed, difficulty)
    return ImageSet(name="synthetic", paths=paths, identities=ids, cameras=cameras, read=read)


def draw_person(identity: int, camera: int, shot: int, seed: int = 0, **difficulty: float) -> np.ndarray:
    """Draws one picture of the synthetic set, of shape `(160, 60, 3)`, as a pure function of its arguments.

    `camera` is 0 (A, from the front) or 1 (B, from the side and behind); `seed` and the difficulties are as in
    `synthetic`.

    Example:
        >>> draw_person(identity=3, camera=1, shot=0, occlusion=0.0).shape
        (160, 60, 3)
    """
    hard = Difficulty(**difficulty)
    if camera not in (0, 1):
        raise ValueError(f"camera must be 0 (A) or 1 (B); got {camera!r}.")
    identity, shot, seed = _integer("identity", identity, 0), _integer("shot", shot, 0), _integer("seed", seed, 0)
    return draw(Shot(seed, identity, int(camera), shot, hard))


def conditions(paths: Iterable[str], seed: int = 0, **difficulty: float) -> list[Conditions]:
    """What makes each of some pictures of the synthetic set hard; nothing is drawn.

    Args:
        paths: Names of pictures, as `ImageSet.paths` of `synthetic` has them.
        seed: That of the set. Defaults to `0`.
        **difficulty: `viewpoint`, `light`, `background`, `occlusion` and `pose` of the set. Default to `1.0`.

    Raises:
        ValueError: If a name is not one of the set's, or another argument is not as `synthetic` takes it.

    Example:
        >>> [each.occluder for each in conditions(["synthetic/0000_a_00.png"], occlusion=0)]
        [None]
    """
    hard, seed = Difficulty(**difficulty), _integer("seed", seed, 0)
    found = []
    for path in paths:
        name = re.fullmatch(r"synthetic/(\d{4,})_([ab])_(\d{2,})\.png", path)
        if name is None:
            raise ValueError(f"pictures of the synthetic set are called like synthetic/0012_a_01.png; got {path!r}.")
        shot = Shot(seed, int(name[1]), "ab".index(name[2]), int(name[3]), hard)
        turn = math.remainder(math.degrees(shot.view().yaw), 360)
        exposure = shot.exposure(shot.rng(Stream.LIGHT))
        found.append(Conditions(turn, shot.occluder()[0], math.log(exposure.of(0.5) / 0.5)))
    return found


def _integer(name: str, value: int, least: int) -> int:
    if not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}.")
    return operator.index(value)


def _read(identities: int, shots: int, seed: int, difficulty: Difficulty, index: int) -> np.ndarray:
    count = identities * 2 * shots
    if not 0 <= index < count:
        raise IndexError(f"this synthetic set has the pictures 0 to {count - 1}; got {index}.")
    person, rest = divmod(int(index), 2 * shots)
    return draw(Shot(seed, person, *divmod(rest, shots), difficulty))
