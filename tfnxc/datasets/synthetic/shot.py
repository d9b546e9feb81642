"""What chance decides about one picture of the synthetic set: the view, what hides the person, the exposure."""

import dataclasses
import enum
import math
import numbers
from typing import NamedTuple

import numpy as np

from tfnxc.datasets.image_set import IMAGE_SIZE
from tfnxc.datasets.synthetic.body import View

SUPERSAMPLING = 3
"""People are drawn this many times larger and then reduced: the antialiasing."""
_CAST = (-0.035, 0.01, 0.025)  # What camera B does to red, green and blue, as log gains.


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
