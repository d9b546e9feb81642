"""Evaluation protocols as named sets of flags, and the drawing of their probes and galleries."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable
from typing import Literal

import numpy as np

from tfnxc.errors import InputError


def whole_number(name: str, value, least: int) -> int:
    """Gives `value` as an `int`; a `ValueError` that names it if it is no whole number or below `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ValueError(f"{name} must be a whole number, {least} or above, received {value!r}")
    return number


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What a probe is, and where its gallery comes from.

    Two protocols are registered in `PROTOCOLS`; every result carries the name of its own, because their figures
    do not compare.

    Args:
        name: What results call it.
        description: One line for people.
        gallery_from: `"other"`: a probe's gallery is drawn from the cameras other than its own. `"any"`: from all.
        same_images: Whether rows and columns of the score matrix are the same images in the same order. Then an
            image that was drawn into the gallery is not a probe; otherwise every row is one.
        repeats: How often the gallery is drawn where the caller does not say. Defaults to 10.

    Raises:
        ValueError: If `gallery_from` is neither `"other"` nor `"any"`, or `repeats` is below 1.

    Example:
        >>> get_protocol("paper").gallery_from
        'any'

    References:
        SPEC section 5.
    """

    name: str
    description: str
    gallery_from: Literal["other", "any"]
    same_images: bool
    repeats: int = 10

    def __post_init__(self):
        if self.gallery_from not in ("other", "any"):
            raise ValueError(f"gallery_from must be 'other' or 'any', received {self.gallery_from!r}")
        whole_number("repeats", self.repeats, least=1)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="cross-camera",
            description="one gallery image an identity from the cameras other than the probe's; every row is a probe",
            gallery_from="other",
            same_images=False,
        ),
        Protocol(
            name="paper",
            description="one gallery image an identity from any camera; all the other images are probes (easier)",
            gallery_from="any",
            same_images=True,
        ),
    )
}
"""The protocols results may name, by name (SPEC section 5)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """The probes that share one gallery, and that gallery.

    Args:
        probes: Integers: rows of the score matrix, ascending.
        gallery: Integers: columns of the score matrix, one an identity, in the order of their identities.
    """

    probes: np.ndarray
    gallery: np.ndarray


def get_protocol(protocol: str | Protocol) -> Protocol:
    """Gives the protocol of a name.

    Args:
        protocol: A name in `PROTOCOLS`, or a `Protocol`, which is returned as it is.

    Returns:
        The `Protocol`.

    Raises:
        ValueError: If no protocol has this name.

    Example:
        >>> get_protocol("cross-camera").repeats
        10

    References:
        SPEC section 5.
    """
    if isinstance(protocol, Protocol):
        return protocol
    if isinstance(protocol, str) and protocol in PROTOCOLS:
        return PROTOCOLS[protocol]
    raise ValueError(f"Unknown protocol {protocol!r}; known are {', '.join(map(repr, PROTOCOLS))}")


def draw_trials(
    probe_ids,
    gallery_ids,
    probe_cameras=None,
    gallery_cameras=None,
    protocol: str | Protocol = "cross-camera",
    repeats: int | None = None,
    seed: int = 0,
    probes: int | None = None,
) -> list[tuple[Trial, ...]]:
    """Draws which rows and columns of a score matrix each repeat of a protocol reads.

    In a repeat the gallery images are put in one random order, and an identity's gallery image is the first of its
    admissible ones. So all probes of a camera meet the same gallery. Repeat number r has its own generator, seeded
    by `[seed, r]`: asking for more repeats does not change the first ones. Images that share an identity count as
    one person, distractors too: give each distractor an identity of its own, or only one of them is drawn.

    Args:
        probe_ids: Identities of the rows, one each.
        gallery_ids: Identities of the columns, one each.
        probe_cameras: Cameras of the rows. `None` (default) where the protocol reads no cameras.
        gallery_cameras: Cameras of the columns. `None` (default) where the protocol reads no cameras.
        protocol: A `Protocol` or its name. Defaults to `"cross-camera"`.
        repeats: How many galleries are drawn. Defaults to `None`: the protocol's own number, 10.
        seed: A whole number, 0 or above. Defaults to 0.
        probes: The most probes of a repeat: where there are more, so many are drawn from them at random. The galleries
            stay the same. Defaults to `None`: all.

    Returns:
        One tuple a repeat. Under a protocol that draws from the other cameras it holds one `Trial` a probe camera,
        in the order of the cameras; otherwise one `Trial`.

    Raises:
        ValueError: If cameras are missing that the protocol needs; if identities and cameras differ in number; if
            rows and columns must be the same images and are not; if a probe's identity is not in its gallery; if
            nothing is left to be a probe; if `protocol`, `repeats`, `seed` or `probes` is not one.

    Example:
        >>> trials = draw_trials([1, 2], [1, 1, 2], [0, 0], [1, 1, 1], protocol="cross-camera", repeats=3)
        >>> len(trials), trials[0][0].probes.tolist(), len(trials[0][0].gallery)
        (3, [0, 1], 2)

    References:
        SPEC section 5.
    """
    protocol = get_protocol(protocol)
    repeats = whole_number("repeats", protocol.repeats if repeats is None else repeats, least=1)
    seed = whole_number("seed", seed, least=0)
    if probes is not None:
        probes = whole_number("probes", probes, least=1)
    probe_ids, probe_cameras = _labels("probe", probe_ids, probe_cameras)
    gallery_ids, gallery_cameras = _labels("gallery", gallery_ids, gallery_cameras)
    _check_cameras(protocol, probe_cameras, gallery_cameras)
    if protocol.same_images:
        _check_same_images(protocol, probe_ids, gallery_ids, probe_cameras, gallery_cameras)

    groups = _groups(protocol, probe_ids, gallery_ids, probe_cameras, gallery_cameras)
    trials = []
    for repeat in range(repeats):
        # Sorting random(), not permutation(): its stream is the same under every version of NumPy.
        order = np.argsort(np.random.default_rng([seed, repeat]).random(len(gallery_ids)), kind="stable")
        drawn = tuple(_trial(protocol, rows, order[allowed[order]], gallery_ids) for rows, allowed in groups)
        trials.append(drawn if probes is None else _some_probes(drawn, probes, [seed, repeat, 1]))
    return trials


def needed_pairs(trials: Iterable[Iterable[Trial]], shape: tuple[int, int]) -> np.ndarray:
    """Marks the entries of the score matrix that trials read, which are the pairs that have to be scored.

    Args:
        trials: What `draw_trials` returned.
        shape: Rows and columns of the score matrix.

    Returns:
        A boolean matrix of this shape, `True` where a score is read.

    Raises:
        ValueError: If a trial reads outside the shape.

    Example:
        >>> trials = draw_trials([1, 1], [1, 1], protocol="paper", repeats=1)
        >>> int(needed_pairs(trials, (2, 2)).sum())
        1

    References:
        SPEC section 5.
    """
    needed = np.zeros(shape, dtype=bool)
    for trial in (trial for repeat in trials for trial in repeat):
        try:
            needed[np.ix_(trial.probes, trial.gallery)] = True
        except IndexError as error:
            raise ValueError(f"A trial reads outside a score matrix of shape {tuple(shape)}: {error}") from error
    return needed


def _groups(protocol: Protocol, probe_ids, gallery_ids, probe_cameras, gallery_cameras) -> list:
    """Rows that share a gallery, with the mask of the columns it is drawn from: one group a probe camera, or one."""
    if protocol.gallery_from == "any":
        allowed = np.ones(len(gallery_ids), dtype=bool)
        _check_matched(protocol, probe_ids, gallery_ids, "from any camera")
        return [(np.arange(len(probe_ids)), allowed)]
    groups = []
    for camera in np.unique(probe_cameras):
        rows, allowed = np.flatnonzero(probe_cameras == camera), gallery_cameras != camera
        _check_matched(protocol, probe_ids[rows], gallery_ids[allowed], f"from the cameras other than {camera}")
        groups.append((rows, allowed))
    return groups


def _trial(protocol: Protocol, rows: np.ndarray, candidates: np.ndarray, gallery_ids: np.ndarray) -> Trial:
    """One gallery image an identity, the first of `candidates`, and the rows that are its probes."""
    _, first = np.unique(gallery_ids[candidates], return_index=True)
    gallery = candidates[first]
    probes = np.setdiff1d(rows, gallery, assume_unique=True) if protocol.same_images else rows
    return Trial(probes=probes, gallery=gallery)


def _some_probes(trials: tuple[Trial, ...], most: int, seed: list[int]) -> tuple[Trial, ...]:
    """The trials of a repeat with `most` of their probes together."""
    everyone = [(number, probe) for number, trial in enumerate(trials) for probe in trial.probes]
    # Sorting random(), for the same reason as above.
    kept = np.sort(np.argsort(np.random.default_rng(seed).random(len(everyone)), kind="stable")[:most])
    kept = [everyone[index] for index in kept]
    of = [np.array([probe for number, probe in kept if number == this], int) for this in range(len(trials))]
    return tuple(Trial(rows, trial.gallery) for rows, trial in zip(of, trials, strict=True) if len(rows))


def _labels(side: str, identities, cameras) -> tuple[np.ndarray, np.ndarray | None]:
    """Identities and cameras as arrays, one label an image."""
    identities = np.asarray(identities)
    if identities.ndim != 1 or not len(identities):
        raise ValueError(f"{side}_ids must be a sequence of one identity an image, received shape {identities.shape}")
    if cameras is None:
        return identities, None
    cameras = np.asarray(cameras)
    if cameras.shape != identities.shape:
        raise ValueError(
            f"{side}_cameras must hold one camera for each of the {len(identities)} {side}_ids, "
            f"received shape {cameras.shape}"
        )
    return identities, cameras


def _check_cameras(protocol: Protocol, probe_cameras: np.ndarray | None, gallery_cameras: np.ndarray | None) -> None:
    missing = [
        name
        for name, cameras in (("probe_cameras", probe_cameras), ("gallery_cameras", gallery_cameras))
        if cameras is None
    ]
    if missing and protocol.gallery_from == "other":
        raise ValueError(
            f"The protocol {protocol.name!r} draws the gallery from the other cameras, so it needs probe_cameras and "
            f"gallery_cameras; received none for {' and '.join(missing)}"
        )
    if len(missing) == 1:
        raise ValueError(f"Give both probe_cameras and gallery_cameras or neither; received none for {missing[0]}")


def _check_same_images(protocol: Protocol, probe_ids, gallery_ids, probe_cameras, gallery_cameras) -> None:
    rule = f"The protocol {protocol.name!r} needs the same images, in the same order, as rows and as columns"
    if len(probe_ids) != len(gallery_ids):
        raise ValueError(f"{rule}; received {len(probe_ids)} probe_ids and {len(gallery_ids)} gallery_ids")
    pairs = [("ids", probe_ids, gallery_ids)]
    if probe_cameras is not None:
        pairs.append(("cameras", probe_cameras, gallery_cameras))
    for what, probe, gallery in pairs:
        differing = np.flatnonzero(probe != gallery)
        if len(differing):
            at = differing[0]
            raise ValueError(
                f"{rule}; probe_{what} and gallery_{what} differ in {len(differing)} places, "
                f"first at {at}: {probe[at]} and {gallery[at]}"
            )
    if len(np.unique(probe_ids)) == len(probe_ids):
        raise InputError(
            f"The protocol {protocol.name!r} leaves no probes: each of the {len(probe_ids)} identities has one image "
            "only, and it is in the gallery"
        )


def _check_matched(protocol: Protocol, probe_ids: np.ndarray, gallery_ids: np.ndarray, place: str) -> None:
    lost = np.setdiff1d(probe_ids, gallery_ids)
    if len(lost):
        raise InputError(
            f"The protocol {protocol.name!r} draws the gallery {place}, where {len(lost)} probe identities have no "
            f"image: {', '.join(map(str, lost[:5]))}{', ...' if len(lost) > 5 else ''}"
        )
