import dataclasses

import pytest

from tfnxc.errors import InputError
from tfnxc.recipes import Recipe
from tfnxc.runs import RunSettings

WHOLE = RunSettings(
    dataset="cuhk01",
    model="fused",
    recipe=Recipe.named("grouped", epochs=3),
    search_size=(5, None),
    seed=7,
    others=("viper", "grid"),
    domains=True,
    weights="ed193b83b8ea",
    other_people=True,
    validate=50,
    extra={"people_seed": 4},
)


def test_settings_come_back_from_what_is_written():
    written = WHOLE.to_dict()
    assert RunSettings.from_dict(written) == WHOLE
    assert list(written)[:6] == ["dataset", "model", "search_size", "seed", "optimizer", "learning_rate"]
    assert list(written)[-6:] == ["with", "domains", "from", "other_people", "validate", "people_seed"]
    assert written["search_size"] == [5, None] and written["with"] == ["viper", "grid"] and written["epochs"] == 3


def test_what_is_not_set_is_not_written_and_what_is_missing_has_its_default():
    written = RunSettings("viper", "ahmed").to_dict()
    assert not {"with", "domains", "from", "other_people", "validate"} & written.keys()
    assert RunSettings.from_dict({"dataset": "viper", "model": "ahmed"}) == RunSettings("viper", "ahmed", Recipe())
    assert RunSettings.from_dict({}) == RunSettings("", "")


def test_the_names_of_version_0_1_are_read():
    old = {"dataset": "viper", "model": "ahmed", "passes": 3, "pairs": "grouped", "people": 2, "batch_size": 16}
    found = RunSettings.from_dict({**old, "places": True, "people_seed": 4})
    assert found.recipe == Recipe(epochs=3, pairs="grouped", identities_per_group=2, batch_size=16)
    assert found.domains and found.extra == {"people_seed": 4}


def test_differences_are_told_by_the_names_that_are_written():
    other = RunSettings.from_dict({**WHOLE.to_dict(), "with": [], "epochs": 4, "validate": 0, "people_seed": 5})
    assert WHOLE.differences(other) == [
        ("epochs", 3, 4),
        ("people_seed", 4, 5),
        ("validate", 50, None),
        ("with", ["viper", "grid"], None),
    ]
    assert WHOLE.differences(WHOLE) == []


def test_what_a_time_or_a_number_of_steps_decides_is_no_difference():
    def of(minutes=None, **length):
        return dataclasses.replace(WHOLE, recipe=dataclasses.replace(WHOLE.recipe, **length), minutes=minutes)

    assert of(20.0).to_dict()["minutes"] == 20.0 and RunSettings.from_dict(of(20.0).to_dict()) == of(20.0)
    assert of(20.0, epochs=9, steps=80).differences(of(20.0)) == []
    assert of(20.0, epochs=9, steps=80).differences(of(30.0)) == [("minutes", 20.0, 30.0)]
    assert of(epochs=9, steps=80).differences(of(steps=80)) == []
    assert of(epochs=9, steps=80).differences(of(steps=81)) == [("steps", 80, 81)]
    assert of(epochs=9).differences(of(epochs=8)) == [("epochs", 9, 8)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"minutes": 0}, "minutes must be a number above 0; got 0"),
        ({"minutes": "20"}, "minutes must be a number above 0; got '20'"),
        ([], "expected the settings of a run by name; got list"),
        ({"epochs": "3"}, "epochs must be a whole number; got '3'"),
        ({"passes": 3.5}, "epochs must be a whole number; got 3.5"),
        ({"learning_rate": True}, "learning_rate must be a number; got True"),
        ({"optimizer": None}, "optimizer must be a text; got None"),
        ({"schedule": "linear"}, "schedule must be one of"),
        ({"dataset": 1}, "dataset must be a text; got 1"),
        ({"search_size": [5]}, r"search_size must be a list of rows and columns; got \[5\]"),
        ({"with": "viper"}, "with must be a list of names; got 'viper'"),
        ({"from": 1}, "from must be a digest; got 1"),
        ({"validate": True}, "validate must be a whole number, 0 or above; got True"),
    ],
)
def test_what_is_malformed_is_one_clear_error_that_names_the_file(data, message):
    with pytest.raises(InputError, match=rf"runs/mine/run.json: {message}"):
        RunSettings.from_dict(data, "runs/mine/run.json")
