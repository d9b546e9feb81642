"""Drawing one person of the synthetic set: a walking skeleton, turned by the view and dressed by the `Appearance`."""

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from tfnxc.datasets.synthetic.appearance import COLUMNS, ROWS, SKIRTS, Appearance, Colour, shaded

Point = tuple[float, float, float]  # a joint on the canvas: x, y, and how near it is to the camera


@dataclasses.dataclass(frozen=True)
class View:
    """How one shot sees a person. Lengths are canvas pixels, angles radians.

    `yaw` is the turn of the body: 0 faces the camera, pi/2 walks to the right of the picture, pi shows the back.
    """

    x: float
    y: float
    height: float
    yaw: float = 0.0
    roll: float = 0.0
    elevation: float = 0.04
    phase: float = 0.0
    stride: float = 0.0
    arms: float = 0.0
    lean: float = 0.0

    def project(self, left: float, up: float, forward: float) -> Point:
        """A point of the body (in body heights; the feet's middle is the origin) on the canvas."""
        forward += self.lean * up
        across = left * math.cos(self.yaw) + forward * math.sin(self.yaw)
        near = forward * math.cos(self.yaw) - left * math.sin(self.yaw)
        down = self.elevation * near - up
        x = self.x + self.height * (across - self.roll * (down + 0.5))
        return x, self.y + self.height * (down + self.roll * across), near

    def half_width(self, width: float, depth: float) -> float:
        """Half the width, in pixels, of an upright elliptical body part seen under this yaw."""
        return self.height * math.hypot(width * math.cos(self.yaw), depth * math.sin(self.yaw))


def draw_body(canvas: Image.Image, look: Appearance, view: View) -> None:
    """Draws the person onto an RGBA canvas, the far parts first."""
    view = dataclasses.replace(view, height=view.height * look.stature)
    draw = ImageDraw.Draw(canvas)
    draw.ellipse(_box(view.x, view.y, 0.17 * view.height, 0.025 * view.height), fill=(12, 12, 16, 64))  # the shadow
    # Trousers, then skirt, then coat, as they are worn; everything above them by its distance from the camera.
    for side in sorted((-1, 1), key=lambda side: -side * math.sin(view.yaw)):
        _leg(draw, look, view, side)
    if look.skirt is not None:
        _skirt(canvas, look, view, look.skirt)
    parts = [(at, functools.partial(part, canvas, look, view)) for at, part in ((-0.03, _torso), (-0.02, _head))]
    parts += [(-side * 0.12 * math.sin(view.yaw), functools.partial(_arm, draw, look, view, side)) for side in (-1, 1)]
    if look.bag_kind in ("backpack", "shoulder bag"):
        left, forward = (0.0, -0.12) if look.bag_kind == "backpack" else (look.bag_side * 0.13, 0.0)
        parts.append((view.project(left, 0.6, forward)[2] - 0.001, functools.partial(_worn_bag, draw, look, view)))
    for _, part in sorted(parts, key=lambda part: part[0]):
        part()


def _swing(view: View, side: int) -> float:
    """-1 (limb behind) .. 1 (in front), scaled by the length of the stride; the two sides are half a step apart."""
    return view.stride * math.sin(view.phase + (0.0 if side > 0 else math.pi))


def _leg(draw: ImageDraw.ImageDraw, look: Appearance, view: View, side: int) -> None:
    swing = _swing(view, side)
    lift = 0.05 * max(0.0, -swing)
    hip = view.project(side * look.hips * 0.55, 0.50, 0.0)
    knee = view.project(side * look.hips * 0.58, 0.275 + 0.3 * lift, 0.085 * swing + 0.012)
    ankle = view.project(side * look.hips * 0.6, 0.045 + lift, 0.17 * swing)
    toe = view.project(side * look.hips * 0.72, 0.014 + 0.6 * lift, 0.17 * swing + 0.07)
    heel = view.project(side * look.hips * 0.6, 0.02 + lift, 0.17 * swing - 0.015)
    thick = view.height * look.build * look.leg_width
    bare = look.lower_kind == "shorts" or look.lower_kind in SKIRTS
    _limb(draw, (heel, toe), (0.021 * view.height, 0.016 * view.height), (look.shoe,))
    calf = look.skin if bare else look.lower
    thigh = look.skin if look.lower_kind in SKIRTS else look.lower
    if thigh == calf:
        radii = (0.056 * thick, 0.041 * thick, (0.022 if bare else 0.029) * thick)
        _limb(draw, (hip, knee, ankle), radii, (thigh, calf))
    else:
        # Shorts end above the knee and stand off the leg.
        _limb(draw, (knee, ankle), (0.032 * thick, 0.021 * thick), (calf,))
        _limb(draw, (hip, knee), (0.056 * thick, 0.044 * thick), (thigh,))
    if look.leg_stripe and side * math.sin(view.yaw) < 0.35:
        # The seam is on the outer side: seen from the front at the leg's edge, from its own side in the middle.
        shift = side * 0.03 * thick * math.cos(view.yaw)
        seam = [(x + shift, y) for x, y, _ in (hip, knee, ankle)]
        draw.line(seam, fill=look.leg_stripe, width=max(1, round(0.014 * view.height)))


