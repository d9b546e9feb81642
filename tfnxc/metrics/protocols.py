"""Evaluation protocols as named sets of flags, the labels they look at, and the drawing of probes and galleries."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, Self, get_args, get_type_hints

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK
from tfnxc.number_checks import are_exact, whole_number


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What a probe is, and what its gallery is: a named set of flags.

    Every result carries the name of its protocol, because figures of different ones do not compare. Junk is in no
    gallery, every distractor of the cameras that a gallery is taken from is in it, and neither is ever a probe
    (`tfnxc.identities`).

    Args:
        name: What results call it.
        description: One line for people.
        gallery_from: `"other"`: the cameras other than the probe's. `"any"`: all cameras. `"other-views"`: all cameras,
            without the images of the probe's own identity from the probe's own camera.
        shots: `"one"`: one gallery image an identity, drawn at random. `"all"`: every image.
        drawn_for: With `shots="one"`, who shares a draw: all probes of a `"camera"`, or each `"probe"` has its own.
            Defaults to `"camera"`.
        same_images: Whether rows and columns of the score matrix are the same images in the same order, and an image
            that was drawn into the gallery is not a probe. Defaults to `False`: every row is one.
        probe_cameras: Which images of a set are probes where the set does not fix them: those of the `"first"` camera,
            or of `"all"`. Read by `EvaluationPlan`, not by `cmc`. Defaults to `"all"`.
        precision_over: What mAP and mINP are of: the `"drawn"` gallery, or `"all"` images that it is drawn from.
            Defaults to `"drawn"`.
        absent: With `shots="one"`, `drawn_for="camera"` and different images, the share of the identities that each
            repeat takes out of the gallery; their probes are those of strangers. In [0, 1). Defaults to 0.
        repeats: How often the gallery is drawn where the caller does not say; 1 where nothing is drawn. Defaults to 10.

    Raises:
        ValueError: If a flag is not one of those named, flags do not go together, or `repeats` is below 1.

    Example:
        >>> get_protocol("paper").gallery_from
        'any'

    References:
        SPEC section 5.
    """

    name: str
    description: str
    gallery_from: Literal["other", "any", "other-views"]
    shots: Literal["one", "all"] = "one"
    drawn_for: Literal["camera", "probe"] = "camera"
    same_images: bool = False
    probe_cameras: Literal["first", "all"] = "all"
    precision_over: Literal["drawn", "all"] = "drawn"
    absent: float = 0.0
    repeats: int = 10

    def __post_init__(self):
        for flag in ("gallery_from", "shots", "drawn_for", "probe_cameras", "precision_over"):
            given, values = getattr(self, flag), get_args(get_type_hints(type(self))[flag])
            if given not in values:
                raise ValueError(f"{flag} must be one of {', '.join(map(repr, values))}, received {given!r}")
        if self.gallery_from == "other-views" and (self.shots, self.drawn_for) == ("one", "camera"):
            raise ValueError(
                "gallery_from='other-views' goes with shots='all' or drawn_for='probe': draws differ between probes"
            )
        if self.precision_over == "all" and (self.shots, self.drawn_for) != ("one", "probe"):
            raise ValueError("precision_over='all' goes with one shot an identity, drawn for each probe")
        if self.same_images and (self.gallery_from != "any" or (self.shots, self.drawn_for) != ("one", "camera")):
            raise ValueError("same_images goes with one shot an identity from any camera, shared by all probes")
        if not 0 <= self.absent < 1:
            raise ValueError(f"absent must be a share, 0 or above and below 1, received {self.absent!r}")
        if self.absent and (self.same_images or (self.shots, self.drawn_for) != ("one", "camera")):
            raise ValueError("absent goes with one shot an identity, shared by the probes of a camera")
        whole_number("repeats", self.repeats, least=1)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="cross-camera",
            description="one gallery image an identity from the cameras other than the probe's; every row is a probe",
            gallery_from="other",
            probe_cameras="first",
        ),
        Protocol(
            name="paper",
            description="one gallery image an identity from any camera; all the others are probes (usually easier)",
            gallery_from="any",
            same_images=True,
        ),
        # Zheng et al., "Scalable Person Re-identification: A Benchmark", ICCV 2015, section 5.
        Protocol(
            name="market",
            description="every gallery image but junk and the probe's own identity in its own camera; nothing is drawn",
            gallery_from="other-views",
            shots="all",
            repeats=1,
        ),
        # The setting "cuhk03" of Open-ReID (github.com/Cysu/open-reid, reid/evaluators.py): its reading of Li et al.,
        # "DeepReID", CVPR 2014.
        Protocol(
            name="cuhk03-classic",
            description="one gallery image an identity from the other cameras, drawn anew for each probe: Open-ReID's",
            gallery_from="other",
            drawn_for="probe",
        ),
        # use_metric_cuhk03 of torchreid (github.com/KaiyangZhou/deep-person-reid, torchreid/metrics/rank.py).
        Protocol(
            name="cuhk03-torchreid",
            description="one gallery image an identity, of the probe's own from the other cameras, of others from any, "
            "drawn anew for each probe: torchreid's",
            gallery_from="other-views",
            drawn_for="probe",
            precision_over="all",
        ),
        # Liao, Mo, Zhu, Hu and Li, "Open-set Person Re-identification", 2014 (arXiv:1408.0872).
        Protocol(
            name="open-set",
            description="as cross-camera, with half of the identities not in the gallery: their probes are strangers'",
            gallery_from="other",
            probe_cameras="first",
            absent=0.5,
        ),
    )
}
"""The protocols results may name, by name (SPEC section 5)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """Who and which camera each row (probe) and each column (gallery image) shows: one integer each.

    If no cameras were given, all rows are of one camera and all columns of another.
    """

    probe_ids: np.ndarray
    gallery_ids: np.ndarray
    probe_cameras: np.ndarray
    gallery_cameras: np.ndarray
    cameras_given: bool

    @classmethod
    def of(cls, probe_ids, gallery_ids, probe_cameras=None, gallery_cameras=None) -> Self:
        """The labels of two sides: whole numbers of any size, or names, which are always people; else a `ValueError`.

        Identities of 64 bits stay as they are; larger ones are numbered in their order.
        """
        if (probe_cameras is None) != (gallery_cameras is None):
            missing = "probe_cameras" if probe_cameras is None else "gallery_cameras"
            raise ValueError(f"Give both probe_cameras and gallery_cameras or neither; received none for {missing}")
        rows, columns = _identities("probe", probe_ids), _identities("gallery", gallery_ids)
        if rows.dtype == columns.dtype == np.int64:
            ids = rows, columns  # as they are, so that junk and distractors keep their numbers
        elif _are_whole(rows) and _are_whole(columns):
            ids = _numbered_people(np.concatenate([rows, columns]), len(rows))
        else:
            ids = _numbered(_texts(np.concatenate([rows, columns])), len(rows))
        if probe_cameras is None:
            return cls(*ids, np.zeros(len(rows), int), np.ones(len(columns), int), cameras_given=False)
        # Cameras only have to be told apart: numbering them keeps `views` small whatever they are called.
        both = np.concatenate([_cameras("probe", rows, probe_cameras), _cameras("gallery", columns, gallery_cameras)])
        cameras = _numbered(both if _are_whole(both) else _texts(both), len(rows))
        return cls(*ids, *cameras, cameras_given=True)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the score matrix."""
        return len(self.probe_ids), len(self.gallery_ids)

    def views(self) -> tuple[np.ndarray, np.ndarray]:
        """One number for identity and camera together, of each row and of each column."""
        cameras = 1 + max(self.probe_cameras.max(), self.gallery_cameras.max())
        # Numbered, because the product with a number of many digits has more than 64 bits.
        rows, columns = _numbered(np.concatenate([self.probe_ids, self.gallery_ids]), len(self.probe_ids))
        return rows * cameras + self.probe_cameras, columns * cameras + self.gallery_cameras


