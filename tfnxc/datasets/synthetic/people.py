"""The embedded synthetic set: people drawn by NumPy and Pillow, so that everything runs with no data at hand."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import numbers
import operator
import re
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from tfnxc.datasets.image_set import IMAGE_SIZE, ImageSet
from tfnxc.datasets.synthetic.appearance import appearance_of
from tfnxc.datasets.synthetic.body import View, draw_body
from tfnxc.datasets.synthetic.scene import PLACES, SCENE_SIZE, draw_obstacle, place

SUPERSAMPLING = 3
"""People are drawn this many times larger and then reduced: the antialiasing."""

_PLAIN = (128, 128, 124)
_CAST = (-0.035, 0.01, 0.025)  # What camera B does to red, green and blue, as log gains.
_STRANGERS = 1 << 20  # Passers-by are drawn from identities that no set reaches.


class _Stream(enum.IntEnum):
    """Every challenge has random numbers of its own, so that turning one dial leaves the others' draws alone."""

    PERSON = 1
    CAMERA = 2
    PLACE = 3
    POSE = 4
    VIEWPOINT = 5
    LIGHT = 6
    BACKGROUND = 7
    OCCLUSION = 8


@dataclasses.dataclass(frozen=True)
class _Dials:
    viewpoint: float
    light: float
    background: float
    occlusion: float
    pose: float

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            # Written so that NaN fails too.
            if not (isinstance(value, numbers.Real) and 0 <= value <= 2):
                raise ValueError(f"`{field.name}` must be a number in [0, 2]. Received: {field.name}={value!r}")
            object.__setattr__(self, field.name, float(value))


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


