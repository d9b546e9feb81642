"""One picture of the synthetic set: what chance decides about it, and how it is drawn."""

import dataclasses
import enum
import math
import numbers
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from tfnxc.datasets.image_set import IMAGE_SIZE
from tfnxc.datasets.synthetic.appearance import Appearance, appearance_of
from tfnxc.datasets.synthetic.body import View, draw_body
from tfnxc.datasets.synthetic.scene import PLACES, SCENE_SIZE, draw_obstacle, place

SUPERSAMPLING = 3  # people are drawn this many times larger and then reduced: the antialiasing
_CAST = (-0.035, 0.01, 0.025)  # What camera B does to red, green and blue, as log gains.
_PLAIN = (128, 128, 124)
_STRANGERS = 1 << 20  # Passers-by are drawn from identities that no set reaches.


class Stream(enum.IntEnum):
    """Every challenge has random numbers of its own, so that the difficulty of one leaves the others' draws alone."""

    PERSON = 1
    CAMERA = 2
    PLACE = 3
    POSE = 4
    VIEWPOINT = 5
    LIGHT = 6
    BACKGROUND = 7
    OCCLUSION = 8


@dataclasses.dataclass(frozen=True)
class Difficulty:
    """The difficulty of each challenge, in [0, 2]; see `synthetic`."""

    viewpoint: float = 1.0
    light: float = 1.0
    background: float = 1.0
    occlusion: float = 1.0
    pose: float = 1.0

    def __post_init__(self):
        for name, value in dict(vars(self)).items():
            if not (isinstance(value, numbers.Real) and 0 <= value <= 2):  # so written that NaN fails too
                raise ValueError(f"{name} must be a number in [0, 2]; got {value!r}.")
            object.__setattr__(self, name, float(value))


class Exposure(NamedTuple):
    """What a camera does to the light of a shot; `gain` and `cast` are log gains, of all colours and of each."""

    gain: float
    gamma: float
    contrast: float
    cast: list[float]
    saturation: float
    shading: float
    blur: float

    def of(self, level: float) -> float:
        """What becomes of a grey in [0, 1]."""
        return (0.45 + self.contrast * (level**self.gamma - 0.45)) * math.exp(self.gain)


@dataclasses.dataclass(frozen=True)
class Shot:
    """Which picture, and how hard: all that its random numbers depend on."""

    seed: int
    identity: int
    camera: int
    shot: int
    difficulty: Difficulty

    def rng(self, stream: Stream) -> np.random.Generator:
        """The random numbers of a challenge."""
        return np.random.default_rng((self.seed, stream, self.identity, self.camera, self.shot))

    def view(self) -> View:
        """The viewpoint of the camera and the pose of the shot."""
        turn, mirror, roll, rise, zoom = self.rng(Stream.VIEWPOINT).random(5).tolist()
        phase, stride, arms, lean, x, y, size = self.rng(Stream.POSE).random(7).tolist()
        d, p = self.difficulty.viewpoint, self.difficulty.pose
        if self.camera == 0:
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

    def occluder(self) -> tuple[str | None, list[float]]:
        """What hides a part of the body, if anything, and the random numbers that it is drawn from."""
        happens, kind, *drawn = self.rng(Stream.OCCLUSION).random(12).tolist()
        if happens >= 0.27 * self.difficulty.occlusion:
            return None, drawn
        return "thing" if kind > 0.25 else "passer-by", drawn

    def exposure(self, rng: np.random.Generator) -> Exposure:
        """The exposure of the camera and the shot; `rng` is that of the shot's light."""
        camera = np.random.default_rng((self.seed, Stream.CAMERA, Stream.LIGHT, self.camera, 0))
        own, shot = (camera.random(8) - 0.5).tolist(), (rng.random(8) - 0.5).tolist()
        d, b = self.difficulty.light, self.camera
        # A is neutral and sharp; B is darker, flatter, bluer and soft. The camera's share is the larger one, so that
        # what is between the two can be learnt; the shot's share keeps it from being one fixed table.
        return Exposure(
            gain=d * (-0.04 * b + 0.03 * own[0] + 0.07 * shot[0]),
            gamma=math.exp(d * (0.04 * b + 0.03 * own[1] + 0.04 * shot[1])),
            contrast=math.exp(d * (-0.07 * b + 0.03 * own[2] + 0.04 * shot[2])),
            cast=[d * (c * b + 0.015 * o + 0.02 * s) for c, o, s in zip(_CAST, own[3:6], shot[3:6], strict=True)],
            saturation=math.exp(d * (-0.08 * b + 0.06 * own[6])),
            shading=d * (0.08 * own[7] + 0.12 * shot[6]),
            blur=d * (0.35 + 0.4 * b + 0.3 * shot[7]),
        )


