"""What the pictures of `tfnxc plot` show: rankings, maps and correlations of runs, gathered into plain arrays."""

from __future__ import annotations

import collections
import dataclasses
import pathlib

import numpy as np

from tfnxc import models, training
from tfnxc.console import console
from tfnxc.datasets import CATALOGUE, read_picture
from tfnxc.datasets.image_set import IMAGE_SIZE, resize
from tfnxc.datasets.synthetic.people import conditions
from tfnxc.errors import InputError
from tfnxc.evaluation import TITLES, EvaluationPlan, Protocol, draw_trials, published_figures, rank_lists
from tfnxc.evaluation import subjects as _subjects
from tfnxc.evaluation.pair_correlation import pair_correlation
from tfnxc.evaluation.probes import BY_CONDITIONS, BY_RANKS, choose_by_difficulty, choose_by_ranks
from tfnxc.scoring.features import embed
from tfnxc.visualization import CMCPanel, MapRow, RankedProbe, Ranking

# Galleries have been drawn when something is ranked: nothing is left to draw.
_AS_GIVEN = Protocol("as given", "the gallery as it is given", gallery_from="any", shots="all", repeats=1)


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which probes are pictured.

    Args:
        kind: Of `tfnxc.evaluation.probes.KINDS`. Defaults to `"random"`.
        probes: Positions or names of pictures in the test part instead. Defaults to none.
        count: The most probes. Defaults to 4.
        among: The most that are scored to find those of a kind that ranks tell. Defaults to 50.
        seed: Of the draws: the gallery, and which probes. Defaults to 0.
    """

    kind: str = "random"
    probes: tuple = ()
    count: int = 4
    among: int = 50
    seed: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Ranked:
    """The gallery of a probe as something ranks it, best first: positions of pictures, scores, which are matches."""

    gallery: np.ndarray
    scores: np.ndarray
    matches: np.ndarray

    @property
    def match_rank(self):
        """Rank of the best true match."""
        return int(np.argmax(self.matches)) + 1


@dataclasses.dataclass(frozen=True, eq=False)
class Rankings:
    """Rankings of the same probes by several runs.

    Args:
        people: `ImageSet` of the test people.
        titles: What is to be said of each probe, by its position in `people`.
        ranked: By label of the run: `Ranked` of each probe.
    """

    people: object
    titles: dict[int, str]
    ranked: dict[str, dict[int, Ranked]]

    def probes(self, shown=20):
        """What `plot_rankings` draws: a `RankedProbe` each, with so many pictures of its gallery at most."""
        return [
            RankedProbe(title, self.picture(probe), [self._row(label, of[probe], shown) for label, of in self._rows()])
            for probe, title in self.titles.items()
        ]

    def picture(self, index):
        """A picture of the test people, of the size that the models read."""
        return resize(self.people.read(int(index)), IMAGE_SIZE)

    def _rows(self):
        return self.ranked.items()

    def _row(self, label, ranked, shown):
        pictures = np.stack([self.picture(index) for index in ranked.gallery[:shown]])
        return Ranking(label, pictures, ranked.scores[:shown], ranked.matches[:shown], ranked.match_rank)


def find_rankings(subjects, choice=None, protocol=None, shown=20):
    """Ranks the galleries of a few probes.

    Args:
        subjects: `(name, data set, Subject)` of each run, as `tfnxc.evaluation.subjects.subjects` gives them.
        choice: A `Choice`. Defaults to 4 probes at random.
        protocol: Name of the protocol whose first draw is the gallery. Defaults to `None`: that of the data set.
        shown: How many of a gallery will be shown. Defaults to 20.

    Returns:
        The `Rankings`.

    Raises:
        InputError: If they are not of the same people, or no probe is as it was asked for.
    """
    choice = Choice() if choice is None else choice
    tested, rows = None, []
    for name, dataset, subject in subjects:
        of = dataset, subject.about["split_digest"]
        if tested is None:
            tested, people = of, subject.people
            protocol = protocol or _subjects.default_protocols(dataset, people)[0]
            galleries = _galleries(people, dataset, protocol, choice)
        elif of != tested:
            raise InputError(
                f"{name} is tested on other people than the first: one picture shows rankings of the same gallery. "
                "Name a --dataset and a --split, or draw them one by one."
            )
        rows.append((name, subject, _rank(subject, people, galleries)))
    models_ = [subject.about.get("settings", {}).get("model") for _, subject, _ in rows]
    chosen = list(galleries)
    if not choice.probes and (choice.kind in BY_RANKS or choice.kind == "random"):
        ranks = [[of[probe].match_rank for probe in chosen] for _, _, of in rows]
        kept = choose_by_ranks(choice.kind, ranks, models_, choice.count, choice.seed, shown)
        chosen = [chosen[position] for position in kept]
    told = "" if choice.probes or choice.kind == "random" else f": {(BY_RANKS | BY_CONDITIONS)[choice.kind]}"
    titles = {probe: f"Probe {probe}, {pathlib.PurePath(people.paths[probe]).name}{told}" for probe in chosen}
    names = labels([(name, subject.label) for name, subject, _ in rows])
    return Rankings(people, titles, dict(zip(names, (of for _, _, of in rows), strict=True)))


def cmc_panels(groups, published=True):
    """What `plot_cmc_panels` draws of the `Group`s that `tfnxc.evaluation.groups` made: one `CMCPanel` a set and protocol."""
    panels = collections.defaultdict(dict)
    for group in groups:
        curves = group.summary.curves()
        panels[group.dataset, group.family, group.people, curves.protocol][_printed(group.label)] = curves
    found = []
    for (dataset, family, people, _), curves in panels.items():
        title = CATALOGUE[dataset].title if dataset in CATALOGUE else dataset
        title += f", {family}" if people is None else f", {people} test identities"
        found.append(CMCPanel(title, curves, published_figures(dataset, people or 0) if published else ()))
    return found


def labels(named):
    """What the subjects of `(name, label)` are called in pictures: the label, and the name where several share it."""
    every = [label for _, label in named]
    shown = [f"{label}, {name}" if every.count(label) > 1 else label for name, label in named]
    return [_printed(label) for label in shown]


def _printed(label):
    """A label with the model's name as the paper has it."""
    model, comma, rest = label.partition(",")
    return TITLES.get(model, model) + comma + rest


