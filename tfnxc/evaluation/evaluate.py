"""The call that measures a subject on the people who are tested."""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Console

from tfnxc.datasets import ImageSet, Split
from tfnxc.errors import InputError
from tfnxc.evaluation.costs import Estimate, Estimates
from tfnxc.evaluation.probe_intervals import probe_interval
from tfnxc.evaluation.results import Results
from tfnxc.evaluation.scorer import Asked, Scorer, check_open_set, protocols_of
from tfnxc.evaluation.shortlists import shortlist_record, shortlisted
from tfnxc.evaluation.summaries import Measured
from tfnxc.evaluation.tested import default_protocols
from tfnxc.metrics import CMC, EvaluationPlan, get_protocol
from tfnxc.number_checks import whole_number
from tfnxc.runs import Result
from tfnxc.runs.result import HEAD
from tfnxc.scoring.pairs import Pairs
from tfnxc.tables import note

if TYPE_CHECKING:
    import tensorflow as tf

    from tfnxc.embedding import Embedding
    from tfnxc.evaluation.scorers import Subject

_AT_ONCE = 1 << 23  # scores that are read together


def evaluate(
    subject: Subject,
    people: ImageSet | None = None,
    *,
    split: Split | str | os.PathLike | None = None,
    protocols: str | Iterable[str] | None = None,
    repeats: int | None = None,
    probes: int | None = None,
    seed: int = 0,
    ties: Literal["pessimistic", "optimistic", "expected"] = "pessimistic",
    both_orders: bool = False,
    flips: bool = False,
    state: Literal["trained", "best", "initial"] = "trained",
    held_back: bool = False,
    partial: bool = False,
    other_people: bool = False,
    data: str | None = None,
    batch_size: int | None = None,
    all_pairs: bool = False,
    scorer: str | Iterable[str] = HEAD,
    shortlist: int | float | Sequence[int | float | None] | None = None,
    embedding: Embedding | None = None,
    strategy: tf.distribute.Strategy | None = None,
    console: Console | None = None,
) -> Results:
    """Measures a run, a model, a baseline or saved scores by CMC, mAP and mINP.

    The towers run once an image, the head once a pair. Scores of a run are kept in its folder, so that a stopped call
    goes on and other draws score only what is new. A run is never tested on people whom it was trained on; of other
    models nobody knows whom they were trained on: make sure that the identities do not overlap.

    Args:
        subject: A `tfnxc.training.Run` or its folder; a Keras model of `tfnxc.models` or its `.keras` file;
            `"pretrained"`, the model that comes with the package; the name of one of `BASELINES`, such as
            `"colour-histogram"`, or `"lomo-xqda"`, which is fitted on the training identities of the split; or
            `SavedScores` or their `.npz` file.
        people: The whole `ImageSet`; the split says who tests. Defaults to `None`: the data set of the run, or the
            people of the saved scores. Other subjects need it.
        split: A `Split`, or the name of one or of a family of them, of which each is measured. Defaults to `None`: that
            of the run where the people are of its data set; otherwise all people are tested.
        protocols: Name of a protocol, or several. Defaults to `None`: as `default_protocols` gives them.
        repeats: How often the gallery is drawn. Defaults to `None`: the protocol's own number.
        probes: The most probes of a draw. Defaults to `None`: all.
        seed: Seed of the draws. Defaults to `0`.
        ties: Whether a tie counts against the probe: `"pessimistic"`, the default; or `"optimistic"`; or `"expected"`,
            the expectation over random orders of equal scores.
        both_orders: Whether scores are averaged over probe first and gallery image first. Defaults to `False`.
        flips: Whether scores are averaged over the probe as it is and mirrored. Defaults to `False`.
        state: Of a run, the model after the last epoch, `"trained"`, the default; `"best"` by its validation; or
            `"initial"`.
        held_back: Whether the training people are tested whom the run held back to validate on. Defaults to `False`.
        partial: Whether those of a split are tested who are there. Defaults to `False`: a missing one is an error.
        other_people: A promise about own pictures: these people are others than those of the training, though numbers
            are the same. Defaults to `False`.
        data: Folder or file of the run's data set where it does not lie where the run was trained from; it is noted in
            the results. Defaults to `None`.
        batch_size: Pairs at a time. Defaults to `None`: found by itself.
        all_pairs: Whether every pair is scored, so that saved scores serve any protocol. Defaults to `False`.
        scorer: What of a run or a model scores the pairs, or several, each measured: `"head"`, the default, the pair
            head; `"embedding"`, the cosine of vectors that are computed once an image; `"embedding-csls"`, of a run,
            which takes off how near each vector is to training pictures; `"embedding-k-reciprocal"`, which re-ranks by
            all probes and pictures of a gallery; `"both"`, the fitted combination of head and embedding; or
            `"both-camera"`, which also knows which pictures one camera took, for `"paper"` alone.
        shortlist: Of `"both"`, how many pictures of each gallery the embedding leaves to the head, or which share of
            it; the rest stands behind them as the embedding has it. Of a list each is measured; with `None` in it, all
            pairs, the others say how far they are from it. Defaults to `None`: all pairs.
        embedding: The `tfnxc.embedding.Embedding` of a model. Defaults to `None`: that of the run or of
            `"pretrained"`.
        strategy: A `tf.distribute.Strategy` that shares the pairs. Of several workers each makes this call, and the
            chief alone saves what it gives. Defaults to `None`.
        console: A rich `Console` for progress bars and notes. Defaults to `None`: nothing is shown.

    Returns:
        The `Results`, one for each split and protocol. They print as tables; `save()` writes them.

    Raises:
        InputError: If there is no such run, file, split or protocol; if people are missing, or the run was trained on
            some of those who are tested, or an embedding was fitted on them; if a subject has no embedding, and a
            scorer needs one; if a protocol finds no probes; if saved scores lack pairs.
        ValueError: If an argument has no effect on this kind of subject, or `people` are missing.

    Example:
        >>> results = evaluate("colour-histogram", people, protocols="market")
        >>> [(result.label, result.probes, result.gallery) for result in results]
        [('colour histogram', 24, 22)]
        >>> [path.name for path in results.save("histogram")]
        ['colour-histogram-synthetic-all-market-1draws-allprobes-seed0-pessimistic.json']

    References:
        SPEC section 5; docs/evaluation.md.
    """
    draws: dict[str, Any] = {"repeats": repeats, "probes": probes, "seed": seed, "ties": ties}
    who: dict[str, Any] = {"split": split, "data": data, "state": state, "held_back": held_back, "partial": partial}
    how: dict[str, Any] = {"both_orders": both_orders, "flips": flips, "batch_size": batch_size, "strategy": strategy}
    how |= {"scorer": scorer, "shortlist": shortlist, "embedding": embedding, "other_people": other_people}
    found: list[Measured] = []
    exhaustive: dict[tuple, CMC] = {}
    for each, plans in _planned(subject, people, protocols, draws, all_pairs, console, **who, **how):
        found += _measure(each, plans, all_pairs, exhaustive, console)
    return Results(found)