def _identities(side, identities):
    identities = _array(identities)
    if identities.ndim != 1 or not len(identities):
        raise ValueError(f"{side}_ids must be a sequence of one identity an image, received shape {identities.shape}")
    return _told_apart(f"{side}_ids", identities)


def _cameras(side, identities, cameras):
    cameras = _array(cameras)
    if cameras.shape != identities.shape:
        raise ValueError(
            f"{side}_cameras must hold one camera for each of the {len(identities)} {side}_ids, "
            f"received shape {cameras.shape}"
        )
    return _told_apart(f"{side}_cameras", cameras)


def _array(labels):
    """Labels as an array of exact numbers: of large ones NumPy makes floats where some are negative."""
    if np.ma.is_masked(labels):
        raise ValueError("identities and cameras must be known everywhere; received a masked array with masked ones")
    found = np.asarray(labels)
    if found.dtype.kind == "f" and isinstance(labels, (list, tuple)) and all(map(_is_whole, labels)):
        return np.array(labels, object)
    return found


def _is_whole(label):
    return isinstance(label, (int, np.integer))


def _texts(labels):
    """Names as texts of one Unicode form: what looks the same is the same."""
    return np.array([unicodedata.normalize("NFC", each) for each in labels.astype(str).tolist()])


def _are_whole(labels):
    return labels.dtype.kind in "iu" or (labels.dtype.kind == "O" and all(map(_is_whole, labels)))