def _galleries(people, dataset, protocol, choice):
    """Positions of the gallery pictures of each probe that is to be scored, by the position of the probe."""
    if choice.probes:
        wanted = list(dict.fromkeys(picture_index(people, each) for each in choice.probes))
        drawn = _draw(people, protocol, choice.seed, None)
        for probe in wanted:
            if probe not in drawn:
                raise InputError(
                    f"picture {probe} is no probe of this draw under {protocol}; the first that are: "
                    f"{', '.join(map(str, list(drawn)[:5]))}."
                )
        return {probe: drawn[probe] for probe in wanted}
    if choice.kind in BY_CONDITIONS:
        drawn = _draw(people, protocol, choice.seed, None)
        probes = np.array(list(drawn))
        hardest = choose_by_difficulty(
            choice.kind, _difficulty(people, dataset, drawn, choice.kind), choice.count, choice.seed
        )
        return {int(probe): drawn[probe] for probe in probes[hardest]}
    return _draw(people, protocol, choice.seed, choice.count if choice.kind == "random" else choice.among)


def _draw(people, protocol, seed, most):
    """The gallery of each probe in the first draw of a protocol, for `most` probes at random or all."""
    plan = EvaluationPlan.of(protocol, people, repeats=1, seed=seed)
    rows, columns = plan.rows, plan.columns
    sides = [labels[side] for labels in (people.identities, people.cameras) for side in (rows, columns)]
    (trials,) = draw_trials(*sides, protocol, 1, seed, most)
    found = {}
    for trial in trials:
        for at, probe in enumerate(trial.probes):
            gallery = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[at]
            left_out = np.broadcast_to(trial.left_out(slice(at, at + 1)), (1, len(gallery)))[0]
            found[int(rows[probe])] = columns[gallery[~left_out]]
    return found


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


