"""The galleries that probes are ranked against: those of one draw of a protocol, by the position of the probe."""

from __future__ import annotations

import pathlib

import numpy as np

from tfnxc.datasets import ImageSet
from tfnxc.datasets.synthetic import conditions
from tfnxc.errors import InputError
from tfnxc.evaluation.probes import BY_CONDITIONS, ProbeChoice, choose_by_difficulty
from tfnxc.metrics import EvaluationPlan, draw_trials


def galleries_of(people: ImageSet, dataset: str, protocol: str, choice: ProbeChoice) -> dict[int, np.ndarray]:
    """The galleries of all probes that have to be scored for a choice, by the position of the probe.

    Raises `InputError` where a picture is no probe of this draw, or nobody knows which probes are of the kind.

    Example:
        >>> found = galleries_of(people, "synthetic", "cross-camera", ProbeChoice(probes=[0]))
        >>> {probe: len(gallery) for probe, gallery in found.items()}
        {0: 6}
    """
    if choice.probes:
        wanted = list(dict.fromkeys(picture_index(people, each) for each in choice.probes))
        drawn = draw_galleries(people, protocol, choice.seed)
        for probe in wanted:
            if probe not in drawn:
                raise InputError(
                    f"picture {probe} is no probe of this draw under {protocol}; the first that are: "
                    f"{', '.join(map(str, list(drawn)[:5]))}."
                )
        return {probe: drawn[probe] for probe in wanted}
    if choice.kind in BY_CONDITIONS:
        drawn = draw_galleries(people, protocol, choice.seed)
        probes = list(drawn)
        difficulty = _difficulty(people, dataset, drawn, choice.kind)
        hardest = choose_by_difficulty(choice.kind, difficulty, choice.count, choice.seed)
        return {probes[at]: drawn[probes[at]] for at in hardest}
    return draw_galleries(people, protocol, choice.seed, choice.count if choice.kind == "random" else choice.among)


def draw_galleries(people: ImageSet, protocol: str, seed: int = 0, most: int | None = None) -> dict[int, np.ndarray]:
    """The gallery of each probe in the first draw of a protocol, for `most` probes at random or all."""
    plan = EvaluationPlan.of(protocol, people, repeats=1, seed=seed)
    rows, columns = plan.rows, plan.columns
    ids, cameras = people.identities, people.cameras
    (trials,) = draw_trials(ids[rows], ids[columns], cameras[rows], cameras[columns], protocol, 1, seed, most)
    found = {}
    for trial in trials:
        for at, probe in enumerate(trial.probes):
            gallery = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[at]
            left_out = np.broadcast_to(trial.left_out(slice(at, at + 1)), (1, len(gallery)))[0]
            found[int(rows[probe])] = columns[gallery[~left_out]]
    return found


def picture_index(people: ImageSet, wanted: int | str) -> int:
    """The position in a set of the picture of this position or name; raises `InputError` where there is none."""
    if isinstance(wanted, int) or wanted.isdecimal():
        if int(wanted) < len(people):
            return int(wanted)
        raise InputError(f"picture {wanted}: the test part of {people.name} has pictures 0 to {len(people) - 1}.")
    names = [pathlib.PurePath(path).name for path in people.paths]
    found = [index for index, path in enumerate(people.paths) if wanted in (str(path), names[index])]
    if len(found) != 1:
        what = "no picture" if not found else f"{len(found)} pictures"
        raise InputError(f"{wanted}: {what} of that name in the test part of {people.name}, such as {names[0]}.")
    return found[0]


def _difficulty(people, dataset, galleries, kind):
    """How hard each probe is in the respect of a kind, as far as the data set knows it."""
    if dataset != "synthetic":
        raise InputError(
            f"the kind {kind} needs a data set that knows how its pictures came about: only synthetic does."
        )
    known = conditions(people.paths)
    found = []
    for probe, gallery in galleries.items():
        (first, *_) = gallery[people.identities[gallery] == people.identities[probe]]
        pair = known[probe], known[first]
        if kind == "occlusion":
            found.append(sum(each.occluder is not None for each in pair))
        elif kind == "light":
            found.append(abs(pair[0].brightness - pair[1].brightness))
        else:
            found.append(180 - abs(180 - abs(pair[0].turn - pair[1].turn) % 360))
    return found