def _arm(draw: ImageDraw.ImageDraw, look: Appearance, view: View, side: int) -> None:
    swing = -_swing(view, side)
    reach = 0.5 * swing + (view.arms if side > 0 else 0.6 * abs(view.arms))
    spread = look.shoulders * look.build
    shoulder = view.project(side * spread * 0.92, 0.80, 0.0)
    elbow = view.project(side * (spread + 0.022), 0.635, 0.09 * reach - 0.01)
    wrist = view.project(side * (spread + 0.014), 0.485 + 0.05 * abs(reach), 0.21 * reach + 0.02)
    thick = view.height * look.build
    hand = view.project(side * (spread + 0.014), 0.455 + 0.05 * abs(reach), 0.23 * reach + 0.025)
    if look.bag_kind in ("handbag", "shopping bag") and side == look.bag_side:
        _held_bag(draw, look, view, hand)
    _limb(draw, (wrist, hand), (0.018 * view.height, 0.018 * view.height), (look.skin,))
    if look.short_sleeves:
        _limb(draw, (elbow, wrist), (0.025 * thick, 0.019 * thick), (look.skin,))
        _limb(draw, (shoulder, elbow), (0.036 * thick, 0.032 * thick), (look.sleeve,))
    else:
        _limb(draw, (shoulder, elbow, wrist), (0.036 * thick, 0.030 * thick, 0.022 * thick), (look.sleeve,) * 2)


def _torso(canvas: Image.Image, look: Appearance, view: View) -> None:
    build, shoulders, hips = look.build, look.shoulders, look.hips
    # Height above the ground, half width and half depth of the rings the garment hangs on.
    rings = [
        (0.855, 0.034, 0.034),
        (0.825, shoulders * build, 0.060 * build),
        (0.70, shoulders * build * 0.93, 0.078 * build),
        (0.58, hips * build * 0.98, 0.072 * build),
        (0.48, hips * build * 1.08, 0.076 * build),
    ]
    if look.hem < 0.4:
        rings.append((look.hem, hips * build * 1.28, 0.098 * build))
    else:
        rings[-1] = (look.hem, *rings[-1][1:])
    _wrap(canvas, view, rings, look.torso)
    if look.hood:
        x, y, _ = view.project(0.0, 0.845, -0.035)
        width = view.half_width(0.062, 0.05)
        ImageDraw.Draw(canvas).ellipse(_box(x, y, width, 0.026 * view.height), fill=look.hood)


def _skirt(canvas: Image.Image, look: Appearance, view: View, picture: np.ndarray) -> None:
    hips, build = look.hips, look.build
    sway = 1.0 + 0.12 * abs(view.stride)
    flare = 1.25 + 0.9 * (0.4 - look.skirt_hem)
    rings = [
        (0.56, hips * build * 0.95, 0.07 * build),
        (0.46, hips * build * 1.15, 0.085 * build),
        (look.skirt_hem, hips * build * flare, 0.085 * build * flare * sway),
    ]
    _wrap(canvas, view, rings, picture)


def _head(canvas: Image.Image, look: Appearance, view: View) -> None:
    draw = ImageDraw.Draw(canvas)
    height = view.height
    facing_away = math.cos(view.yaw) < 0
    neck, chin = view.project(0.0, 0.84, 0.0), view.project(0.0, 0.89, 0.008)
    _limb(draw, (neck, chin), (0.026 * height, 0.024 * height), (shaded(look.skin, 0.85),))
    x, y, _ = view.project(0.0, 0.932, 0.012)
    width = view.half_width(0.045, 0.052)
    back = view.project(0.0, 0.86, -0.03)
    if look.hair_style == "long" and not facing_away:
        draw.rounded_rectangle((x - 1.22 * width, y - 0.03 * height, x + 1.22 * width, back[1]), 6, fill=look.hair)
    left, top, right, bottom = (round(edge) for edge in _box(x, y, width, 0.064 * height))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).ellipse((0, 0, right - left - 1, bottom - top - 1), fill=255)
    canvas.paste(_around(look.head, view.yaw, *mask.size), (left, top), mask)
    if look.hair_style == "long" and facing_away:
        fall = (x - 1.1 * width, y - 0.03 * height, x + 1.1 * width, back[1] + 0.02 * height)
        draw.rounded_rectangle(fall, 7, fill=look.hair)
    elif look.hair_style == "ponytail":
        tail, end = view.project(0.0, 0.95, -0.065), view.project(0.0, 0.86, -0.085)
        if math.cos(view.yaw) < 0.8:
            _limb(draw, (tail, end), (0.02 * height, 0.012 * height), (look.hair,))


