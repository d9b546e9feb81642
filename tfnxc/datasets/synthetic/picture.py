"""Drawing one picture of the synthetic set: the person, what is before and behind, the light."""

import math

import numpy as np
from PIL import Image, ImageFilter

from tfnxc.datasets.image_set import IMAGE_SIZE
from tfnxc.datasets.synthetic.appearance import Appearance, appearance_of
from tfnxc.datasets.synthetic.body import View, draw_body
from tfnxc.datasets.synthetic.scene import PLACES, SCENE_SIZE, draw_obstacle, place
from tfnxc.datasets.synthetic.shot import SUPERSAMPLING, Shot, Stream

_PLAIN = (128, 128, 124)
_STRANGERS = 1 << 20  # Passers-by are drawn from identities that no set reaches.


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
    picture = picture.convert(
        "RGB", (own + grey, grey, grey, 0.0, grey, own + grey, grey, 0.0, grey, grey, own + grey, 0.0)
    )
    # A camera's noise is nearly grey by the time its video has been compressed: one number serves the three colours.
    noise = rng.standard_normal((picture.height, picture.width, 1), dtype=np.float32)
    across = np.linspace(1 + light.shading, 1 - light.shading, picture.width, dtype=np.float32)[:, None]
    pixels = np.asarray(picture) * across + np.float32(255 * difficulty * (0.006 + 0.006 * shot.camera)) * noise
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
