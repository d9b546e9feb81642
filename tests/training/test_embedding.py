"""The embedding of a run: fitted at the end of a training, or anew; never on anybody who is tested."""

import dataclasses
import io
import unittest.mock

import numpy as np
import pytest
from rich.console import Console

from tests.datasets.picture_files import lay_out
from tests.training.small_training import RECIPE, SPLIT, small_training, tiny
from tfnxc import models
from tfnxc.datasets import Split, identity_folders, synthetic
from tfnxc.datasets.known_people import names_of
from tfnxc.embedding import METHODS, PRIOR, Discriminant, Embedding
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.runs import Run, RunSettings
from tfnxc.training import Execution, Recipe, TrainingData, Validation, fit_embedding, train

PEOPLE = 16  # 10 train, 6 test; of those who train 4 may be held back


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(models.BUILDERS, "tiny", tiny)


@pytest.fixture(scope="module")
def people():
    return synthetic(identities=PEOPLE)


@pytest.fixture(scope="module")
def split():
    return Split("mine", "by hand", tuple(range(10)), tuple(range(10, PEOPLE)))


@pytest.fixture
def make_run(tmp_path, people, split):
    """Makes a run of the synthetic set with a model that nobody trained."""

    def make(validate=0, name="run", dataset="synthetic"):
        run = Run.start(tmp_path / name, RunSettings(dataset, "tiny", Recipe(), validate=validate), split)
        with replacing(run.model_path()) as new:
            tiny((160, 60, 3), 0.0, "published", "published").save(new)
        return run

    return make


def test_a_training_ends_with_an_embedding_of_its_people(tmp_path, capsys):
    model = small_training(tmp_path / "run", console=Console())
    run = Run.open(tmp_path / "run")
    embedding = run.embedding()
    assert embedding.card.fitted_on == (("arrays", SPLIT.train),) and embedding.card.pictures == 8
    assert embedding.combination == PRIOR and embedding.card.combined_on == ()
    for kept, trained in zip(run.load_model().get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, trained)
    before = (run.folder / "embedding.keras").stat().st_mtime_ns
    small_training(tmp_path / "run")  # nothing is left to do
    assert (run.folder / "embedding.keras").stat().st_mtime_ns == before
    (run.folder / "embedding.json").unlink()  # as after a kill, or of an older version
    small_training(tmp_path / "run")
    np.testing.assert_array_equal(run.embedding().model.get_weights()[0], embedding.model.get_weights()[0])


def test_people_held_back_are_combined_on_and_not_fitted_on(tmp_path, people, split):
    data = TrainingData(people, split)
    run = train(
        tmp_path / "run",
        data,
        Recipe(batch_size=8, epochs=1),
        start="tiny",
        validation=Validation(4),
        execution=Execution(verbose=0),
    )
    card = run.embedding().card
    held_back = run.held_back
    assert card.fitted_on == (("synthetic", held_back.train),) and card.combined_on == (("synthetic", held_back.test),)
    assert card.combination.identities == 4 and card.combination.probes == 16
    # Fitted anew from the pictures on disk, it is the same.
    again = fit_embedding(run)
    assert again.card.fitted_on == card.fitted_on and again.card.combined_on == card.combined_on
    np.testing.assert_allclose(again.model.get_weights()[0], run.embedding().model.get_weights()[0])


def test_of_own_people_only_those_who_train(make_run, split):
    run = make_run()
    card = fit_embedding(run.folder).card
    assert card.fitted_on == (("synthetic", split.train),) and card.pictures == 40 and len(card.choice) == 4
    assert run.embedding().card == card


def test_on_other_people_a_quarter_is_combined_on(make_run, tmp_path):
    others = dataclasses.replace(synthetic(identities=12, seed=9), name="elsewhere")
    run = make_run()
    weights = run.model_path().read_bytes()
    embedding = fit_embedding(run, others)
    assert run.model_path().read_bytes() == weights and run.embedding().card == embedding.card
    assert embedding.card.fitted_on == (("elsewhere", tuple(range(12))),)
    ((name, combined),) = embedding.card.combined_on
    assert name == "elsewhere" and len(combined) == 3 and embedding.combination.identities == 3