def _rank(subject, people, galleries):
    """`Ranked` of each probe by one subject."""
    needed = np.zeros((len(people),) * 2, bool)
    for probe, gallery in galleries.items():
        needed[probe, gallery] = True
    read, pairs, seconds = subject.score(needed)
    if pairs:
        console.print(f"{subject.label}: {pairs} pairs in {seconds:.1f} s")
    found = {}
    for probe, gallery in galleries.items():
        scores, ids = read([probe], gallery), people.identities
        lists = rank_lists(scores, ids[[probe]], ids[gallery], protocol=_AS_GIVEN, k=len(gallery))
        found[probe] = Ranked(gallery[lists.columns[0]], lists.scores[0], lists.same[0])
    return found


def find_maps(rankings, folders, state="trained"):
    """The maps of a probe, of its picture at rank 1 and of its true match, by each run.

    Args:
        rankings: `Rankings` of runs.
        folders: The folders of these runs, in the same order.
        state: State of the models, as in `Run.load_model`. Defaults to `"trained"`.

    Returns:
        For each probe what `plot_maps` draws: lists of `MapRow` by label.
    """
    found = [{} for _ in rankings.titles]
    for (label, ranked), folder in zip(rankings.ranked.items(), folders, strict=True):
        model, _ = training.Run.open(folder).load_model(state)
        tower = models.split(model).tower
        shown = [_mapped(probe, ranked[probe]) for probe in rankings.titles]
        pictures = np.stack([rankings.picture(index) for of in shown for index in of.values()])
        each = zip(pictures, embed(tower, pictures), strict=True)  # at once: embed traces the tower anew each time
        for rows, of in zip(found, shown, strict=True):
            rows[label] = [MapRow(role, *next(each)) for role in of]
    return found


def _mapped(probe, ranked):
    """By role the pictures, as positions, whose maps are drawn of a probe."""
    rank, gallery = ranked.match_rank, ranked.gallery
    if rank == 1:
        return {"probe": probe, "rank 1: match": gallery[0]}
    return {"probe": probe, "rank 1": gallery[0], f"match: {rank}": gallery[rank - 1]}


def find_correlation(run, people, probe, gallery, state="trained"):
    """What the correlation layer of a run computes of two pictures.

    Args:
        run: The `Run`.
        people: `ImageSet` that the pictures are taken from.
        probe: Position or name of a picture, or a picture file.
        gallery: Likewise; or `"match"`, the first picture of the probe's person by another camera.
        state: State of the model, as in `Run.load_model`. Defaults to `"trained"`.

    Returns:
        `(probe, gallery, PairCorrelation)`: two pictures and what `plot_correlation` draws of them.

    Raises:
        InputError: If there is no such picture, or the model has no such layer.
    """
    if gallery == "match":
        index = picture_index(people, probe)
        others = (people.identities == people.identities[index]) & (people.cameras != people.cameras[index])
        if not others.any():
            raise InputError(f"no other camera has a picture of the person of {people.paths[index]}.")
        gallery = int(np.flatnonzero(others)[0])
    pictures = [_picture(people, each) for each in (probe, gallery)]
    model, _ = run.load_model(state)
    return *pictures, pair_correlation(model, *pictures)


def _picture(people, wanted):
    """A picture of a set, or of a file, of the size that the models read."""
    if isinstance(wanted, str) and not wanted.isdecimal() and pathlib.Path(wanted).is_file():
        return resize(read_picture(wanted), IMAGE_SIZE)
    return resize(people.read(picture_index(people, wanted)), IMAGE_SIZE)


def picture_index(people, wanted):
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
