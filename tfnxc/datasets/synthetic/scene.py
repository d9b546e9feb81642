"""What stands round the people of the synthetic set: the places behind them and the things in front of them."""

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tfnxc.datasets.synthetic.appearance import shaded

SCENE_SIZE = (260, 230)  # width and height of a place, in pixels: larger than a crop, which takes a random piece

# The places of the two cameras: (ground, what is behind it). A camera looks at the same few places for ever, each
# drawn afresh. The materials are one town's, so that a background can be mistaken for another across cameras.
PLACES = (
    (("slabs", "brick"), ("asphalt", "hedge"), ("slabs", "concrete"), ("grass", "fence")),
    (("slabs", "windows"), ("asphalt", "concrete"), ("slabs", "railing"), ("grass", "panels")),
)

_PAINT = (204, 202, 190)


@functools.lru_cache(maxsize=32)
def place(seed: int, stream: int, camera: int, number: int) -> Image.Image:
    """One place a camera looks at, empty of people; the same arguments give the same picture."""
    rng = np.random.default_rng((seed, stream, camera, number, 0))
    scene = Image.new("RGB", SCENE_SIZE)
    draw = ImageDraw.Draw(scene)
    ground, back = PLACES[camera][number % len(PLACES[camera])]
    horizon = SCENE_SIZE[1] // 2 + int(12 * (rng.random() - 0.5))
    _draw_back(draw, rng, back, horizon)
    _draw_ground(draw, rng, ground, horizon)
    _draw_furniture(draw, rng, horizon)
    grain = rng.standard_normal((SCENE_SIZE[1], SCENE_SIZE[0], 1), dtype=np.float32)
    light = 1.0 + 0.12 * (rng.random() - 0.5) * np.linspace(-1, 1, SCENE_SIZE[0], dtype=np.float32)[:, None]
    light = light * (0.94 + 0.12 * rng.random())
    pixels = np.clip(np.asarray(scene) * light + 3.0 * grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.BoxBlur(0.7))