@dataclasses.dataclass(frozen=True)
class _Shot:
    """Which picture: the source of every random number in it."""

    seed: int
    identity: int
    camera: int
    shot: int

    def rng(self, stream: _Stream) -> np.random.Generator:
        return np.random.default_rng((self.seed, stream, self.identity, self.camera, self.shot))

    def camera_rng(self, stream: _Stream) -> np.random.Generator:
        return np.random.default_rng((self.seed, _Stream.CAMERA, stream, self.camera, 0))


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

    Each of the five dials is the difficulty of one challenge: `0.0` switches it off, `1.0` (the default of all five)
    is the difficulty the examples of this package use, `2.0` is the most. With all at `0.0` both cameras see
    the same picture.

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
        ValueError: If a dial is outside `[0, 2]`, `identities` or `shots` is less than 1, or `seed` is negative.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=4, seed=7)
        >>> people.read(0).shape, people.paths[0]
        ((160, 60, 3), 'synthetic/0000_a_00.png')
    """
    dials = _Dials(viewpoint, light, background, occlusion, pose)
    identities, shots = _integer("identities", identities, 1), _integer("shots", shots, 1)
    seed = _integer("seed", seed, 0)
    ids, cameras, numbers_ = (axis.ravel() for axis in np.indices((identities, 2, shots)))
    paths = [f"synthetic/{i:04d}_{'ab'[c]}_{s:02d}.png" for i, c, s in zip(ids, cameras, numbers_, strict=True)]
    # A partial, not a closure, so that the set can be sent to worker processes.
    read = functools.partial(_read, identities, shots, seed, dials)
    return ImageSet(name="synthetic", paths=paths, identities=ids, cameras=cameras, read=read)


def draw_person(
    identity: int,
    camera: int,
    shot: int,
    seed: int = 0,
    *,
    viewpoint: float = 1.0,
    light: float = 1.0,
    background: float = 1.0,
    occlusion: float = 1.0,
    pose: float = 1.0,
) -> np.ndarray:
    """Draws one picture of the synthetic set; a pure function of its arguments.

    Args:
        identity: Who: a non-negative integer.
        camera: Which camera: 0 = A, from the front, 1 = B, from the side and behind.
        shot: Which of the camera's pictures of the person: a non-negative integer.
        seed: As in `synthetic`. Defaults to `0`.
        viewpoint: As in `synthetic`. Defaults to `1.0`.
        light: As in `synthetic`. Defaults to `1.0`.
        background: As in `synthetic`. Defaults to `1.0`.
        occlusion: As in `synthetic`. Defaults to `1.0`.
        pose: As in `synthetic`. Defaults to `1.0`.

    Returns:
        A uint8 array of shape `(160, 60, 3)`, RGB.

    Raises:
        ValueError: If a dial is outside `[0, 2]`, `camera` is neither 0 nor 1, or another number is negative.

    Example:
        >>> tfnxc.datasets.draw_person(identity=3, camera=1, shot=0, occlusion=0.0).shape
        (160, 60, 3)
    """
    dials = _Dials(viewpoint, light, background, occlusion, pose)
    if camera not in (0, 1):
        raise ValueError(f"`camera` must be 0 (A) or 1 (B). Received: camera={camera!r}")
    which = _Shot(_integer("seed", seed, 0), _integer("identity", identity, 0), int(camera), _integer("shot", shot, 0))
    return _draw(which, dials)


def conditions(
    paths, seed: int = 0, *, viewpoint: float = 1.0, light: float = 1.0, occlusion: float = 1.0
) -> list[Conditions]:
    """What makes each of some pictures of the synthetic set hard; nothing is drawn.

    Args:
        paths: Names of pictures, as `ImageSet.paths` of `synthetic` has them.
        seed: That of the set. Defaults to `0`.
        viewpoint: That of the set, like the next two. Defaults to `1.0`.
        light: Defaults to `1.0`.
        occlusion: Defaults to `1.0`.

    Returns:
        One `Conditions` a name.

    Raises:
        ValueError: If a name is not one of the set's, or another argument is not as `synthetic` takes it.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=4)
        >>> hidden = [each.occluder is not None for each in conditions(people.paths)]
    """
    dials = _Dials(viewpoint, light, 1.0, occlusion, 1.0)
    seed = _integer("seed", seed, 0)
    found = []
    for path in paths:
        name = re.fullmatch(r"synthetic/(\d{4,})_([ab])_(\d{2,})\.png", path)
        if name is None:
            raise ValueError(
                f"Pictures of the synthetic set are called like synthetic/0012_a_01.png. Received: {path!r}"
            )
        which = _Shot(seed, int(name[1]), "ab".index(name[2]), int(name[3]))
        turn = math.remainder(math.degrees(_view(which, dials).yaw), 360)
        occluder, _ = _occluder(which, dials.occlusion)
        exposure = _exposure(which, dials.light, which.rng(_Stream.LIGHT))
        found.append(Conditions(turn, occluder, math.log(exposure.of(0.5) / 0.5)))
    return found


def _integer(name: str, value: int, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {name}={value!r}")
    return number


def _read(identities: int, shots: int, seed: int, dials: _Dials, index: int) -> np.ndarray:
    count = identities * 2 * shots
    if not 0 <= index < count:
        raise IndexError(f"This synthetic set has pictures 0..{count - 1}. Received: index={index}")
    person, rest = divmod(int(index), 2 * shots)
    return _draw(_Shot(seed, person, *divmod(rest, shots)), dials)


def _draw(which: _Shot, dials: _Dials) -> np.ndarray:
    size = (IMAGE_SIZE[1] * SUPERSAMPLING, IMAGE_SIZE[0] * SUPERSAMPLING)
    layer = Image.new("RGBA", size)
    view = _view(which, dials)
    draw_body(layer, appearance_of(which.seed, _Stream.PERSON, which.identity), view)
    _occlude(layer, which, dials.occlusion, view)
    layer = layer.reduce(SUPERSAMPLING)
    picture = _background(which, dials.background)
    picture.paste(layer, (0, 0), layer)
    return _lit(picture, which, dials.light)


def _view(which: _Shot, dials: _Dials) -> View:
    """The viewpoint of the camera and the pose of the shot."""
    turn, mirror, roll, rise, zoom = which.rng(_Stream.VIEWPOINT).random(5).tolist()
    phase, stride, arms, lean, x, y, size = which.rng(_Stream.POSE).random(7).tolist()
    d, p = dials.viewpoint, dials.pose
    if which.camera == 0:
        yaw, elevation, scale, tilt, down = 40 * (turn - 0.5), 0.04, 0.0, 0.0, 0.0
    else:
        # B sees most people walk to the right and away; a few walk to the left.
        yaw, elevation, scale, tilt, down = 76 + 62 * turn, 0.12, -0.11, 0.04, -0.045
        yaw = -yaw if mirror < 0.2 else yaw
    # Above 1 the body turns on slowly: straight from behind it would look more like its front than its side does.
    yaw *= d if d <= 1 else 1 + 0.15 * (d - 1)
    height = IMAGE_SIZE[0] * 0.87 * math.exp(d * (scale + 0.12 * (zoom - 0.5)) + p * 0.2 * (size - 0.6))
    return View(
        x=SUPERSAMPLING * IMAGE_SIZE[1] * (0.5 + p * 0.16 * (x - 0.5)),
        y=SUPERSAMPLING * IMAGE_SIZE[0] * (0.965 + d * down + p * 0.07 * (y - 0.6)),
        height=SUPERSAMPLING * height,
        yaw=math.radians(yaw),
        roll=d * (tilt + 0.05 * (roll - 0.5)),
        elevation=0.04 + d * (elevation - 0.04 + 0.03 * (rise - 0.5)),
        phase=0.6 + p * 2 * math.pi * phase,
        stride=p * (0.35 + 0.65 * stride),
        arms=p * 1.1 * (arms - 0.4),
        lean=p * 0.09 * (lean - 0.4),
    )


def _occluder(which: _Shot, dial: float) -> tuple[str | None, list[float]]:
    """What hides a part of the body, if anything, and the random numbers that it is drawn from."""
    happens, kind, *numbers = which.rng(_Stream.OCCLUSION).random(12).tolist()
    if happens >= 0.27 * dial:
        return None, numbers
    return "thing" if kind > 0.25 else "passer-by", numbers


def _occlude(layer: Image.Image, which: _Shot, dial: float, view: View) -> None:
    occluder, (stranger, side, near, phase, *chance) = _occluder(which, dial)
    if occluder is None:
        return
    extent = 0.6 + 0.4 * dial
    if occluder == "thing":
        draw_obstacle(layer, chance, extent)
        return
    # Somebody walks past in front, cut by the edge of the crop.
    offset = (1 if side < 0.5 else -1) * (0.62 - 0.22 * extent + 0.1 * near)
    other = appearance_of(which.seed, _Stream.PERSON, _STRANGERS + int(stranger * 40))
    passing = View(
        x=layer.width * (0.5 + offset), y=layer.height * 1.03, height=view.height * 1.06, yaw=side * 6.28,
        phase=phase * 6.28, stride=0.7,
    )  # fmt: skip
    draw_body(layer, other, passing)


def _background(which: _Shot, dial: float) -> Image.Image:
    """A random piece of one of the camera's places, faded in from plain grey by the dial."""
    plain = Image.new("RGB", (IMAGE_SIZE[1], IMAGE_SIZE[0]), _PLAIN)
    if dial == 0:
        return plain
    number, x, y, *crowd = which.rng(_Stream.BACKGROUND).random(11).tolist()
    scene = place(which.seed, _Stream.PLACE, which.camera, int(number * len(PLACES[which.camera])))
    left, top = int(x * (SCENE_SIZE[0] - plain.width)), int(y * (SCENE_SIZE[1] - plain.height))
    piece = scene.crop((left, top, left + plain.width, top + plain.height))
    # Up to 1 the dial fades the place in; above, where all of it is seen, it is crowds that make it harder.
    for likely, (happens, *stranger) in ((0.25 * dial, crowd[:4]), (0.6 * (dial - 1), crowd[4:])):
        if happens < likely:
            _pass_behind(piece, which.seed, *stranger)
    return Image.blend(plain, piece, min(1.0, dial))