def _of_64_bits(labels):
    """Whole numbers as int64 where all of them are, or else as Python has them."""
    if labels.dtype.kind == "i" or not len(labels):
        return labels.astype(np.int64)
    exact = labels.tolist() if labels.dtype.kind != "f" else list(map(int, labels.tolist()))
    of_64_bits = np.iinfo(np.int64).min <= min(exact) and max(exact) <= np.iinfo(np.int64).max
    return np.array(list(map(int, exact)), np.int64 if of_64_bits else object)


def _numbered_people(labels, rows):
    """Whole numbers of any size: people numbered in their order from 0; junk, distractors and others below as such."""
    numbers = np.array([each if each in (JUNK, DISTRACTOR) else DISTRACTOR - 1 for each in labels.tolist()])
    people = (labels >= 0).astype(bool)
    numbers[people] = np.unique(labels[people], return_inverse=True)[1]
    return numbers[:rows], numbers[rows:]


def _told_apart(name, labels):
    """Labels that are whole numbers or names: what is neither, such as NaN, would match or not by accident."""
    if labels.dtype.kind == "b":
        return labels
    if _are_whole(labels):
        return _of_64_bits(labels)
    if labels.dtype.kind == "f":
        whole = are_exact(labels)
    else:
        whole = np.array([isinstance(each, (str, bytes, int, np.integer)) for each in labels.tolist()], bool)
    if not whole.all():
        at = int(np.argmin(whole))
        large = labels.dtype.kind == "f" and np.isfinite(labels[at]) and labels[at] == np.rint(labels[at])
        why = f": {labels.dtype} does not tell it from its neighbours; give integers" if large else ""
        raise ValueError(f"{name} must be whole numbers or names, received {labels[at]!r} at {at}{why}")
    return _of_64_bits(labels) if labels.dtype.kind == "f" else labels


def _numbered(labels, rows) -> tuple[np.ndarray, np.ndarray]:
    """Labels numbered in their order, split into those of the rows and of the columns."""
    _, numbers = np.unique(labels, return_inverse=True)
    return numbers.ravel()[:rows], numbers.ravel()[rows:]


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """Probes of a repeat, each with a match in its gallery.

    Args:
        probes: Integers: rows of the score matrix, ascending.
        gallery: Integers: columns of the score matrix; a vector where the probes share them, otherwise a matrix with a
            row a probe.
        views: A number for each probe and each gallery image: what has a probe's own is left out of its gallery.
            Defaults to `None`: nothing is.
        unmatched: How many more probes there would be, had they a match; they count for nothing. Defaults to 0.
        strangers: Integers: rows of the probes whose identity the protocol took out of the gallery, ascending. Defaults
            to none.
        whole: The same probes with all images that their galleries were drawn from, where mAP and mINP are of those.
            Defaults to `None`: they are of this gallery.
    """

    probes: np.ndarray
    gallery: np.ndarray
    views: tuple[np.ndarray, np.ndarray] | None = None
    unmatched: int = 0
    strangers: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    whole: Trial | None = None

    @property
    def of_strangers(self) -> Self:
        """The strangers' probes with the same gallery."""
        return type(self)(self.strangers, self.gallery)

    @property
    def parts(self) -> Iterator[Trial]:
        """All that is read for it: itself, that of strangers, and that of the whole gallery."""
        yield self
        if len(self.strangers):
            yield self.of_strangers
        if self.whole is not None:
            yield self.whole

    def left_out(self, block: slice = slice(None)) -> np.ndarray | bool:
        """Mask (probes of the block, gallery) of what is left out of the gallery of each probe."""
        return False if self.views is None else self.views[0][block, None] == self.views[1]