def test_who_is_combined_on_was_not_fitted_on_then(make_run, monkeypatch):
    """The combination of other people is measured with a first projection that has seen none of its probes."""
    from tfnxc.training import embedding as module

    fitted, measured = [], []

    class Watched(Discriminant):
        def fit(self, features, identities, cameras=None):
            fitted.append(set(identities.tolist()))
            return super().fit(features, identities)

    def combination(head, embedding, pictures, *rest):
        measured.append(set(pictures.identities.tolist()))
        return PRIOR

    way = METHODS["discriminant"]._replace(make=lambda shrinkage, count: Watched(count, shrinkage))
    monkeypatch.setitem(METHODS, "discriminant", way)
    monkeypatch.setattr(module, "_combination", combination)
    fit_embedding(make_run(), dataclasses.replace(synthetic(identities=12, seed=9), name="elsewhere"))
    *chosen, last = fitted  # the choice and the embedding itself come first
    assert chosen and len(measured) == 1 and not last & measured[0]
    assert last | measured[0] == set(range(12))


@pytest.mark.parametrize("method", ["xqda", "kissme"])
def test_a_metric_can_be_the_projection(make_run, method):
    run = make_run()
    embedding = fit_embedding(
        run, dataclasses.replace(synthetic(identities=12, seed=9), name="elsewhere"), method=method
    )
    card = Run.open(run.folder).embedding().card
    assert (card.method, card.regularization) == (method, embedding.card.regularization)
    best = max(card.choice, key=lambda each: each["mAP"])
    assert best["mAP"] > 0 and embedding.dimensions <= 128
    with pytest.raises(ValueError, match="method must be one of 'discriminant', 'xqda', 'kissme'"):
        fit_embedding(run, method="pca")


def test_test_people_of_the_run_are_refused(make_run, people):
    with pytest.raises(InputError, match=r"6 of the 6 test identities of .* would be fitted on: .*--to FOLDER"):
        fit_embedding(make_run(), people)


def test_other_people_under_the_numbers_of_the_run_are_refused_by_name(make_run, tmp_path):
    """Without a, and with k, everybody has the number of somebody else."""
    names = list("abcdefghij")
    before, changed = (
        identity_folders(lay_out(tmp_path / folder, *(f"{name}/c{camera}.png" for name in people for camera in (1, 2))))
        for folder, people in (("before", names), ("changed", [*names[1:], "k"]))
    )
    split, settings = Split("few", "by hand", tuple(range(8)), (8, 9)), RunSettings("folder", "tiny")
    run = Run.start(tmp_path / "own", settings, split, tmp_path / "changed", names=[names_of(before)])
    with pytest.raises(InputError, match="missing: a; new: k"):
        fit_embedding(run)
    with pytest.raises(InputError, match=r"1 of the 2 test identities of .* such as i, are among those of other"):
        fit_embedding(run, changed, split=Split("other", "by hand", tuple(range(8)), (8, 9)))
    mine = dataclasses.replace(changed, name="mine")  # whatever the set is called
    with pytest.raises(InputError, match=r"1 of the 2 test identities of .* such as i, are among those of other"):
        fit_embedding(run, mine, split=Split("other", "by hand", tuple(range(8)), (8, 9)))


def test_a_new_run_holds_the_model_and_knows_who_was_fitted_on(make_run, tmp_path, people):
    run = make_run()
    run.note_progress(3, 100)
    split = Split("other", "by hand", (0, 1, 2, 3, 4, 5, 11, 12, 13), (10, 14))
    fit_embedding(run, people, split=split, identities=8, to=tmp_path / "new")
    new = Run.open(tmp_path / "new")
    assert new.model_path().read_bytes() == run.model_path().read_bytes() and new.unfinished is None
    own, before = new.trained_on
    assert own == ("synthetic", list(new.split.train)) and len(own[1]) == 8 and set(own[1]) < set(split.train)
    assert before == ("synthetic", list(range(10)))  # the model itself was trained on them
    assert new.split.test == split.test and new.embedding().card.fitted_on == (("synthetic", new.split.train),)
    assert not (run.folder / "embedding.keras").exists()


def test_people_who_trained_the_model_are_not_combined_on(make_run, tmp_path, people):
    """Of 11 people who are fitted on the model has seen nine; nobody but the other two is held back."""
    run = make_run()
    run.note_progress(3, 100)  # from now on its model counts as trained
    split = Split("other", "by hand", (*range(9), 11, 12), (13,))
    card = fit_embedding(run, people, split=split, to=tmp_path / "new").card
    assert card.combined_on == (("synthetic", (11, 12)),) and card.combination.identities == 2
    split = Split("other", "by hand", (*range(9), 11), (13,))  # one is not enough
    card = fit_embedding(run, people, split=split, to=tmp_path / "prior").card
    assert card.combined_on == () and card.combination == PRIOR
    promised = fit_embedding(run, people, split=split, to=tmp_path / "others", other_people=True).card
    assert promised.combination.identities == 2