def _worn_bag(draw: ImageDraw.ImageDraw, look: Appearance, view: View) -> None:
    size = look.bag_size
    if look.bag_kind == "backpack":
        x, y, _ = view.project(0.0, 0.70, -0.075 * look.build - 0.055 * size)
        width, height = view.half_width(0.088 * size, 0.062 * size), 0.125 * size * view.height
    else:
        x, y, _ = view.project(look.bag_side * (look.hips * look.build + 0.045), 0.46, 0.0)
        width, height = view.half_width(0.045 * size, 0.085 * size), 0.062 * size * view.height
    draw.rounded_rectangle(_box(x, y, width, height), radius=0.03 * view.height, fill=look.bag)
    pocket = _box(x, y + 0.4 * height, 0.7 * width, 0.4 * height)
    draw.rounded_rectangle(pocket, radius=0.02 * view.height, fill=shaded(look.bag, 0.82))
    top = y - 0.1 * height
    line = max(1, round(0.009 * view.height))
    draw.line((x - 0.8 * width, top, x + 0.8 * width, top), fill=look.bag_trim, width=line)


def _held_bag(draw: ImageDraw.ImageDraw, look: Appearance, view: View, hand: Point) -> None:
    wide, tall = (0.045, 0.05) if look.bag_kind == "handbag" else (0.05, 0.085)
    width, height = view.half_width(wide, 1.9 * wide) * look.bag_size, tall * look.bag_size * view.height
    x, y = hand[0], hand[1] + height + 0.035 * view.height
    line = max(1, round(0.008 * view.height))
    draw.line((x - 0.5 * width, y - height, *hand[:2], x + 0.5 * width, y - height), fill=look.bag_trim, width=line)
    draw.rectangle(_box(x, y, width, height), fill=look.bag)
    draw.rectangle(_box(x, y - 0.55 * height, width, 0.12 * height), fill=look.bag_trim)


def _limb(draw, joints: Sequence[Point], radii: Sequence[float], colours: Sequence[Colour]) -> None:
    """A chain of tapered tubes, one colour each: dark at the edge and lighter inside, which makes them look round."""
    # All the edges come first, so that no dark seam is left at a knee or an elbow.
    for share, shift, tone in ((1.0, 0.0, 0.82), (0.66, -0.12, 1.0)):
        for k, colour in enumerate(colours):
            (x0, y0, _), (x1, y1, _) = joints[k : k + 2]
            r0, r1 = radii[k] * share, radii[k + 1] * share
            x0, x1, fill = x0 + shift * radii[k], x1 + shift * radii[k + 1], shaded(colour, tone)
            length = math.hypot(x1 - x0, y1 - y0) or 1.0
            across, along = (y0 - y1) / length, (x1 - x0) / length
            quad = [(x0 + across * r0, y0 + along * r0), (x1 + across * r1, y1 + along * r1),
                    (x1 - across * r1, y1 - along * r1), (x0 - across * r0, y0 - along * r0)]  # fmt: skip
            draw.polygon(_whole(quad), fill=fill)
            draw.ellipse(_box(x1, y1, r1, r1), fill=fill)
            if k == 0:
                draw.ellipse(_box(x0, y0, r0, r0), fill=fill)


def _wrap(canvas: Image.Image, view: View, rings: Sequence[tuple[float, float, float]], picture: np.ndarray) -> None:
    """Hangs a garment's picture on rings (height, half width, half depth) of the body."""
    middles = [view.project(0.0, up, 0.0) for up, _, _ in rings]
    widths = [view.half_width(width, depth) for _, width, depth in rings]
    outline = [(x - w, y) for (x, y, _), w in zip(middles, widths, strict=True)]
    outline += [(x + w, y) for (x, y, _), w in zip(middles[::-1], widths[::-1], strict=True)]
    left, top = math.floor(min(x for x, _ in outline)), math.floor(min(y for _, y in outline))
    width = math.ceil(max(x for x, _ in outline)) - left
    height = math.ceil(max(y for _, y in outline)) - top
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon(_whole((x - left, y - top) for x, y in outline), fill=255)
    canvas.paste(_around(picture, view.yaw, width, height), (left, top), mask)


def _around(picture: np.ndarray, yaw: float, width: int, height: int) -> Image.Image:
    """The side of a wrapped picture that a turned body shows: x = sin(azimuth + yaw), darker towards the edges."""
    across = (np.arange(width) + 0.5) * (2.0 / width) - 1.0
    azimuth = np.arcsin(across) - yaw
    columns = (np.floor(azimuth * (COLUMNS / (2 * np.pi)) + 0.5).astype(int) + COLUMNS // 2) % COLUMNS
    rows = np.arange(height) * ROWS // height
    # Integers of 1/256, so that the shading rounds alike everywhere. The light falls a little from the left.
    shade = (256 * (0.76 + 0.24 * np.sqrt(np.maximum(0.0, 1.0 - (across + 0.15) ** 2)))).astype(np.uint16)
    seen = picture[:, columns] * shade[:, None] >> 8
    return Image.fromarray(seen.astype(np.uint8)[rows])


def _box(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x - width, y - height, x + width, y + height


def _whole(points) -> list[tuple[int, int]]:
    return [(round(x), round(y)) for x, y in points]
