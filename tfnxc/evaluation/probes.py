"""Which probes are pictured (the kinds of the supplement's Figures 2 to 6), and the galleries they are ranked in."""

import dataclasses
import pathlib
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.datasets import ImageSet
from tfnxc.datasets.synthetic.people import conditions
from tfnxc.errors import InputError
from tfnxc.metrics import EvaluationPlan, draw_trials

BY_RANKS = {
    "all-right": "every model has the true match at rank 1",
    "only-fused": "only the Fused model has the true match at rank 1",
    "false-match": "NormXcorr has somebody else at rank 1",
    "all-fail": "no model has the true match among the pictures shown",
}
"""Kinds of probes that are found by the ranks of their true matches."""

BY_CONDITIONS = {
    "occlusion": "something hides a part of the body, in the probe or in its match",
    "light": "probe and match differ most in brightness",
    "viewpoint": "probe and match are turned the furthest from each other",
}
"""Kinds of probes that are found by how their pictures were taken, if the data set knows it."""

PROBE_KINDS = ("random", *BY_RANKS, *BY_CONDITIONS)


@dataclasses.dataclass(frozen=True)
class ProbeChoice:
    """Which probes are pictured.

    Args:
        kind: One of `PROBE_KINDS`. Defaults to `"random"`.
        probes: Positions or names of pictures in the test part instead. Defaults to none.
        count: The most probes. Defaults to 4.
        among: The most that are scored to find those of a kind in `BY_RANKS`. Defaults to 50.
        seed: Seed of the draws of the gallery and the probes. Defaults to 0.

    Raises:
        ValueError: If the kind is not known.

    Example:
        >>> ProbeChoice("all-fail", among=200).about
        ': no model has the true match among the pictures shown'
    """

    kind: str = "random"
    probes: Sequence[int | str] = ()
    count: int = 4
    among: int = 50
    seed: int = 0

    def __post_init__(self):
        if self.kind not in PROBE_KINDS:
            raise ValueError(f"kind must be one of {', '.join(PROBE_KINDS)}; got {self.kind!r}.")

    @property
    def about(self) -> str:
        """The kind in words, for titles; empty where probes are named or drawn at random."""
        return "" if self.probes or self.kind == "random" else f": {(BY_RANKS | BY_CONDITIONS)[self.kind]}"


def choose_by_ranks(kind, ranks, models, count, seed=0, shown=20) -> np.ndarray:
    """Chooses at most `count` probes by the ranks (models, probes) of their best true matches.

    `models` names the architecture of each row, `None` for the baseline; `shown` is how many of a gallery are shown.
    Gives columns of `ranks`, ascending; raises `InputError` if no probe is of the kind or its model is missing.
    """
    ranks = np.asarray(ranks)
    right = np.equal(ranks, 1)
    if kind == "random":
        there = np.ones(ranks.shape[1], bool)
    elif kind == "all-right":
        there = right.all(axis=0)
    elif kind == "only-fused":
        fused = _rows_of("fused", models, kind)
        there = right[fused].all(axis=0) & ~right[~fused].any(axis=0)
    elif kind == "false-match":
        there = ~right[_rows_of("normxcorr", models, kind)].any(axis=0)
    elif kind == "all-fail":
        there = np.greater(ranks, shown).all(axis=0)
    else:
        raise ValueError(f"kind must be 'random' or one of {', '.join(BY_RANKS)}; got {kind!r}.")
    found = np.flatnonzero(there)
    if not len(found):
        raise InputError(
            f"none of the {ranks.shape[1]} probes is of the kind {kind} ({BY_RANKS[kind]}). Choose from more with "
            "--among, or another kind."
        )
    # Sorting random(), not permutation(): its stream is the same under every version of NumPy.
    order = np.argsort(np.random.default_rng(seed).random(len(found)), kind="stable")
    return np.sort(found[order[:count]])


def _rows_of(model, models, kind):
    """Mask of the rows of an architecture."""
    found = np.array([each == model for each in models])
    if not found.any():
        raise InputError(f"the kind {kind} is about the model {model}: name a run of it.")
    return found