def _pass_behind(piece: Image.Image, seed: int, stranger: float, aside: float, turn: float) -> None:
    # Two times is sharp enough for what nobody is to look at.
    layer = Image.new("RGBA", (2 * piece.width, 2 * piece.height))
    view = View(
        x=layer.width * (0.3 * aside if turn < 0.5 else 1.0 - 0.3 * aside), y=layer.height * (0.84 + 0.06 * aside),
        height=layer.height * 0.78, yaw=turn * 6.28, phase=turn * 20.0, stride=0.6,
    )  # fmt: skip
    draw_body(layer, appearance_of(seed, _Stream.PERSON, _STRANGERS + int(stranger * 40)), view)
    layer = layer.reduce(2)
    piece.paste(layer, (0, 0), layer)


class _Exposure(NamedTuple):
    """What a camera does to the light of a shot; `gain` and `cast` are log gains, of all colours and of each."""

    gain: float
    gamma: float
    contrast: float
    cast: list[float]
    saturation: float
    shading: float
    blur: float

    def of(self, level):
        """What becomes of a grey in [0, 1]."""
        return (0.45 + self.contrast * (level**self.gamma - 0.45)) * math.exp(self.gain)


def _exposure(which: _Shot, dial: float, rng: np.random.Generator) -> _Exposure:
    """The exposure of the camera and the shot; `rng` is that of the shot's light."""
    own = (which.camera_rng(_Stream.LIGHT).random(8) - 0.5).tolist()
    shot = (rng.random(8) - 0.5).tolist()
    b = which.camera
    # A is neutral and sharp; B is darker, flatter, bluer and soft. The camera's share is the larger one, so that what
    # is between the two can be learnt; the shot's share keeps it from being one fixed table.
    return _Exposure(
        gain=dial * (-0.04 * b + 0.03 * own[0] + 0.07 * shot[0]),
        gamma=math.exp(dial * (0.04 * b + 0.03 * own[1] + 0.04 * shot[1])),
        contrast=math.exp(dial * (-0.07 * b + 0.03 * own[2] + 0.04 * shot[2])),
        cast=[dial * (c * b + 0.015 * o + 0.02 * s) for c, o, s in zip(_CAST, own[3:6], shot[3:6], strict=True)],
        saturation=math.exp(dial * (-0.08 * b + 0.06 * own[6])),
        shading=dial * (0.08 * own[7] + 0.12 * shot[6]),
        blur=dial * (0.35 + 0.4 * b + 0.3 * shot[7]),
    )


