"""What a drawn person is made of: the body, the clothes and the bag of one identity of the synthetic set.

A garment's surface is a small picture wrapped round the body: rows run from its top to its hem, columns are azimuths.
A turned person then shows, shifts and hides pattern, open front and straps as a real one does, with no special cases.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

ROWS, COLUMNS = 48, 144
AZIMUTH = (np.arange(COLUMNS) - COLUMNS // 2) * (2 * np.pi / COLUMNS)
"""Where a column sits on the body: 0 = front, +pi/2 = the wearer's left, +-pi = back."""
HEIGHT = (np.arange(ROWS)[:, None] + 0.5) / ROWS  # where a row sits on the garment: 0 = top, 1 = hem

# Street colours, most worn first. Few on purpose: with sixty people, several share each of them.
CLOTH = (
    ((36, 36, 40), 6), ((40, 48, 76), 6), ((70, 72, 78), 4), ((122, 124, 128), 4), ((214, 212, 206), 4),
    ((70, 90, 126), 3), ((176, 156, 126), 2), ((98, 76, 60), 2), ((142, 52, 56), 2), ((62, 90, 68), 2),
    ((146, 166, 190), 1), ((190, 162, 84), 1),
)  # fmt: skip
TROUSERS = (
    ((36, 36, 40), 6), ((40, 48, 76), 6), ((70, 90, 126), 4), ((70, 72, 78), 4), ((122, 124, 128), 2),
    ((176, 156, 126), 3), ((98, 76, 60), 2), ((214, 212, 206), 1),
)  # fmt: skip
BAGS = (((36, 36, 40), 5), ((50, 58, 92), 3), ((112, 78, 52), 3), ((146, 44, 48), 2), ((90, 98, 74), 2),
        ((196, 186, 166), 2))  # fmt: skip
SHOES = (((32, 30, 30), 6), ((88, 64, 48), 3), ((222, 220, 216), 3), ((112, 112, 116), 2), ((150, 52, 50), 1))
SKIN = (((236, 198, 174), 4), ((222, 178, 150), 4), ((196, 148, 116), 3), ((146, 102, 76), 2), ((96, 66, 50), 2))
HAIR = (((28, 24, 24), 6), ((58, 42, 34), 5), ((98, 70, 48), 3), ((182, 148, 98), 2), ((150, 148, 146), 1))
UPPER_KINDS = (("t-shirt", 4), ("shirt", 4), ("jacket", 5), ("coat", 3), ("hoodie", 3), ("vest", 2))
LOWER_KINDS = (("trousers", 9), ("slim", 4), ("shorts", 3), ("skirt", 3), ("long skirt", 2), ("dress", 2))
PATTERNS = (("plain", 7), ("stripes", 3), ("checks", 2), ("logo", 3), ("yoke", 3), ("halves", 1), ("side panels", 2),
            ("band", 2))  # fmt: skip
BAG_KINDS = (("none", 7), ("backpack", 5), ("shoulder bag", 4), ("handbag", 3), ("shopping bag", 2))
HAIR_STYLES = (("short", 6), ("long", 4), ("ponytail", 2), ("bald", 1), ("cap", 2))
SKIRTS = ("skirt", "long skirt", "dress")
HEMS = {"t-shirt": 0.45, "shirt": 0.44, "jacket": 0.44, "coat": 0.30, "hoodie": 0.45, "vest": 0.46}

Colour = tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Appearance:
    """One identity: lengths are shares of the body height, pictures are (ROWS, COLUMNS, 3) uint8 round the body."""

    stature: float
    build: float
    shoulders: float
    hips: float
    skin: Colour
    hair: Colour
    hair_style: str
    head: np.ndarray
    torso: np.ndarray
    hem: float
    sleeve: Colour
    short_sleeves: bool
    hood: Colour | None
    lower: Colour
    lower_kind: str
    skirt: np.ndarray | None
    skirt_hem: float
    leg_width: float
    leg_stripe: Colour | None
    shoe: Colour
    bag_kind: str
    bag: Colour
    bag_trim: Colour
    bag_side: int
    bag_size: float