def test_test_people_of_a_new_run_must_be_unknown_to_its_model(make_run, tmp_path, people):
    run = make_run()
    run.note_progress(3, 100)
    split = Split("other", "by hand", tuple(range(2, 12)), (0, 1, 13))
    with pytest.raises(InputError, match="trained on 2 of the 3 test identities of other, such as 0"):
        fit_embedding(run, people, split=split, to=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_fitting_a_run_anew_that_was_made_for_an_embedding_combines_it_again(make_run, tmp_path, people):
    split = Split("other", "by hand", tuple(range(10)), (13, 14))
    first = fit_embedding(make_run(), people, split=split, to=tmp_path / "new").card
    assert first.combination.identities == 2 and fit_embedding(tmp_path / "new").card == first


def test_one_picture_each_is_refused_though_mirror_images_are_fitted_on(make_run, people):
    _, first = np.unique(people.identities, return_index=True)
    single = dataclasses.replace(
        people,
        name="elsewhere",
        paths=[people.paths[each] for each in first],
        identities=people.identities[first],
        cameras=people.cameras[first],
        read=lambda index: people.read(first[index]),
    )
    run = make_run()
    fit_embedding(run)
    before = (run.folder / "embedding.keras").read_bytes()
    with pytest.raises(InputError, match="0 of the 16 identities have two pictures"):
        fit_embedding(run, single)
    assert (run.folder / "embedding.keras").read_bytes() == before


def test_the_model_of_the_package(tmp_path):
    embedding = fit_embedding("pretrained", synthetic(identities=9, seed=4), to=tmp_path / "new", identities=8)
    new = Run.open(tmp_path / "new")
    assert new.load_model().name == "normxcorr" and embedding.card.model_digest == new.model_digest()
    for kept, ours in zip(new.load_model().get_weights(), models.pretrained().get_weights(), strict=True):
        np.testing.assert_array_equal(kept, ours)
    assert embedding.combination.identities == 2


def test_another_state_has_an_embedding_of_its_own(make_run):
    run = make_run()
    with replacing(run.model_path("best")) as new:
        tiny((160, 60, 3), 0.0, "published", "published").save(new)
    fit_embedding(run, state="best")
    assert run.embedding("best").card.model_digest == run.model_digest("best")
    with pytest.raises(InputError, match="no embedding here"):
        run.embedding()


def test_thresholds_of_the_embedding_before_go(make_run):
    run = make_run()
    run.folder.joinpath("calibration.json").write_text("of the embedding before")
    run.folder.joinpath("calibration-best.json").write_text("of another state")
    fit_embedding(run)
    assert [path.name for path in run.folder.glob("calibration*")] == ["calibration-best.json"]


def test_an_embedding_of_other_weights_is_refused(make_run):
    run = make_run()
    fit_embedding(run)
    with replacing(run.model_path()) as new:
        tiny((160, 60, 3), 0.1, "published", "published").save(new)
    with pytest.raises(InputError, match=r"its embedding is of other weights than its model\. Fit it anew"):
        run.embedding()


def test_nobody_with_two_pictures_is_said_and_the_run_is_whole(tmp_path):
    printed = Console(record=True, file=io.StringIO(), width=200)
    with unittest.mock.patch.object(Embedding, "of", side_effect=InputError("nobody has two pictures.")):
        small_training(tmp_path / "run", console=printed)
    assert "Note: no embedding was fitted: nobody has two pictures." in printed.export_text()
    assert Run.open(tmp_path / "run").epochs_done == RECIPE.epochs


@pytest.mark.parametrize("options", [{"split": "random-2-0"}, {"identities": 3}, {"to": "new"}])
def test_options_of_other_people_need_them(make_run, options):
    with pytest.raises(ValueError, match="go with people"):
        fit_embedding(make_run(), **options)


def test_the_model_of_the_package_needs_a_new_folder(people):
    with pytest.raises(ValueError, match="to must name the folder of a new run"):
        fit_embedding("pretrained", people)
