"""Trains a model into a run folder, from start to end or from where it was stopped."""

import dataclasses
import os
from collections.abc import Sequence

import keras

from tfnxc.console import progress_bar
from tfnxc.datasets import CATALOGUE
from tfnxc.datasets.known_people import first_pictures, names_of
from tfnxc.distribution import is_chief, training_strategy
from tfnxc.errors import InputError
from tfnxc.evaluation.tested import default_protocol, of_one_camera, refuse_seen, seen_in
from tfnxc.metrics import EvaluationPlan, draw_trials
from tfnxc.recipes import Recipe, make_optimizer
from tfnxc.runs import Run, RunSettings
from tfnxc.training._fitting import fit
from tfnxc.training.choice import choose_recipe
from tfnxc.training.data import Pictures, TrainingData
from tfnxc.training.distribution import start_run
from tfnxc.training.embedding import embed_after_training
from tfnxc.training.length import check_minutes
from tfnxc.training.options import Execution, Start, Validation


def train(
    run: str | os.PathLike | Run,
    data: TrainingData,
    recipe: Recipe | str | None = None,
    *,
    minutes: float | None = None,
    start: Start | str | keras.Model = "normxcorr",
    validation: Validation | int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    execution: Execution | None = None,
) -> Run:
    """Trains a model in a run folder, from its start or from the last checkpoint.

    The model is saved after each epoch and inside epochs. After a kill at any moment the same call goes on with the
    same pairs and pictures, and ends with the weights that it would have had without: exactly after
    `make_deterministic`, which `tfnxc train` calls, to rounding otherwise, because threads add up in any order.

    Args:
        run: The run folder, made if need be, or a `Run`, which goes on.
        data: The `TrainingData`.
        recipe: The `Recipe`; or the name of one, which `choose_recipe` suits to the data. Defaults to `None`: the one
            that ranks held-back people best, `"grouped"`.
        minutes: Time for the training, in the place of the recipe's epochs and steps. The first steps, in the warm-up
            where the recipe has one, tell how many there will be, and the learning rate falls to its end by then;
            where the pace changes, so does the plan. It ends in the last tenth of the time, as a rule. Rankings of the
            validation count, and time that an earlier start used; reading the pictures before and fitting the embedding
            after do not. What it came to is noted as the recipe's `steps`, by which the training can be repeated, bit
            for bit unless the pace changed. Defaults to `None`.
        start: The `Start`, the name of an architecture, or a model as from `tfnxc.models.pair_model`. Defaults to
            `"normxcorr"`.
        validation: The `Validation`, or how many training identities are held back and ranked after each epoch, at
            most 100 of their images as probes. Other callbacks can watch the figures, and the best model is kept as the
            run's `"best"`. Defaults to `None`: all train.
        callbacks: More Keras callbacks. What they remember begins anew where a training goes on. Defaults to none.
        execution: The `Execution`. Of several workers each makes the same call; the chief writes the run folder and has
            callbacks and validation, which may stop the training and change the learning rate. Defaults to `None`: one
            device, a checkpoint every five minutes, Keras' bar.

    Returns:
        The `Run`.

    Raises:
        InputError: If people who are tested or held back train here too, or trained the first weights; if a test could
            not rank; if the folder holds another run, or another process trains there; if the first weights are of
            another architecture, scaling or search window; if a given tower cannot be read back from a file, or takes
            images of another size than pictures in memory; if a file is broken; if workers cannot share the batches,
            differ, or one is lost; or if the loss or a weight becomes NaN: then the last good model is kept, and the
            batch that did it in `nan_batch.npz` and `nan.json`.

    Example:
        >>> data = TrainingData(tfnxc.datasets.synthetic(identities=6), "random-2-0")
        >>> recipe = Recipe.named("grouped", batch_size=9, warmup=0, epochs=1)
        >>> run = train("runs/small", data, recipe, execution=Execution(verbose=0))
        >>> run.epochs_done, run.load_model().name
        (1, 'normxcorr')
    """
    start = start if isinstance(start, Start) else Start(start)
    if not isinstance(callbacks, Sequence):
        raise ValueError(f"callbacks must be a list of Keras callbacks; got {type(callbacks).__name__}.")
    ranked = validation if isinstance(validation, Validation) else Validation(validation or 0)
    minutes, execution = check_minutes(minutes), execution or Execution()
    execution = dataclasses.replace(execution, strategy=training_strategy(execution.strategy))
    if not is_chief(execution.strategy):  # the chief speaks for all
        execution = dataclasses.replace(execution, console=None, verbose=0)
    fitted = data.holding_back(ranked.identities, start.seed) if ranked.identities else data
    held_back = fitted.people.of_identities(fitted.chosen_split.test) if ranked.identities else None
    _check_measurable(data, held_back, execution.say)
    _check_size(start, data.pictures, ranked.pictures)
    if not isinstance(recipe, Recipe):
        after_another = start.weights is not None
        recipe = choose_recipe(
            run, fitted, recipe, after_another=after_another, minutes=minutes, console=execution.console
        )
    make_optimizer(recipe, 1)  # an unknown optimizer fails before the pictures are read
    if recipe.metric_loss and execution.strategy is not None:
        raise InputError("metric_loss is of trainings on one device: leave out the strategy, or the metric loss.")
    weights = start.read_weights()
    others = [(each.name, each.people) for each in data.sets[1:]]
    trained_on, fitted_on = [*weights.trained_on, *others], [*weights.fitted_on, *others]
    names = [*weights.names, *map(names_of, data.sets[1:])]
    _refuse_tested(data, data.chosen_split, seen_in(data.people, trained_on, names), "test identities")
    if fitted is not data:
        seen = seen_in(data.people, fitted_on, names)
        _refuse_tested(data, fitted.chosen_split, seen, "people whom --validate holds back")
    settings = RunSettings(
        dataset=data.people.name,
        model=start.name,
        recipe=recipe,
        search_size=start.search_size,
        seed=start.seed,
        others=tuple(each.name for each in data.others),
        domains=recipe.pairs == "grouped" and data.has_domains,
        weights=weights.digest,
        other_people=data.other_people,
        validate=ranked.identities,
        given=start.given,
        minutes=minutes,
    )
    for note in (note for each in (data.people, *data.others) for note in each.notes()):
        execution.say(f"Note: {note}")
    folder = run.folder if isinstance(run, Run) else run
    who = trained_on, fitted_on, [names_of(data.people), *names]
    of_each = {"first_pictures": first_pictures(data.people)}
    begun = start_run(execution.strategy, folder, settings, data.chosen_split, data.path, *who, **of_each)
    shown = execution.console if fitted.pictures is None else None
    size = start.image_size or fitted.size
    with progress_bar("Reading pictures", len(fitted) + len(held_back or ()), shown) as advance:
        pictures = fitted.read(begun.settings.domains, advance, size)
        if held_back is not None:
            known = held_back.images(size, advance), held_back.identities, held_back.cameras
            ranked = dataclasses.replace(ranked, pictures=Pictures(*known))
    told = "".join(f"{len(identities)} of {name}, " for name, identities in others)
    execution.say(
        f"Training {start.name} by the recipe {recipe.title} on {len(fitted.sets[0].people)} identities of "
        f"{data.people.name}, split {data.chosen_split.name} ({data.chosen_split.digest}), {told}into {begun.folder}"
    )
    fit(begun, pictures, recipe, start, weights.model, ranked, callbacks, execution)
    if is_chief(execution.strategy):
        back = ranked.pictures if ranked.identities else None  # others have numbers of their own
        embed_after_training(begun, fitted, pictures, back, start.seed, execution.console)
    return begun