@functools.lru_cache(maxsize=512)
def appearance_of(seed: int, stream: int, identity: int) -> Appearance:
    """The look of an identity. Cached because all its pictures share it; the same arguments give the same look."""
    # Five words as in every other stream: SeedSequence pads with zeros, so sequences of two lengths could collide.
    rng = np.random.default_rng((seed, stream, identity, 0, 0))
    upper_kind, lower_kind = _pick(rng, UPPER_KINDS), _pick(rng, LOWER_KINDS)
    upper, second, inner = _cloth(rng, CLOTH), _cloth(rng, CLOTH), _cloth(rng, CLOTH)
    second = _apart(second, upper)
    lower = upper if lower_kind == "dress" else _cloth(rng, TROUSERS)
    skin, hair = _cloth(rng, SKIN), _cloth(rng, HAIR)
    bag_kind, bag = _pick(rng, BAG_KINDS), _apart(_cloth(rng, BAGS), upper, 34)
    bag_side = 1 if rng.random() < 0.5 else -1
    hair_style = _pick(rng, HAIR_STYLES)
    head = _head_picture(skin, _cloth(rng, CLOTH) if hair_style == "cap" else hair, hair_style)
    inner, pattern = _apart(inner, upper), _pick(rng, PATTERNS)
    torso = _pattern_picture(rng, pattern, upper, second)
    _add_front(rng, torso, upper_kind, upper, inner, skin)
    torso = _creased(rng, torso)
    _add_strap(torso, bag_kind, bag, bag_side)
    skirt = None
    if lower_kind in SKIRTS:
        pattern = pattern if lower_kind == "dress" else _pick(rng, PATTERNS[:3])
        skirt = _creased(rng, _pattern_picture(rng, pattern, lower, second))
    return Appearance(
        stature=0.93 + 0.13 * rng.random(),
        build=0.84 + 0.36 * rng.random(),
        shoulders=0.108 + 0.02 * rng.random(),
        hips=0.082 + 0.02 * rng.random(),
        skin=skin,
        hair=hair,
        hair_style=hair_style,
        head=head,
        torso=torso,
        hem=HEMS[upper_kind] + 0.03 * (rng.random() - 0.5),
        sleeve=inner if upper_kind == "vest" else second if rng.random() < 0.1 else upper,
        short_sleeves=upper_kind == "t-shirt",
        hood=_shade(upper, 0.8) if upper_kind == "hoodie" else None,
        lower=lower,
        lower_kind=lower_kind,
        skirt=skirt,
        skirt_hem={"long skirt": 0.12, "dress": 0.25}.get(lower_kind, 0.29) + 0.04 * (rng.random() - 0.5),
        leg_width={"slim": 0.78, "trousers": 0.95 + 0.2 * rng.random()}.get(lower_kind, 0.95),
        leg_stripe=_apart(second, lower) if lower_kind in ("trousers", "slim") and rng.random() < 0.15 else None,
        shoe=_cloth(rng, SHOES),
        bag_kind=bag_kind,
        bag=bag,
        bag_trim=_shade(bag, 0.6 if sum(bag) > 240 else 2.0),
        bag_side=bag_side,
        bag_size=0.85 + 0.35 * rng.random(),
    )


def _pick(rng: np.random.Generator, table: Sequence[tuple]):
    """One entry of a table of (entry, weight). Written over `random()` alone: the cheapest draw, and a stable one."""
    mark = rng.random() * sum(weight for _, weight in table)
    for entry, weight in table:
        mark -= weight
        if mark < 0:
            return entry
    return table[-1][0]


def _cloth(rng: np.random.Generator, table: Sequence[tuple]) -> Colour:
    """A colour of the table, a little off as one dark blue is from another."""
    colour = _pick(rng, table)
    light, *tints = rng.random(4)
    tinted = (c * (0.93 + 0.14 * light) + 5 * (t - 0.5) for c, t in zip(colour, tints, strict=True))
    return tuple(int(min(245, max(14, c))) for c in tinted)


def _shade(colour: Colour, factor: float) -> Colour:
    return shaded(colour, factor, 245)


def shaded(colour: Colour, factor: float, most: int = 255) -> Colour:
    """A colour made lighter or darker."""
    return tuple(int(min(most, c * factor)) for c in colour)


def _apart(colour: Colour, other: Colour, distance: int = 60) -> Colour:
    """The colour, or white or near-black in its place where it could not be told from the other."""
    if max(abs(a - b) for a, b in zip(colour, other, strict=True)) >= distance:
        return colour
    return (216, 214, 208) if sum(other) < 330 else (40, 42, 50)