def get_protocol(protocol: str | Protocol) -> Protocol:
    """The protocol of a name in `PROTOCOLS`; a `Protocol` as it is. Raises `ValueError` for another name.

    Example:
        >>> get_protocol("cross-camera").repeats
        10
    """
    if isinstance(protocol, Protocol):
        return protocol
    if isinstance(protocol, str) and protocol in PROTOCOLS:
        return PROTOCOLS[protocol]
    raise ValueError(f"Unknown protocol {protocol!r}; known are {', '.join(map(repr, PROTOCOLS))}")


def draw_trials(
    probe_ids: ArrayLike,
    gallery_ids: ArrayLike,
    probe_cameras: ArrayLike | None = None,
    gallery_cameras: ArrayLike | None = None,
    protocol: str | Protocol = "cross-camera",
    repeats: int | None = None,
    seed: int = 0,
    probes: int | None = None,
) -> list[tuple[Trial, ...]]:
    """Draws which rows and columns of a score matrix each repeat of a protocol reads.

    In a repeat the gallery images are put in one random order, and an identity's gallery image is the first of its
    admissible ones. So all probes of a camera meet the same gallery; under a protocol that draws for each probe, each
    has an order of its own. Repeat number r has its own generator, seeded by `[seed, r]`: asking for more repeats does
    not change the first ones. A probe whose identity has no admissible image is left out and counted as unmatched.
    Under a protocol with `absent` identities, so many of those that have a match are drawn beforehand.

    Arguments are those of `cmc`. Fewer `probes` do not change the galleries, and bound strangers' probes likewise.

    Returns:
        One tuple a repeat. Under a protocol that draws from the other cameras it holds one `Trial` a probe camera,
        in the order of the cameras; otherwise one `Trial`.

    Raises:
        ValueError: If the labels do not fit each other or the protocol; if no probe has a match (an `InputError`); if
            `protocol`, `repeats`, `seed` or `probes` is not one.

    Example:
        >>> trials = draw_trials([1, 2], [1, 1, 2], [0, 0], [1, 1, 1], protocol="cross-camera", repeats=3)
        >>> len(trials), trials[0][0].probes.tolist(), len(trials[0][0].gallery)
        (3, [0, 1], 2)

    References:
        SPEC section 5.
    """
    return draw(Labels.of(probe_ids, gallery_ids, probe_cameras, gallery_cameras), protocol, repeats, seed, probes)


def draw(labels: Labels, protocol, repeats=None, seed=0, probes=None) -> list[tuple[Trial, ...]]:
    """What `draw_trials` gives, of checked labels."""
    protocol = get_protocol(protocol)
    repeats = whole_number("repeats", protocol.repeats if repeats is None else repeats, least=1)
    seed = whole_number("seed", seed, least=0)
    if protocol.shots == "all" and probes is None:
        repeats = 1  # nothing is drawn: more repeats would only look like a spread
    if probes is not None:
        probes = whole_number("probes", probes, least=1)
    if protocol.same_images:
        _check_same_images(protocol, labels)
    groups = _groups(protocol, labels)
    trials = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        # Sorting random(), not permutation(): its stream is the same under every version of NumPy.
        order = np.argsort(rng.random(len(labels.gallery_ids)), kind="stable")
        absent = _absent(protocol, groups, labels, [seed, repeat, 2]) if protocol.absent else None
        drawn = tuple(_trial(protocol, group, labels, order, rng, absent) for group in groups)
        if not any(len(trial.probes) for trial in drawn):
            raise InputError(
                f"The protocol {protocol.name!r} takes {protocol.description}: there is no match for any of the "
                f"{len(labels.probe_ids)} probes. Check identities and cameras"
            )
        trials.append(drawn if probes is None else _some_probes(drawn, probes, [seed, repeat]))
    return trials