def draw(shot: Shot) -> np.ndarray:
    """The picture of a shot: uint8 of shape `(160, 60, 3)`."""
    layer = Image.new("RGBA", (IMAGE_SIZE[1] * SUPERSAMPLING, IMAGE_SIZE[0] * SUPERSAMPLING))
    view = shot.view()
    draw_body(layer, appearance_of(shot.seed, Stream.PERSON, shot.identity), view)
    _occlude(layer, shot, view)
    layer = layer.reduce(SUPERSAMPLING)
    picture = _background(shot)
    picture.paste(layer, (0, 0), layer)
    return _lit(picture, shot)


def _stranger(seed: int, chance: float) -> Appearance:
    return appearance_of(seed, Stream.PERSON, _STRANGERS + int(chance * 40))


def _occlude(layer: Image.Image, shot: Shot, view: View) -> None:
    occluder, (stranger, side, near, phase, *chance) = shot.occluder()
    extent = 0.6 + 0.4 * shot.difficulty.occlusion
    if occluder == "thing":
        draw_obstacle(layer, chance, extent)
    elif occluder == "passer-by":  # who walks past in front, cut by the edge of the crop
        offset = (1 if side < 0.5 else -1) * (0.62 - 0.22 * extent + 0.1 * near)
        passing = View(
            x=layer.width * (0.5 + offset), y=layer.height * 1.03, height=view.height * 1.06, yaw=side * 6.28,
            phase=phase * 6.28, stride=0.7,
        )  # fmt: skip
        draw_body(layer, _stranger(shot.seed, stranger), passing)


def _background(shot: Shot) -> Image.Image:
    """A random piece of one of the camera's places, faded in from plain grey by the difficulty."""
    plain, difficulty = Image.new("RGB", (IMAGE_SIZE[1], IMAGE_SIZE[0]), _PLAIN), shot.difficulty.background
    if difficulty == 0:
        return plain
    number, x, y, *crowd = shot.rng(Stream.BACKGROUND).random(11).tolist()
    scene = place(shot.seed, Stream.PLACE, shot.camera, int(number * len(PLACES[shot.camera])))
    left, top = int(x * (SCENE_SIZE[0] - plain.width)), int(y * (SCENE_SIZE[1] - plain.height))
    piece = scene.crop((left, top, left + plain.width, top + plain.height))
    # Up to 1 the place fades in; above, where all of it is seen, it is crowds that make it harder.
    for likely, (happens, *stranger) in ((0.25 * difficulty, crowd[:4]), (0.6 * (difficulty - 1), crowd[4:])):
        if happens < likely:
            _pass_behind(piece, shot.seed, *stranger)
    return Image.blend(plain, piece, min(1.0, difficulty))


def _pass_behind(piece: Image.Image, seed: int, stranger: float, aside: float, turn: float) -> None:
    layer = Image.new("RGBA", (2 * piece.width, 2 * piece.height))  # sharp enough for what nobody is to look at
    view = View(
        x=layer.width * (0.3 * aside if turn < 0.5 else 1.0 - 0.3 * aside), y=layer.height * (0.84 + 0.06 * aside),
        height=layer.height * 0.78, yaw=turn * 6.28, phase=turn * 20.0, stride=0.6,
    )  # fmt: skip
    draw_body(layer, _stranger(seed, stranger), view)
    layer = layer.reduce(2)
    piece.paste(layer, (0, 0), layer)


def _lit(picture: Image.Image, shot: Shot) -> np.ndarray:
    """The picture under its exposure: blur, gain, gamma, contrast, cast, saturation, shading and noise."""
    difficulty = shot.difficulty.light
    if difficulty == 0:
        return np.asarray(picture).copy()
    rng = shot.rng(Stream.LIGHT)
    light = shot.exposure(rng)
    levels = np.linspace(0.0, 1.0, 256)
    curve = 255 * (0.45 + light.contrast * (levels**light.gamma - 0.45))
    table = np.concatenate([curve * math.exp(light.gain + c) for c in light.cast])
    picture = picture.filter(ImageFilter.GaussianBlur(light.blur))
    picture = picture.point(np.clip(table + 0.5, 0, 255).astype(np.uint8).tolist())
    # Pillow's colour matrix that takes every colour this far from its own grey.
    grey, own = (1.0 - light.saturation) / 3.0, light.saturation
    matrix = own + grey, grey, grey, 0.0, grey, own + grey, grey, 0.0, grey, grey, own + grey, 0.0
    picture = picture.convert("RGB", matrix)
    # A camera's noise is nearly grey by the time its video has been compressed: one number serves the three colours.
    noise = rng.standard_normal((picture.height, picture.width, 1), dtype=np.float32)
    across = np.linspace(1 + light.shading, 1 - light.shading, picture.width, dtype=np.float32)[:, None]
    pixels = np.asarray(picture) * across + np.float32(255 * difficulty * (0.006 + 0.006 * shot.camera)) * noise
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
