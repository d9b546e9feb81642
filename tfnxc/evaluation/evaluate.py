"""The call that measures a subject on the people who are tested."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Console

from tfnxc.datasets import ImageSet, Split
from tfnxc.errors import InputError
from tfnxc.evaluation.results import Results
from tfnxc.evaluation.summaries import Measured
from tfnxc.evaluation.tested import default_protocols
from tfnxc.metrics import EvaluationPlan, get_protocol
from tfnxc.metrics.protocols import whole_number
from tfnxc.runs import Result

if TYPE_CHECKING:
    import tensorflow as tf

    from tfnxc.evaluation.scorers import Subject


def evaluate(
    subject: Subject,
    people: ImageSet | None = None,
    *,
    split: Split | str | os.PathLike | None = None,
    protocols: str | Iterable[str] | None = None,
    repeats: int | None = None,
    probes: int | None = None,
    seed: int = 0,
    ties: Literal["pessimistic", "optimistic"] = "pessimistic",
    both_orders: bool = False,
    flips: bool = False,
    state: Literal["trained", "best", "initial"] = "trained",
    held_back: bool = False,
    partial: bool = False,
    other_people: bool = False,
    data: str | None = None,
    batch_size: int | None = None,
    all_pairs: bool = False,
    strategy: tf.distribute.Strategy | None = None,
    console: Console | None = None,
) -> Results:
    """Measures a run, a model, a baseline or saved scores by CMC, mAP and mINP.

    The towers run once an image, the head once a pair. Scores of a run are kept in its folder, so that a stopped call
    goes on and other draws score only what is new. A run is never tested on people whom it was trained on; of other
    models nobody knows whom they were trained on: make sure that the identities do not overlap.

    Args:
        subject: A `tfnxc.training.Run` or its folder; a Keras model of `tfnxc.models` or its `.keras` file;
            `"pretrained"`, the model that comes with the package; `"colour-histogram"`, a baseline; or `SavedScores`
            or their `.npz` file.
        people: The whole `ImageSet`; the split says who tests. Defaults to `None`: the data set of the run, or the
            people of the saved scores. Other subjects need it.
        split: A `Split`, or the name of one or of a family of them, of which each is measured. Defaults to `None`: that
            of the run where the people are of its data set; otherwise all people are tested.
        protocols: Name of a protocol, or several. Defaults to `None`: as `default_protocols` gives them.
        repeats: How often the gallery is drawn. Defaults to `None`: the protocol's own number.
        probes: The most probes of a draw. Defaults to `None`: all.
        seed: Seed of the draws. Defaults to `0`.
        ties: Whether a tie counts against the probe: `"pessimistic"`, the default, or `"optimistic"`.
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
        strategy: A `tf.distribute.Strategy` that shares the pairs. Of several workers each makes this call, and the
            chief alone saves what it gives. Defaults to `None`.
        console: A rich `Console` for progress bars and notes. Defaults to `None`: nothing is shown.

    Returns:
        The `Results`, one for each split and protocol. They print as tables; `save()` writes them.

    Raises:
        InputError: If there is no such run, file, split or protocol; if people are missing, or the run was trained on
            some of those who are tested; if a protocol finds no probes; if saved scores lack pairs.
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
    from tfnxc.evaluation.scorers import scorers  # it imports TensorFlow, which the package is imported without

    if not isinstance(people, ImageSet | None):
        raise ValueError(f"people must be an ImageSet, as from tfnxc.datasets.open_dataset; got {people!r}.")
    asked = (protocols,) if isinstance(protocols, str) else tuple(dict.fromkeys(protocols or ()))
    for name in asked:
        get_protocol(name)  # an unknown one fails before anything is read
    if batch_size is not None:
        whole_number("batch_size", batch_size, least=1)
    draws: dict[str, Any] = {"repeats": repeats, "probes": probes, "seed": seed, "ties": ties}
    who: dict[str, Any] = {"state": state, "held_back": held_back, "partial": partial, "other_people": other_people}
    how: dict[str, Any] = {"both_orders": both_orders, "flips": flips, "batch_size": batch_size, "strategy": strategy}
    found: list[Measured] = []
    for scorer in scorers(subject, people, split=split, data=data, **who, **how, console=console):
        names = asked or default_protocols(scorer.tested.dataset, scorer.people)
        plans = [EvaluationPlan.of(name, scorer.people, **draws) for name in names]
        found += _measure(scorer, plans, all_pairs, console)
    return Results(found)


def _measure(scorer, plans, all_pairs, console) -> Iterable[Measured]:
    """What each plan says of one scorer."""
    needed = np.logical_or.reduce([plan.needed() for plan in plans])
    if all_pairs:
        needed |= ~np.eye(len(needed), dtype=bool)
    read, rate = scorer.score(needed, console)
    for plan in plans:
        try:
            curves = plan.measure_part(read(plan.rows, plan.columns))
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
        result = Result.of(curves, scorer.label, scorer.prefix, plan.probes, **about)
        yield Measured(result, scorer.name, scorer.tested, scorer.folder, read)