def estimate(
    subject: Subject,
    people: ImageSet | None = None,
    *,
    protocols: str | Iterable[str] | None = None,
    repeats: int | None = None,
    probes: int | None = None,
    seed: int = 0,
    ties: Literal["pessimistic", "optimistic", "expected"] = "pessimistic",
    all_pairs: bool = False,
    console: Console | None = None,
    **options: Any,
) -> Estimates:
    """What `evaluate` would score, and about what time and memory that takes; nothing is scored and nothing written.

    Arguments and errors are those of `evaluate`, of which the remaining ones are `options`. What was scored already
    counts as done, as far as its pictures are recognized without reading them all.

    Returns:
        The `Estimates`: a `tfnxc.evaluation.Estimate` for each scorer and protocol. They print as a table.

    Example:
        >>> (one,) = estimate("colour-histogram", people, protocols="market")
        >>> one.pairs, one.cost.pairs, one.cost.pictures
        (528, 576, 24)
    """
    draws: dict[str, Any] = {"repeats": repeats, "probes": probes, "seed": seed, "ties": ties}
    found: list[Estimate] = []
    for scorer, plans in _planned(subject, people, protocols, draws, all_pairs, console, **options):
        parts = [_read_by(scorer, plan, all_pairs) for plan in plans]
        together = scorer.cost(functools.reduce(operator.or_, parts), _at_most(scorer, plans))
        for plan, needed in zip(plans, parts, strict=True):
            cost = scorer.cost(needed, _at_most(scorer, [plan])) if len(plans) > 1 else together
            probes = max(sum(len(each.probes) for each in repeat) for repeat in plan.trials())
            found.append(Estimate(scorer.tested, scorer.label, plan.protocol, probes, len(needed), cost, together))
    return Estimates(found)