def needed_pairs(trials: Iterable[Iterable[Trial]], shape: tuple[int, int]) -> np.ndarray:
    """Marks in a boolean matrix the pairs that trials read, which have to be scored.

    Args:
        trials: What `draw_trials` returned.
        shape: Rows and columns of the score matrix; a `ValueError` if a trial reads outside of it.

    Example:
        >>> trials = draw_trials([1, 1], [1, 1], protocol="paper", repeats=1)
        >>> int(needed_pairs(trials, (2, 2)).sum())
        1
    """
    needed = np.zeros(shape, dtype=bool)
    for trial in (part for repeat in trials for whole in repeat for part in whole.parts):
        try:
            needed[trial.probes[:, None], trial.gallery] |= ~np.asarray(trial.left_out())
        except IndexError as error:
            raise ValueError(f"A trial reads outside a score matrix of shape {tuple(shape)}: {error}") from error
    return needed


def _groups(protocol: Protocol, labels: Labels) -> list:
    """Probes that share what their gallery is taken from: `(rows with a match, number without, mask of columns)`."""
    people, kept = labels.probe_ids >= 0, labels.gallery_ids != JUNK
    masks = [(people, kept)]
    if protocol.gallery_from == "other":
        masks = [
            (people & (labels.probe_cameras == camera), kept & (labels.gallery_cameras != camera))
            for camera in np.unique(labels.probe_cameras[people])
        ]
    groups = []
    for mask, allowed in masks:
        rows = np.flatnonzero(mask)
        matches = _occurrences(labels.probe_ids[rows], labels.gallery_ids[allowed])
        if protocol.gallery_from == "other-views":
            probe_views, gallery_views = labels.views()
            matches -= _occurrences(probe_views[rows], gallery_views[allowed])
        groups.append((rows[matches > 0], np.count_nonzero(matches == 0), allowed))
    return groups