def _draw_back(draw: ImageDraw.ImageDraw, rng: np.random.Generator, kind: str, horizon: int) -> None:
    width = SCENE_SIZE[0]
    base = shaded((134, 132, 128), 0.9 + 0.2 * rng.random())
    if kind == "brick":
        base = shaded((138, 90, 72), 0.9 + 0.2 * rng.random())
        draw.rectangle((0, 0, width, horizon), fill=shaded(base, 1.25))
        for row, y in enumerate(range(0, horizon, 7)):
            for x in range(-(row % 2) * 8, width, 16):
                draw.rectangle((x, y, x + 14, y + 5), fill=shaded(base, 0.85 + 0.3 * rng.random()))
    elif kind == "hedge":
        draw.rectangle((0, 0, width, horizon), fill=(50, 70, 46))
        for x, y, size, tone in rng.random((160, 4)):
            leaf = shaded((72, 98, 58), 0.5 + tone)
            draw.ellipse((x * width, y * horizon - 4, x * width + 6 + 12 * size, y * horizon + 4 + 7 * size), fill=leaf)
    elif kind in ("fence", "railing"):
        far = (96, 122, 84) if kind == "fence" else (150, 154, 160)
        draw.rectangle((0, 0, width, horizon), fill=far)
        draw.rectangle((0, 0, width, horizon // 3), fill=shaded(far, 1.35))
        bar = (66, 58, 48) if kind == "fence" else (72, 76, 84)
        for x in range(0, width, 9 if kind == "fence" else 13):
            draw.rectangle((x, horizon - 76, x + 3, horizon), fill=shaded(bar, 0.85 + 0.4 * rng.random()))
        for y in (horizon - 70, horizon - 14):
            draw.rectangle((0, y, width, y + 3), fill=bar)
    elif kind == "windows":
        draw.rectangle((0, 0, width, horizon), fill=base)
        for x in range(4, width, 40):
            glass = shaded((86, 104, 122), 0.6 + 0.9 * rng.random())
            draw.rectangle((x, 6, x + 33, horizon - 14), fill=glass)
            draw.polygon(((x, 40), (x + 33, 12), (x + 33, 30), (x, 58)), fill=shaded(glass, 1.25))
    else:
        # Concrete in large sheets, or painted panels with a dado below.
        draw.rectangle((0, 0, width, horizon), fill=base)
        for x in range(0, width, 52):
            draw.rectangle((x, 0, x + 50, horizon), fill=shaded(base, 0.93 + 0.14 * rng.random()))
        if kind == "panels":
            draw.rectangle((0, horizon - 44, width, horizon), fill=shaded((96, 116, 136), 0.7 + 0.5 * rng.random()))


def _draw_ground(draw: ImageDraw.ImageDraw, rng: np.random.Generator, kind: str, horizon: int) -> None:
    width, height = SCENE_SIZE
    materials = {"grass": (92, 112, 66), "asphalt": (94, 96, 100), "slabs": (148, 144, 138)}
    base = shaded(materials[kind], 0.96 + 0.08 * rng.random())
    draw.rectangle((0, horizon, width, height), fill=base)
    if kind == "grass":
        for x, y, tone in rng.random((150, 3)):
            spot = (x * width, horizon + y * (height - horizon))
            draw.line((*spot, spot[0] + 5, spot[1] - 4), fill=shaded(base, 0.75 + 0.5 * tone), width=2)
    elif kind == "asphalt":
        for left, right, colour in ((horizon + 16, horizon + 8, shaded(base, 1.6)), (height - 14, height - 40, _PAINT)):
            draw.polygon(((0, left), (width, right), (width, right + 6), (0, left + 7)), fill=colour)
    else:
        joint = shaded(base, 0.8)
        for k in range(7):
            y = horizon + (height - horizon) * (k / 7.0) ** 1.5
            draw.line((0, y, width, y), fill=joint)
        for x in range(-240, width + 240, 30):
            draw.line((width / 2 + (x - width / 2) * 0.6, horizon, x, height), fill=joint)
    draw.line((0, horizon, width, horizon), fill=shaded(base, 0.6), width=2)


def _draw_furniture(draw: ImageDraw.ImageDraw, rng: np.random.Generator, horizon: int) -> None:
    """A lamp, a bin, a door, a sign and a bench, each where chance puts it."""
    lamp, litter_bin, door, sign, bench = (int(x) for x in rng.random(5) * SCENE_SIZE[0])
    draw.rectangle((door, horizon - 80, door + 30, horizon), fill=shaded((92, 76, 64), 0.6 + 0.8 * rng.random()))
    draw.rectangle((sign, horizon - 92, sign + 26, horizon - 66), fill=shaded((170, 120, 70), 0.5 + 0.7 * rng.random()))
    draw.rectangle((bench, horizon - 4, bench + 46, horizon), fill=(98, 72, 50))
    draw.rectangle((bench, horizon - 20, bench + 46, horizon - 12), fill=(112, 84, 58))
    draw.rectangle((lamp, 0, lamp + 4, horizon + 12), fill=(62, 64, 68))
    draw.rounded_rectangle((litter_bin, horizon - 16, litter_bin + 18, horizon + 14), 3, fill=(52, 72, 60))


def draw_obstacle(canvas: Image.Image, chance: Sequence[float], extent: float) -> None:
    """Draws one thing before the person, picked by the first of six uniform numbers; `extent` is how much it covers."""
    draw = ImageDraw.Draw(canvas)
    wide, high = canvas.size
    things = (_pole, _car, _railing, _bin, _case, _leaves)
    things[int(chance[0] * len(things))](draw, wide, high, chance[1:], extent)


def _pole(draw: ImageDraw.ImageDraw, wide: int, high: int, chance: Sequence[float], extent: float) -> None:
    colour = shaded((84, 88, 92), 0.5 + 1.1 * chance[1])
    half = wide * extent * (0.055 + 0.05 * chance[0])
    x = wide * (0.25 + 0.5 * chance[2])
    draw.rectangle((x - half, 0, x + half, high), fill=colour)
    draw.rectangle((x - 0.5 * half, 0, x, high), fill=shaded(colour, 1.25))
    if chance[3] < 0.5:
        top = high * (0.1 + 0.25 * chance[4])
        draw.rectangle((x - 2.6 * half, top, x + 2.6 * half, top + 0.12 * high), fill=(190, 186, 176))


def _car(draw: ImageDraw.ImageDraw, wide: int, high: int, chance: Sequence[float], extent: float) -> None:
    paint = ((150, 152, 156), (44, 48, 56), (128, 42, 44), (198, 198, 194), (52, 72, 108))[int(5 * chance[0])]
    top = high * (1.0 - extent * (0.26 + 0.12 * chance[1]))
    side = wide * (-0.3 + 0.5 * chance[2])
    draw.polygon(((side, top), (side + 0.75 * wide, top), (side + 1.1 * wide, top + 0.1 * high), (side - 0.3 * wide,
                 top + 0.1 * high)), fill=shaded((70, 84, 96), 0.8 + 0.5 * chance[3]))  # fmt: skip
    draw.rectangle((0, top + 0.09 * high, wide, high), fill=paint)
    draw.rectangle((0, top + 0.09 * high, wide, top + 0.105 * high), fill=shaded(paint, 1.3))
    wheel = wide * (0.2 + 0.6 * chance[4])
    draw.ellipse((wheel - 0.2 * wide, high - 0.1 * high, wheel + 0.2 * wide, high + 0.06 * high), fill=(24, 24, 26))


def _railing(draw: ImageDraw.ImageDraw, wide: int, high: int, chance: Sequence[float], extent: float) -> None:
    colour = shaded((100, 104, 108), 0.5 + 1.1 * chance[0])
    top, bar = high * (0.46 + 0.14 * chance[1]), wide * 0.022 * extent
    for x in np.arange(chance[2] * 0.14, 1.0, 0.14) * wide:
        draw.rectangle((x - bar, top, x + bar, high), fill=colour)
    for y in (top, top + 0.3 * high):
        draw.rectangle((0, y - 1.6 * bar, wide, y + 1.6 * bar), fill=colour)


def _bin(draw: ImageDraw.ImageDraw, wide: int, high: int, chance: Sequence[float], extent: float) -> None:
    colour = ((58, 84, 66), (70, 72, 78), (112, 100, 84), (60, 74, 104))[int(4 * chance[0])]
    x, half = wide * (0.2 + 0.6 * chance[1]), wide * extent * (0.2 + 0.1 * chance[2])
    top = high * (1.0 - extent * (0.28 + 0.12 * chance[3]))
    draw.rounded_rectangle((x - half, top, x + half, high), 10, fill=colour)
    draw.rectangle((x - 1.08 * half, top, x + 1.08 * half, top + 0.03 * high), fill=shaded(colour, 0.7))


def _case(draw: ImageDraw.ImageDraw, wide: int, high: int, chance: Sequence[float], extent: float) -> None:
    colour = ((42, 44, 50), (120, 44, 50), (60, 80, 112), (150, 132, 104))[int(4 * chance[0])]
    x, half = wide * (0.3 + 0.4 * chance[1]), wide * extent * (0.17 + 0.06 * chance[2])
    top, base = high * (0.66 - 0.1 * extent * chance[3]), high * 0.94
    draw.rectangle((x - 0.5 * half, top - 0.1 * high, x + 0.5 * half, top), outline=(60, 60, 62), width=3)
    draw.rounded_rectangle((x - half, top, x + half, base), 8, fill=colour)
    for edge in (-0.5, 0.0, 0.5):
        draw.line((x + edge * half, top + 8, x + edge * half, base - 8), fill=shaded(colour, 1.35), width=3)


def _leaves(draw: ImageDraw.ImageDraw, wide: int, high: int, chance: Sequence[float], extent: float) -> None:
    side = 0.0 if chance[0] < 0.5 else wide
    middle = high * (0.1 + 0.7 * chance[1])
    # The golden angle spreads the leaves evenly without asking for another random number.
    for k in range(34):
        reach, turn = (k / 34.0) ** 0.5 * extent, 2.399963 * k + 6.28 * chance[2]
        x, y = side + 0.5 * wide * reach * np.cos(turn), middle + 0.19 * high * reach * np.sin(turn)
        leaf = shaded((70, 98, 56), 0.55 + 0.75 * ((k * 0.618 + chance[3]) % 1.0))
        draw.ellipse((x - 15, y - 10, x + 15, y + 10), fill=leaf)