def _check_size(start, *memories):
    """Raises `InputError` where pictures in memory are not of the size that a given tower takes."""
    for pictures in memories:
        if start.image_size is not None and pictures is not None and pictures.images.shape[1:3] != start.image_size:
            raise InputError(
                f"the given tower takes images of {start.image_size}; got pictures of {pictures.images.shape[1:3]}."
            )


def _check_measurable(data, held_back, say):
    """Raises an error where test pictures, or those held back, cannot be ranked; says what will count for nothing."""
    if held_back is not None and of_one_camera(held_back):
        raise InputError(
            "--validate ranks across cameras, and those whom it holds back were seen by one. Leave it out, or say "
            "which camera took a picture: docs/datasets.md."
        )
    dataset, tested = data.people.name, data.tested
    if tested is None:
        return
    protocol = default_protocol(dataset, tested)
    if dataset in CATALOGUE and protocol != CATALOGUE[dataset].default_protocol:
        say(
            f"Note: all test pictures are of one camera, so that they will be measured by the protocol {protocol}; "
            "docs/datasets.md says how to tell which camera took a picture."
        )
    plan = EvaluationPlan.of(protocol, tested)
    labels = [values[side] for values in (tested.identities, tested.cameras) for side in (plan.rows, plan.columns)]
    (trials,) = draw_trials(*labels, protocol, repeats=1)
    unmatched = sum(trial.unmatched for trial in trials)
    if unmatched:
        say(f"Note: {unmatched} test pictures have no match under {protocol} and are no probes there.")


def _refuse_tested(data, split, before, who):
    """Raises `InputError` if a test identity was trained on."""

    def says(name, count, one):
        return (
            f"{count} of the {len(split.test)} {who} of {split.name}, such as {one}, are among those of {name} "
            "that --with or --from brings into the training: what is measured would mean nothing."
        )

    refuse_seen(before, data.people.name, split, data.other_people, says, data.people.names)
