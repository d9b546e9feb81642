"""Checks the gradient of the normalized correlation in float64, and measures the published one against it.

    python experiments/check_gradient.py

The first table holds the largest difference between the analytic gradients and central finite differences; the others
the distance between the published and the exact gradient, ||published - exact|| / ||exact||. docs/gradient.md says what
they mean. The exit status is 1 if the exact gradient is off by more than 1e-6 of the largest derivative.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tfnxc import datasets, models
from tfnxc.ops import norm_xcorr

LIMIT = 1e-6
KINDS = {
    "random": lambda maps: maps,
    "flat at 0.75": lambda maps: np.full_like(maps, 0.75),
    "zero": np.zeros_like,
    "nearly flat": lambda maps: 0.5 + 1e-3 * maps,
    "after ReLU": lambda maps: np.maximum(maps - 0.8, 0),
    "2x3, all border": lambda maps: maps,
}
"""What is made of random maps."""

DEVIATIONS = [0.02, 0.05, 0.1, 0.2, 0.5, 0.9]
CORRELATIONS = [0.3, 0.66, 0.81, 0.95]


def gradients(x, y, upstream, gradient, **options):
    """Gradients of sum(upstream * norm_xcorr(x, y)) with respect to x and y."""
    x, y = tf.constant(x), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        out = norm_xcorr(x, y, gradient=gradient, **options)
    return [each.numpy() for each in tape.gradient(out, [x, y], tf.constant(upstream))]


def finite_differences(correlate, maps, upstream, step=1e-7):
    """Central differences for every pixel at once, one a batch member, extrapolated from two steps to none.

    At a flat patch the correlation is h / (c |h| + epsilon): the difference quotient is off by a multiple of |h|.
    """
    pixels = np.eye(maps.size).reshape(-1, *maps.shape[1:])

    def quotient(step):
        out = correlate(maps + step * pixels) - correlate(maps - step * pixels)
        return np.sum(out * upstream, axis=(1, 2, 3)).reshape(maps.shape) / (2 * step)

    return 2 * quotient(step / 2) - quotient(step)


def errors(x, y, search_size, rng):
    """Largest error of (exact, published) for (x, y), as a share of the largest derivative."""
    options = {"patch_size": (5, 5) if x.shape[1] == 2 else (3, 3), "search_size": search_size}
    upstream = rng.normal(size=norm_xcorr(x, y, **options).shape)
    all_x, all_y = (np.repeat(maps, x.size, axis=0) for maps in (x, y))
    expected = [
        finite_differences(lambda x: norm_xcorr(x, all_y, **options).numpy(), x, upstream),
        finite_differences(lambda y: norm_xcorr(all_x, y, **options).numpy(), y, upstream),
    ]
    found = np.array([gradients(x, y, upstream, gradient, **options) for gradient in ("exact", "published")])
    return np.abs(found - expected).max(axis=(2, 3, 4, 5)) / np.abs(expected).max()


def check():
    """Prints the first table; returns whether the exact gradient holds."""
    print(f"{'x':16} {'y':16} {'exact: x':>10} {'y':>10} {'published: x':>13} {'y':>10}")
    errors_of_exact = []
    for kind, made_of in KINDS.items():
        rng = np.random.default_rng(0)
        maps, other = rng.normal(size=(2, 1, 2, 3, 2) if kind.startswith("2x3") else (2, 1, 6, 5, 2))
        maps = made_of(maps)
        for pair, names in (((maps, other), (kind, "random")), ((other, maps), ("random", kind))):
            exact, published = np.max([errors(*pair, window, rng) for window in ((5, None), (3, 5))], axis=0)
            errors_of_exact.extend(exact)
            print("{:16} {:16} {:10.1e} {:10.1e} {:13.1e} {:10.1e}".format(*names, *exact, *published))
    worst = np.max(errors_of_exact)  # NaN if there is one
    print(f"largest error of the exact gradient {worst:.1e}, allowed {LIMIT:.0e}\n")
    return bool(worst <= LIMIT)


def distance(x, y, upstream=None, **options):
    """||published - exact|| / ||exact||, for x and y; without `upstream`, of the sum of the correlations after ReLU."""
    if upstream is None:
        upstream = (norm_xcorr(x, y, **options).numpy() > 0).astype(float)
    exact, published = (gradients(x, y, upstream, gradient, **options) for gradient in ("exact", "published"))
    return [np.linalg.norm(two - one) / np.linalg.norm(one) for one, two in zip(exact, published, strict=True)]


def pair_of_patches(s, correlation, rng):
    """Two 5x5 patches of deviation s and the given Pearson correlation."""
    u, v = np.linalg.qr(np.stack([np.ones(25), *rng.normal(size=(2, 25))], axis=1))[0].T[1:]
    v = correlation * u + np.sqrt(1 - correlation**2) * v
    return [np.sqrt(24) * s * each.reshape(1, 5, 5, 1) for each in (u, v)]


def measure():
    """Prints how far the published gradient is from the exact one, by deviation."""
    rng = np.random.default_rng(0)
    centre = np.zeros((1, 5, 5, 1))
    centre[0, 2, 2, 0] = 1
    print("one pair of patches of correlation r:" + "".join(f"{'r = ' + str(r):>11}" for r in CORRELATIONS), end="")
    print("   37x12 maps: after ReLU   random G")
    for s in DEVIATIONS:
        one = [distance(*pair_of_patches(s, r, rng), centre, search_size=(1, 1))[0] for r in CORRELATIONS]
        x, noise = s * rng.normal(size=(2, 1, 37, 12, 4))
        y = 0.8 * x + 0.6 * noise
        whole = [max(distance(x, y, G)) for G in (None, rng.normal(size=(1, 37, 12, 240)))]
        shares = [*(f"{share:11.2%}" for share in one), *(f"{share:19.2%}" for share in whole)]
        print(f"s = {s:<33}{''.join(shares)}")


def measure_on_features(pairs=4):
    """The same on the maps that an untrained tower makes of people."""
    keras.utils.set_random_seed(0)
    tower = models.split(models.normxcorr()).tower
    people = datasets.synthetic(identities=pairs, shots=1, seed=0).images() / np.float32(255)
    x, y = (tower.predict(each, verbose=0).astype("float64") for each in (people[::2], people[1::2]))
    s = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2)).std(axis=(-2, -1), ddof=1)
    quartiles = np.quantile(s, [0.25, 0.5, 0.75]).round(3)
    print(f"\nmaps of an untrained tower, {pairs} pairs: quartiles of s inside the maps {quartiles}")
    random = np.random.default_rng(0).normal(size=(pairs, 37, 12, 1500))
    for name, G in (("after ReLU", None), ("random G", random)):
        print("{}: {:.2%} for x, {:.2%} for y".format(name, *distance(x, y, G)))


if __name__ == "__main__":
    holds = check()
    measure()
    measure_on_features()
    sys.exit(not holds)