def _pattern_picture(rng: np.random.Generator, pattern: str, base: Colour, second: Colour) -> np.ndarray:
    count, offset, size = rng.random(3)
    if pattern == "stripes":
        where = (HEIGHT * (5 + int(3 * count)) + offset) % 1 < 0.4
    elif pattern == "checks":
        columns = (AZIMUTH * (1.4 + 0.6 * size) + offset) % 1 < 0.4
        where = columns ^ ((HEIGHT * (6 + int(3 * count))) % 1 < 0.4)
    elif pattern == "logo":
        # Most prints sit on the chest; every third is on the back, where the other camera has it.
        middle = np.pi if count > 0.67 else 0.0
        distance = np.abs((AZIMUTH - middle + np.pi) % (2 * np.pi) - np.pi)
        where = (distance < 0.4 + 0.25 * size) & (np.abs(HEIGHT - 0.3 - 0.1 * offset) < 0.09 + 0.08 * size)
    elif pattern == "yoke":
        edge = 0.25 + 0.3 * size
        where = HEIGHT < edge if offset < 0.6 else HEIGHT > 1.05 - 0.5 * edge
    elif pattern == "halves":
        where = AZIMUTH > 0
    elif pattern == "side panels":
        where = np.abs(np.abs(AZIMUTH) - np.pi / 2) < 0.35 + 0.2 * size
    elif pattern == "band":
        where = np.abs(HEIGHT - 0.3 - 0.25 * offset) < 0.07 + 0.06 * size
    else:
        where = np.zeros(COLUMNS, bool)
    return _two_colours(where, base, second)


def _two_colours(where: np.ndarray, base: Colour, second: Colour) -> np.ndarray:
    return np.array((base, second), np.uint8).take(np.broadcast_to(where, (ROWS, COLUMNS)), axis=0)


def _creased(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The cloth with soft creases: three waves slanting round the body."""
    crease = np.zeros((ROWS, COLUMNS))
    for phase, slant, size in rng.random((3, 3)):
        # A whole number of waves round the body, so that the picture closes at the back. sin(a + b), taken apart: the
        # sines of a column and of a row cost a tenth of those of the picture.
        down, turn = 2 * np.pi * (phase + (7 * slant - 2) * HEIGHT), (2 + int(4 * size)) * AZIMUTH
        crease += (0.5 + size) * (np.sin(down) * np.cos(turn) + np.cos(down) * np.sin(turn))
    return np.minimum(picture * np.repeat(1.0 + 0.06 * crease, 3).reshape(picture.shape), 255).astype(np.uint8)


def _add_front(rng, picture: np.ndarray, kind: str, upper: Colour, inner: Colour, skin: Colour) -> None:
    """Paints what is in front: an open jacket over the shirt below it, a zip, buttons, a neckline."""
    opening, depth = rng.random(2)
    turn = np.abs(AZIMUTH)
    if kind in ("jacket", "coat", "vest") and opening < 0.6:
        half = (0.22 + 0.3 * depth) * (1.15 - 0.6 * HEIGHT)
        picture[turn < half] = inner
        picture[(turn >= half) & (turn < half + 0.1)] = _shade(upper, 0.7)
    elif kind in ("jacket", "coat", "vest", "shirt", "hoodie"):
        picture[(turn < 0.07) & (HEIGHT > 0.02)] = _shade(upper, 0.6 if sum(upper) > 200 else 1.7)
    picture[(turn < 0.45 - 4 * HEIGHT)] = skin if kind == "t-shirt" else inner


def _add_strap(picture: np.ndarray, bag_kind: str, bag: Colour, side: int) -> None:
    """Paints the straps of a bag onto the garment, so that they turn with the body."""
    if bag_kind == "backpack":
        picture[(np.abs(np.abs(AZIMUTH) - 0.75) < 0.16) & (HEIGHT < 0.62)] = bag
    elif bag_kind == "shoulder bag":
        for middle in (side * (2.1 * HEIGHT - 0.75), np.pi - side * (2.1 * HEIGHT - 0.75)):
            distance = np.abs((AZIMUTH - middle + np.pi) % (2 * np.pi) - np.pi)
            picture[(distance < 0.13) & (HEIGHT < 0.9)] = bag


def _head_picture(skin: Colour, hair: Colour, style: str) -> np.ndarray:
    turn = np.abs(AZIMUTH)
    if style == "bald":
        where = np.zeros(COLUMNS, bool)
    elif style == "cap":
        where = (HEIGHT < 0.36) | ((turn > 1.7) & (HEIGHT < 0.75))
    else:
        nape = 0.74 if style == "short" else 1.1
        where = (HEIGHT < 0.24 + 0.05 * np.cos(2 * turn)) | ((turn > 1.15) & (HEIGHT < nape))
    picture = _two_colours(where, skin, hair)
    # Eyes and mouth come out as a hint of shadow at this resolution, which is all a crop of this size holds.
    picture[(np.abs(turn - 0.4) < 0.17) & (np.abs(HEIGHT - 0.47) < 0.05)] = _shade(skin, 0.55)
    picture[(turn < 0.25) & (np.abs(HEIGHT - 0.78) < 0.03)] = _shade(skin, 0.7)
    return picture