def _planned(
    subject, people, protocols, draws, all_pairs, console, *, scorer=HEAD, shortlist=None, batch_size=None, **options
) -> Iterator[tuple[Scorer, list[EvaluationPlan]]]:
    """The scorers of a subject, each with its plans; arguments and errors as in `evaluate`."""
    from tfnxc.evaluation.scorers import scorers  # it imports TensorFlow, which the package is imported without

    if not isinstance(people, ImageSet | None):
        raise ValueError(f"people must be an ImageSet, as from tfnxc.datasets.open_dataset; got {people!r}.")
    asked = (protocols,) if isinstance(protocols, str) else tuple(dict.fromkeys(protocols or ()))
    for name in asked:
        get_protocol(name)  # an unknown one fails before anything is read
    if batch_size is not None:
        whole_number("batch_size", batch_size, least=1)
    kinds = Asked.of(scorer, shortlist)
    if all_pairs and any(each is not None for each in kinds.shortlists):
        raise ValueError("all_pairs: no effect with a shortlist, outside of which no pair is scored; leave out.")
    check_open_set(kinds, asked)
    for kind in kinds.kinds:
        protocols_of(kind, asked, asked)  # one that is not of this scorer fails before anything is scored
    for each in scorers(subject, people, asked=kinds, batch_size=batch_size, **options, console=console):
        names = protocols_of(each.kind, asked, default_protocols(each.tested.dataset, each.people))
        yield each, [EvaluationPlan.of(name, each.people, **draws) for name in names]


def _measure(scorer, plans, all_pairs, exhaustive, console) -> Iterable[Measured]:
    """What each plan says of one scorer; `exhaustive` keeps what scorers of all pairs found, to be compared with."""
    parts = [_read_by(scorer, plan, all_pairs) for plan in plans]
    together = functools.reduce(operator.or_, parts)
    if console is not None:
        cost = scorer.cost(together, _at_most(scorer, plans))
        console.print(note(f"{scorer.label}, {scorer.tested.split.name}: {cost.words}"), soft_wrap=False)
    stages = [
        None if scorer.two_stages is None else scorer.two_stages(plan, needed, console)
        for plan, needed in zip(plans, parts, strict=True)
    ]
    listed = [
        None if each is None else shortlisted(scorer.label, plan, each, console)
        for plan, each in zip(plans, stages, strict=True)
    ]
    on_lists = [each for each in listed if each is not None]
    if on_lists:
        together = functools.reduce(operator.or_, on_lists)
    read, rate = scorer.score(together, console)
    for plan, needed, staged, pairs in zip(plans, parts, stages, listed, strict=True):
        try:
            of_trials = staged if scorer.trials is None else scorer.trials(plan)
            curves = plan.measure_part(_matrix(read, plan, needed) if of_trials is None else of_trials)
        except InputError as error:
            raise InputError(
                f"{scorer.label} has no scores of some pairs that {plan.protocol} reads. Measure the run itself with "
                f"--protocol {plan.protocol} --save-scores FOLDER, or save all with --all-pairs (in Python protocols=, "
                f"all_pairs=True, and save_scores() of the results). ({error})"
            ) from None
        if curves.unmatched and console is not None:
            console.print(
                f"Note: {curves.unmatched} pictures have no match in their gallery under {curves.protocol}; they are "
                "no probes and count for nothing."
            )
        about = {**scorer.about, "test_identities": len(scorer.people.people), "pairs_per_second": rate}
        about["probe_interval"] = probe_interval(plan, curves)
        key = scorer.kind, scorer.tested.dataset, scorer.tested.split.digest, plan.protocol
        if staged is None:
            exhaustive[key] = curves
        elif pairs is not None:
            record = shortlist_record(staged.shortlist, curves, len(pairs), len(needed), rate, exhaustive.get(key))
            about["shortlist"] = record
        result = Result.of(curves, scorer.label, scorer.prefix, plan.probes, **about)
        yield Measured(result, scorer.name, scorer.tested, scorer.folder, read if of_trials is None else None)


def _read_by(scorer, plan, all_pairs) -> Pairs:
    """The pairs of pictures that a plan reads; every pair, where all are to be scored."""
    return Pairs.all_of(len(scorer.people)) if all_pairs else Pairs.of_trials(plan.trials(), plan.rows, plan.columns)


def _at_most(scorer, plans):
    """How many pairs the shortlists of plans have together at most; `None` where there is no shortlist."""
    if scorer.shortlist is None:
        return None
    trials = [trial for plan in plans for repeat in plan.trials() for trial in repeat]
    lengths = [scorer.shortlist.lengths(np.array([trial.gallery.shape[-1]]))[0] for trial in trials]
    return int(sum(length * len(trial.probes) for length, trial in zip(lengths, trials, strict=True)))


def _matrix(read, plan, needed):
    """The matrix (rows, columns) of a plan with the scores of the pairs that it reads; what it never reads is 0."""
    rows, columns = plan.rows, plan.columns
    scores = np.zeros((len(rows), len(columns)), np.float32)  # of which the system keeps what is written
    row, column = np.isin(rows, needed.rows).nonzero()[0], np.isin(columns, needed.columns).nonzero()[0]
    step = max(1, _AT_ONCE // max(1, len(column)))
    for start in range(0, len(row), step):
        block = row[start : start + step]
        scores[np.ix_(block, column)] = read(rows[block], columns[column])
    return scores