def _lit(picture: Image.Image, which: _Shot, dial: float) -> np.ndarray:
    """The picture under its exposure: blur, gain, gamma, contrast, cast, saturation, shading and noise."""
    if dial == 0:
        return np.asarray(picture).copy()
    rng = which.rng(_Stream.LIGHT)
    light = _exposure(which, dial, rng)
    levels = np.linspace(0.0, 1.0, 256)
    curve = 255 * (0.45 + light.contrast * (levels**light.gamma - 0.45))
    table = np.concatenate([curve * math.exp(light.gain + c) for c in light.cast])
    picture = picture.filter(ImageFilter.GaussianBlur(light.blur))
    picture = picture.point(np.clip(table + 0.5, 0, 255).astype(np.uint8).tolist())
    picture = picture.convert("RGB", _saturate(light.saturation))
    # A camera's noise is nearly grey by the time its video has been compressed: one number serves the three colours.
    noise = rng.standard_normal((picture.height, picture.width, 1), dtype=np.float32)
    across = np.linspace(1 + light.shading, 1 - light.shading, picture.width, dtype=np.float32)[:, None]
    pixels = np.asarray(picture) * across + np.float32(255 * dial * (0.006 + 0.006 * which.camera)) * noise
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def _saturate(factor: float) -> tuple[float, ...]:
    """Pillow's colour matrix that takes every colour this far from its own grey."""
    grey, own = (1.0 - factor) / 3.0, factor
    return (own + grey, grey, grey, 0.0, grey, own + grey, grey, 0.0, grey, grey, own + grey, 0.0)