def choose_by_difficulty(kind: str, difficulty: ArrayLike, count: int, seed: int = 0) -> np.ndarray:
    """Positions of the hardest probes of a kind, the hardest first; those of difficulty 0 are not of the kind.

    The seed chooses among equally hard ones. Raises `InputError` if no probe is of the kind.
    """
    values = np.asarray(difficulty, float)
    shuffled = np.argsort(np.random.default_rng(seed).random(len(values)), kind="stable")
    hardest = shuffled[np.argsort(-values[shuffled], kind="stable")][:count]
    hardest = hardest[values[hardest] > 0]
    if not len(hardest):
        raise InputError(f"none of the {len(values)} probes is of the kind {kind} ({BY_CONDITIONS[kind]}).")
    return hardest


def galleries_of(people: ImageSet, dataset: str, protocol: str, choice: ProbeChoice) -> dict[int, np.ndarray]:
    """The galleries of all probes that have to be scored for a choice, by the position of the probe.

    Raises `InputError` if a named picture is no probe of this draw, or the data set cannot tell which are of the kind.
    """
    if choice.probes:
        drawn = draw_galleries(people, protocol, choice.seed)
        chosen = list(dict.fromkeys(picture_index(people, each) for each in choice.probes))
    elif choice.kind in BY_CONDITIONS:
        drawn = draw_galleries(people, protocol, choice.seed)
        difficulty = _difficulty(people, dataset, drawn, choice.kind)
        hardest = choose_by_difficulty(choice.kind, difficulty, choice.count, choice.seed)
        chosen = [list(drawn)[at] for at in hardest]
    else:
        most = choice.count if choice.kind == "random" else choice.among
        return draw_galleries(people, protocol, choice.seed, most)
    for probe in chosen:
        if probe not in drawn:
            raise InputError(
                f"picture {probe} is no probe of this draw under {protocol}; the first that are: "
                f"{', '.join(map(str, list(drawn)[:5]))}."
            )
    return {probe: drawn[probe] for probe in chosen}


def draw_galleries(people: ImageSet, protocol: str, seed: int = 0, most: int | None = None) -> dict[int, np.ndarray]:
    """The gallery of each probe in the first draw of a protocol, for `most` probes at random or all."""
    plan = EvaluationPlan.of(protocol, people, repeats=1, seed=seed)
    rows, columns = plan.rows, plan.columns
    (trials,) = draw_trials(*plan.labels(), protocol, 1, seed, most)
    found = {}
    for trial in trials:
        for at, probe in enumerate(trial.probes):
            gallery = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[at]
            left_out = np.broadcast_to(trial.left_out(slice(at, at + 1)), (1, len(gallery)))[0]
            found[int(rows[probe])] = columns[gallery[~left_out]]
    return found


def picture_index(people: ImageSet, wanted: int | str) -> int:
    """The position in a set of a picture by position or name; raises `InputError` if there is none."""
    if isinstance(wanted, int | np.integer) or wanted.isdecimal():
        if 0 <= int(wanted) < len(people):
            return int(wanted)
        raise InputError(f"picture {wanted}: the test part of {people.name} has pictures 0 to {len(people) - 1}.")
    names = [pathlib.PurePath(path).name for path in people.paths]
    found: list[int] = []
    for form in (str, _composed):  # as it is written, or else in the other Unicode form
        same = (form(wanted) in (form(path), form(name)) for path, name in zip(people.paths, names, strict=True))
        found = found or [index for index, each in enumerate(same) if each]
    if len(found) != 1:
        what = "no picture" if not found else f"{len(found)} pictures"
        raise InputError(f"{wanted}: {what} of that name in the test part of {people.name}, such as {names[0]}.")
    return found[0]


def _composed(text):
    return unicodedata.normalize("NFC", text)


def _difficulty(people, dataset, galleries, kind):
    """How hard each probe is by a kind of `BY_CONDITIONS`."""
    if dataset != "synthetic":
        raise InputError(
            f"the kind {kind} needs a data set that knows how its pictures came about: only synthetic does."
        )
    measure = {
        "occlusion": lambda a, b: (a.occluder is not None) + (b.occluder is not None),
        "light": lambda a, b: abs(a.brightness - b.brightness),
        "viewpoint": lambda a, b: 180 - abs(180 - abs(a.turn - b.turn) % 360),
    }[kind]
    known, ids = conditions(people.paths), people.identities
    matches = {probe: gallery[ids[gallery] == ids[probe]][0] for probe, gallery in galleries.items()}
    return [measure(known[probe], known[match]) for probe, match in matches.items()]
