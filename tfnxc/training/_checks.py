"""What fails before a training instead of after it: people who must not train, and what could not be measured."""

from __future__ import annotations

from tfnxc.datasets import CATALOGUE
from tfnxc.errors import InputError
from tfnxc.evaluation.default_protocols import default_protocol, of_one_camera
from tfnxc.evaluation.guard import refuse_seen
from tfnxc.metrics import EvaluationPlan, draw_trials


def check_measurable(data, held_back, say):
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


def refuse_tested(data, fitted, weights):
    """Raises an error where people to be tested or held back are among those of other sets or of the first weights."""

    def refuse(before, split, who):
        def says(name, count, one):
            return (
                f"{count} of the {len(split.test)} {who} of {split.name}, such as {one}, are among those of {name} "
                "that --with or --from brings into the training: what is measured would mean nothing."
            )

        refuse_seen([*before, *others_of(data)], data.people.name, split, data.other_people, says)

    refuse(weights.trained_on, data.chosen_split, "test identities")
    if fitted is not data:
        refuse(weights.fitted_on, fitted.chosen_split, "people whom --validate holds back")


def others_of(data):
    """`(data set, identities)` of the other sets that train."""
    return [(each.name, each.people) for each in data.sets[1:]]