def _occurrences(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How often each of the values is among others."""
    among = np.sort(among)
    return np.searchsorted(among, values, "right") - np.searchsorted(among, values, "left")


def _absent(protocol: Protocol, groups, labels: Labels, seed: list[int]) -> np.ndarray:
    """The identities that are taken out of the gallery, of those of which a probe has a match: ascending."""
    people = np.unique(np.concatenate([labels.probe_ids[rows] for rows, _, _ in groups]))
    count = round(protocol.absent * len(people))
    if not 0 < count < len(people):
        raise InputError(
            f"The protocol {protocol.name!r} takes {protocol.absent:.0%} of the identities that have a match out of "
            f"the gallery, and leaves the others: there have to be more than {len(people)}"
        )
    # Sorting random(), not permutation(): its stream is the same under every version of NumPy.
    return np.sort(people[np.argsort(np.random.default_rng(seed).random(len(people)), kind="stable")[:count]])


def _trial(protocol: Protocol, group, labels: Labels, order, rng, absent=None) -> Trial:
    """The trial of a group of probes: `order` is the random order of the columns, `rng` draws what is a probe's own."""
    rows, unmatched, allowed = group
    whole = None
    if protocol.shots == "all" or protocol.precision_over == "all":
        views = None
        if protocol.gallery_from == "other-views":
            probe_views, gallery_views = labels.views()
            views = probe_views[rows], gallery_views[allowed]
        whole = Trial(rows, np.flatnonzero(allowed), views, unmatched)
        if protocol.shots == "all":
            return whole
    gallery_ids = labels.gallery_ids
    distractors = np.flatnonzero(allowed & (gallery_ids == DISTRACTOR))
    if protocol.drawn_for == "camera":
        candidates = order[allowed[order] & (gallery_ids[order] >= 0)]
        _, first = np.unique(gallery_ids[candidates], return_index=True)
        drawn = candidates[first]
        if absent is not None:
            gone, away = np.isin(gallery_ids[drawn], absent), np.isin(labels.probe_ids[rows], absent)
            gallery = np.concatenate([drawn[~gone], distractors])
            return Trial(rows[~away], gallery, unmatched=unmatched, strangers=rows[away])
        probes = np.setdiff1d(rows, drawn, assume_unique=True) if protocol.same_images else rows
        return Trial(probes, np.concatenate([drawn, distractors]), unmatched=unmatched)
    drawn = _drawn_for_each(labels, rows, allowed, rng, protocol.gallery_from == "other-views").astype(np.int32)
    everyone = np.broadcast_to(distractors.astype(np.int32), (len(rows), len(distractors)))
    return Trial(rows, np.concatenate([drawn, everyone], axis=1), unmatched=unmatched, whole=whole)


def _drawn_for_each(labels: Labels, rows, allowed, rng, other_views: bool) -> np.ndarray:
    """One column an identity for each row; with `other_views`, of the row's own identity none of its own camera."""
    gallery_ids = labels.gallery_ids
    probe_views, gallery_views = labels.views()
    candidates = np.flatnonzero(allowed & (gallery_ids >= 0))
    keys = gallery_views if other_views else gallery_ids
    candidates = candidates[np.argsort(keys[candidates], kind="stable")]
    people, first, count = np.unique(gallery_ids[candidates], return_index=True, return_counts=True)
    chances = rng.random((len(rows), len(people)))
    places = first + (chances * count).astype(int)
    if other_views:
        # Of each row's own identity: its images, of which those of the own camera are a run, which is stepped over.
        own = np.searchsorted(people, labels.probe_ids[rows])
        begin, end = (np.searchsorted(gallery_views[candidates], probe_views[rows], side) for side in ("left", "right"))
        at = np.arange(len(rows)), own
        place = first[own] + (chances[at] * (count[own] - (end - begin))).astype(int)
        places[at] = np.where(place >= begin, place + end - begin, place)
    return candidates[places]


def _some_probes(trials: tuple[Trial, ...], most: int, seed: list[int]) -> tuple[Trial, ...]:
    """The trials of a repeat with `most` of their probes together, and of those of strangers likewise."""
    kept = _some([len(trial.probes) for trial in trials], most, [*seed, 1])
    strangers = _some([len(trial.strangers) for trial in trials], most, [*seed, 3])
    parts = _kept(trials, kept, strangers)
    return tuple(part for part in parts if len(part.probes) or part.unmatched or len(part.strangers))


def _kept(trials, kept, strangers) -> list[Trial]:
    """Trials with those of their probes, and of those of strangers, that are at these positions."""
    parts = []
    for trial, at, others in zip(trials, kept, strangers, strict=True):
        gallery = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[at]
        views = None if trial.views is None else (trial.views[0][at], trial.views[1])
        (whole,) = (None,) if trial.whole is None else _kept((trial.whole,), [at], [others])
        parts.append(Trial(trial.probes[at], gallery, views, trial.unmatched, trial.strangers[others], whole))
    return parts


def _some(sizes: list[int], most: int, seed: list[int]) -> list[np.ndarray]:
    """Positions in each of several lists, ascending, `most` together."""
    # Sorting random(), for the same reason as above.
    kept = np.sort(np.argsort(np.random.default_rng(seed).random(sum(sizes)), kind="stable")[:most])
    ends = np.cumsum(sizes)
    return [kept[(kept >= end - size) & (kept < end)] - (end - size) for size, end in zip(sizes, ends, strict=True)]


def _check_same_images(protocol: Protocol, labels: Labels) -> None:
    rule = f"The protocol {protocol.name!r} needs the same images, in the same order, as rows and as columns"
    if len(labels.probe_ids) != len(labels.gallery_ids):
        raise ValueError(f"{rule}; received {labels.shape[0]} probe_ids and {labels.shape[1]} gallery_ids")
    for what in ("ids", "cameras") if labels.cameras_given else ("ids",):
        probe, gallery = getattr(labels, f"probe_{what}"), getattr(labels, f"gallery_{what}")
        differing = np.flatnonzero(probe != gallery)
        if len(differing):
            where = f"{len(differing)} places, first at row {differing[0]}"
            raise ValueError(f"{rule}; probe_{what} and gallery_{what} differ in {where}")
    people = labels.probe_ids[labels.probe_ids >= 0]
    if len(np.unique(people)) == len(people):
        raise InputError(
            f"The protocol {protocol.name!r} leaves no probes: each of the {len(people)} identities has one image "
            "only, and it is in the gallery"
        )
