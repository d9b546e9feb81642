"""Figures of single probes: what runs and models rank first, with maps, and what a correlation layer computes."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from rich.console import Console

from tfnxc import layers, models, ops
from tfnxc.datasets import ImageSet, Split, read_picture
from tfnxc.datasets.image_set import IMAGE_SIZE, resize
from tfnxc.errors import InputError
from tfnxc.evaluation.baselines import Baseline
from tfnxc.evaluation.probes import BY_CONDITIONS, ProbeChoice, choose_by_ranks, galleries_of, picture_index
from tfnxc.evaluation.results import printed
from tfnxc.evaluation.scorer import Asked
from tfnxc.evaluation.scorers import Model, Scorer, Subject, model_of, opened, scorers
from tfnxc.evaluation.tested import default_protocol, splits_of_run
from tfnxc.metrics import Protocol, rank_lists
from tfnxc.runs import Run
from tfnxc.runs.result import HEAD
from tfnxc.scoring import Pairs, embed
from tfnxc.visualization import MapRow, PairCorrelation, RankedProbe, Ranking

# Galleries are drawn before they are ranked.
_AS_GIVEN = Protocol("as given", "the gallery as it is given", gallery_from="any", shots="all", repeats=1)

_OF_MODELS = ("both_orders", "flips", "batch_size", "asked")  # options of whatever has a model


@dataclasses.dataclass(frozen=True, eq=False)
class RankedGallery:
    """The ranked gallery of one probe: positions in the test part, scores as shown, and a mask of true matches."""

    pictures: np.ndarray
    scores: np.ndarray
    matches: np.ndarray

    @property
    def match_rank(self) -> int:
        """Rank of the best true match."""
        return int(np.argmax(self.matches)) + 1

    @property
    def match(self) -> int:
        """Position of the best true match."""
        return int(self.pictures[self.match_rank - 1])

    def mapped(self, probe: int) -> dict[str, int]:
        """Positions of the pictures whose maps are drawn for a probe, by role."""
        if self.match_rank == 1:
            return {"probe": probe, "rank 1: match": self.match}
        return {"probe": probe, "rank 1": int(self.pictures[0]), f"match: {self.match_rank}": self.match}


@dataclasses.dataclass(frozen=True, eq=False)
class Rankings:
    """Rankings of the same probes by several subjects, as `rank_probes` gives them.

    Args:
        people: `ImageSet` of the test part.
        titles: The title of each probe, by its position in `people`.
        ranked: The `RankedGallery` of each probe, by label of the subject.
        models: Functions that return the model, by label; subjects without a model are left out, and of several scorers
            of one model the first has it.
        top: How many pictures of a gallery are shown. Defaults to 20.
    """

    people: ImageSet
    titles: Mapping[int, str]
    ranked: Mapping[str, Mapping[int, RankedGallery]]
    models: Mapping[str, Callable[[], keras.Model]]
    top: int = 20

    def probes(self, top: int | None = None) -> list[RankedProbe]:
        """What `tfnxc.visualization.plot_rankings` draws: a `RankedProbe` each, with the best `top` of its gallery."""
        top, found = self.top if top is None else top, []
        for probe, title in self.titles.items():
            rankings = []
            for label, of in self.ranked.items():
                best = of[probe]
                pictures = np.stack([self.picture(index) for index in best.pictures[:top]])
                rankings.append(Ranking(label, pictures, best.scores[:top], best.matches[:top], best.match_rank))
            found.append(RankedProbe(title, self.picture(probe), rankings))
        return found

    def maps(self) -> list[dict[str, list[MapRow]]]:
        """For each probe `MapRow`s by label, for `plot_maps`: of the probe, its rank 1 and its best true match."""
        found: list[dict[str, list[MapRow]]] = [{} for _ in self.titles]
        for label, model in self.models.items():
            shown = [self.ranked[label][probe].mapped(probe) for probe in self.titles]
            pictures = np.stack([self.picture(index) for of in shown for index in of.values()])
            # All at once, because `embed` traces the tower anew each time.
            each = zip(pictures, _maps_of(model(), pictures), strict=True)
            for rows, of in zip(found, shown, strict=True):
                rows[label] = [MapRow(role, *next(each)) for role in of]
        return found

    def correlations(self) -> list[dict[str, tuple[np.ndarray, np.ndarray, PairCorrelation]]]:
        """What `tfnxc.visualization.plot_correlation` draws of each probe and its true match, by label of the model.

        Models without a normalized correlation layer are left out.
        """
        found: list[dict] = [{} for _ in self.titles]
        for label, model in self.models.items():
            if _correlation_layer(models.split(model()).head) is not None:
                for of, probe in zip(found, self.titles, strict=True):
                    pair = self.picture(probe), self.picture(self.ranked[label][probe].match)
                    of[label] = (*pair, pair_correlation(model(), *pair))
        return found

    def picture(self, index: int) -> np.ndarray:
        """A picture of the test part, in the size that models read."""
        return resize(self.people.read(int(index)), IMAGE_SIZE)


def rank_probes(
    subjects: Subject | Iterable[Subject],
    people: ImageSet | None = None,
    *,
    split: Split | str | os.PathLike | None = None,
    choice: ProbeChoice | None = None,
    protocol: str | None = None,
    scorer: str | Iterable[str] = HEAD,
    top: int = 20,
    console: Console | None = None,
    **options: Any,
) -> Rankings:
    """Chooses a few probes and ranks their galleries by runs, models or the colour histogram.

    As with `evaluate`, scores of runs are kept in their folders, and no run ranks people whom it was trained on.

    Args:
        subjects: One or several of what `evaluate` takes. All must be tested on the same people: those of the first,
            unless another is a run on the same data set.
        people: As in `evaluate`.
        split: As in `evaluate`.
        choice: The `ProbeChoice`. Defaults to `None`: 4 probes at random.
        protocol: Name of the protocol whose first draw is the gallery. Defaults to `None`: that of the data set.
        scorer: As in `evaluate`; several rank below each other. Below a rank stands the probability of the head or of
            both together, and the cosine of the embedding. Defaults to `"head"`.
        top: As in `Rankings`. Defaults to 20.
        console: As in `evaluate`.
        **options: `state`, `held_back`, `partial`, `other_people`, `data`, `both_orders`, `flips` and `batch_size`, as
            in `evaluate`.

    Raises:
        InputError: As `evaluate`; if subjects are tested on different people; if no probe is of the kind.
        ValueError: As `evaluate`; if there is no subject.

    Example:
        >>> found = rank_probes("colour-histogram", people, choice=ProbeChoice(count=2), top=3)
        >>> [len(ranking.pictures) for probe in found.probes() for ranking in probe.rankings]
        [3, 3]
        >>> tfnxc.visualization.plot_rankings(found.probes()).savefig("ranking.png")

    References:
        Supplement, section 5, Figures 2 to 8.
    """
    choice = ProbeChoice() if choice is None else choice
    single = isinstance(subjects, Run | keras.Model | str | os.PathLike) or not isinstance(subjects, Iterable)
    options["asked"] = Asked.of(scorer, None)
    first, rows = None, []
    for each, model in _scorers([subjects] if single else subjects, people, split, options, console):
        tested = each.tested
        if first is None:
            first = tested
            protocol = protocol or default_protocol(tested.dataset, tested.part)
            galleries = galleries_of(tested.part, tested.dataset, protocol, choice)
        elif (tested.dataset, tested.split.digest) != (first.dataset, first.split.digest):
            raise InputError(
                f"{each.name} is tested on other people than the first: one picture shows rankings of the same "
                "gallery. Name a --dataset and a --split, or draw them one by one."
            )
        rows.append((each, model, _rank(each, galleries, console)))
    if first is None:
        raise ValueError("rank_probes takes at least one subject; got none.")
    chosen = list(galleries)
    if not choice.probes and choice.kind not in BY_CONDITIONS:
        ranks = [[of[probe].match_rank for probe in chosen] for *_, of in rows]
        settings = [each.about.get("settings") for each, *_ in rows]
        names = [None if known is None else known.model for known in settings]
        kept = choose_by_ranks(choice.kind, ranks, names, choice.count, choice.seed, top)
        chosen = [chosen[position] for position in kept]
    paths = first.part.paths
    titles = {probe: f"Probe {probe}, {pathlib.PurePath(paths[probe]).name}{choice.about}" for probe in chosen}
    labels = [each.label for each, *_ in rows]
    ranked, with_model = {}, {}
    for each, model, of in rows:
        label = printed(f"{each.label}, {each.name}" if labels.count(each.label) > 1 else each.label)
        ranked[label] = of
        if model is not None:
            with_model[label] = model
    return Rankings(first.part, titles, ranked, with_model, top)


def _scorers(subjects, people, split, options, console) -> Iterator[tuple[Scorer, Callable[[], keras.Model] | None]]:
    """The scorers of all subjects, each with a function that returns its model; only runs get options of runs."""
    first = None
    for each in subjects:
        subject, seen = opened(each), set()
        run = subject if isinstance(subject, Run) else None
        if first is None or (run and (people is not None or run.settings.dataset == first.dataset)):
            given = {"people": people, "split": split, **options}
        else:
            fitting = (
                () if isinstance(subject, Baseline) else (*_OF_MODELS, *(("state", "other_people") if run else ()))
            )
            given = {name: options[name] for name in fitting if name in options}
            given |= {"people": first.people, "split": first.split}
        model = model_of(run, options.get("state", "trained")) if run else subject
        load = functools.cache(lambda model=model: model.load()[0]) if isinstance(model, Model) else None
        for scorer in scorers(each, **given, console=console):
            first = first or scorer.tested
            # Of several scorers of one model the first has its maps and correlations.
            yield scorer, load if scorer.tested not in seen else None
            seen.add(scorer.tested)


def _rank(scorer, galleries, console):
    """The `RankedGallery` of each probe by one scorer."""
    ids = scorer.people.identities
    rows, columns = np.unique(list(galleries)), np.unique(np.concatenate(list(galleries.values())))
    marked = np.zeros((len(rows), len(columns)), bool)
    for probe, gallery in galleries.items():
        marked[np.searchsorted(rows, probe), np.searchsorted(columns, gallery)] = True
    read, _ = scorer.score(Pairs(rows, columns, marked), console)
    found = {}
    for probe, gallery in galleries.items():
        scores = read([probe], gallery)
        lists = rank_lists(scores, ids[[probe]], ids[gallery], protocol=_AS_GIVEN, k=len(gallery))
        found[probe] = RankedGallery(gallery[lists.columns[0]], scorer.shown(lists.scores[0]), lists.same[0])
    return found


def pair_correlation(model: keras.Model, probe: np.ndarray, gallery: np.ndarray) -> PairCorrelation:
    """What the normalized correlation layer of a model computes for two pictures, before its ReLU.

    Args:
        model: A model of `tfnxc.models` with such a layer: `normxcorr` or `fused`.
        probe: uint8 array of shape `(height, width, 3)`.
        gallery: uint8 array of the same shape.

    Raises:
        InputError: If the model has no such layer.

    Example:
        >>> correlation = pair_correlation(tfnxc.models.pretrained(), images[0], images[2])
        >>> correlation.values.shape
        (37, 12, 25, 5, 12)
    """
    layer = _correlation_layer(models.split(model).head)
    if layer is None:
        raise InputError(f"the model {model.name} has no normalized correlation; normxcorr and fused have.")
    x, y = _maps_of(model, [probe, gallery])[:, None]
    values = ops.norm_xcorr(x, y, layer.patch_size, layer.search_size, layer.epsilon).numpy()[0]
    rows, columns = layer.search_size
    shape = *x.shape[1:], rows, x.shape[2] if columns is None else columns
    return PairCorrelation(values.reshape(shape), columns is None, tuple(layer.patch_size))


def correlate(
    model: keras.Model, people: ImageSet, probe: int | str, gallery: int | str = "match"
) -> tuple[np.ndarray, np.ndarray, PairCorrelation]:
    """A probe and a gallery picture of a set with their correlations, as `plot_correlation` takes them.

    Args:
        model: As in `pair_correlation`.
        people: The set of the pictures.
        probe: Position or name of a picture in it, or a picture file.
        gallery: Likewise; or `"match"` (default), the first picture of the probe's person by another camera.

    Returns:
        `(probe, gallery, PairCorrelation)`, the pictures in the size that models read.

    Raises:
        InputError: If there is no such picture, or the model has no such layer.

    Example:
        >>> tfnxc.visualization.plot_correlation(*correlate(model, people, 0)).savefig("correlation.png")
    """
    if gallery == "match":
        index, ids, cameras = picture_index(people, probe), people.identities, people.cameras
        others = (ids == ids[index]) & (cameras != cameras[index])
        if not others.any():
            raise InputError(f"no other camera has a picture of the person of {people.paths[index]}.")
        gallery = int(np.flatnonzero(others)[0])
    first, second = _picture(people, probe), _picture(people, gallery)
    return first, second, pair_correlation(model, first, second)


def find_correlation(
    run: Run | str | os.PathLike,
    probe: int | str,
    gallery: int | str = "match",
    people: ImageSet | None = None,
    *,
    split: Split | str | os.PathLike | None = None,
    state: str = "trained",
    console: Console | None = None,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray, PairCorrelation]:
    """`correlate` with the model of a run, on people whom it was not trained on.

    Args:
        run: A `Run` or its folder.
        probe: As in `correlate`; positions are those in the test part.
        gallery: As in `correlate`. Defaults to `"match"`.
        people: As in `evaluate`, like the arguments that follow.
        split: Defaults to `None`: that of the run.
        state: Defaults to `"trained"`.
        console: Defaults to `None`: nothing is shown.
        **options: `held_back`, `partial`, `other_people` and `data`.

    Raises:
        InputError: Where `evaluate` or `correlate` raise it.

    Example:
        >>> probe, match, correlation = find_correlation(run, 0)
        >>> correlation.values.shape[:2]
        (37, 12)
    """
    run = run if isinstance(run, Run) else Run.open(run)
    who: dict[str, Any] = {"held_back": False, "partial": False, "other_people": False, "data": None, **options}
    tested, *_ = splits_of_run(run, people, split, state=state, **who, console=console)
    return correlate(run.load_model(state), tested.part, probe, gallery)


def _maps_of(model, pictures):
    """The tower's maps of pictures, in the size that it takes."""
    tower, size = models.split(model).tower, models.image_size(model)
    return embed(tower, np.stack([resize(each, size) for each in pictures]))


def _correlation_layer(head):
    return next(
        (layer for layer in head.layers if isinstance(layer, (layers.NormXcorr, layers.NormXcorrSummary))), None
    )


def _picture(people, wanted):
    """A picture of a set or a file, in the size that models read."""
    is_file = isinstance(wanted, str) and not wanted.isdecimal() and pathlib.Path(wanted).is_file()
    return resize(read_picture(wanted) if is_file else people.read(picture_index(people, wanted)), IMAGE_SIZE)
