"""The choice of regularization and dimensions: nobody who is ranked was fitted on, and the best setting is taken."""

import numpy as np
import pytest

from tfnxc.embedding import METHODS, Discriminant, choice
from tfnxc.embedding.choice import FOLDS, HeldBack, fit_projection
from tfnxc.errors import InputError
from tfnxc.metrics import cmc

WAY = METHODS["discriminant"]


@pytest.fixture
def people(rng):
    identities = np.repeat(np.arange(40), 4)
    return rng.normal(size=(40, 12))[identities] + 0.8 * rng.normal(size=(160, 12)), identities


def test_everyone_is_fitted_with_the_best_setting(people):
    features, identities = people
    done = []
    chosen = fit_projection(features, identities, np.tile([0, 1], 80), mirrored=features[::-1], progress=done.append)
    assert sum(done) == FOLDS + 1
    assert {each["regularization"] for each in chosen.tried} == set(WAY.regularizations)
    best = max(chosen.tried, key=lambda each: each["mAP"])
    assert chosen.regularization == best["regularization"]
    both = np.concatenate([features, features[::-1]]), np.concatenate([identities, identities])
    again = Discriminant(max(WAY.dimensions), chosen.regularization).fit(*both)
    np.testing.assert_array_equal(chosen.projection.components_, again.components_)


def test_more_dimensions_are_taken_where_they_cost_little(people, monkeypatch):
    figures = {2: 0.5, 4: 0.597, 8: 0.58}

    def given(way, views, identities, cameras, fold):
        return [
            ((shrinkage, size), figure - shrinkage / 100)
            for shrinkage in (0.1, 0.4)
            for size, figure in figures.items()
        ]

    monkeypatch.setattr(choice, "_tried", given)
    for eight, wanted in ((0.57, 4), (0.588, 8)):
        figures[8] = eight
        fitted = fit_projection(*people).projection
        assert (fitted.dimensions, fitted.shrinkage) == (wanted, 0.1)


def test_people_held_back_are_ranked_in_the_place_of_folds(people, rng):
    features, identities = people
    others = HeldBack(rng.normal(size=(32, 12)), np.repeat(np.arange(8), 4), np.tile([0, 1], 16))
    chosen = fit_projection(features, identities, np.tile([0, 1], 80), held_back=others)
    for tried in chosen.tried:
        fitted = Discriminant(tried["dimensions"], tried["regularization"]).fit(features, identities)
        vectors = fitted.transform(others.features)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        labels = (others.identities,) * 2, (others.cameras,) * 2
        expected = cmc(vectors @ vectors.T, *labels[0], *labels[1], "market").figures["mAP"].mean
        assert tried["mAP"] == pytest.approx(expected)
    few = HeldBack(*(each[:8] for each in others))  # two people say nothing
    assert fit_projection(features, identities, held_back=few).tried == fit_projection(features, identities).tried


def test_one_picture_each_is_refused(rng):
    with pytest.raises(InputError, match="0 of 5 identities have two pictures"):
        fit_projection(rng.normal(size=(5, 3)), np.arange(5), mirrored=rng.normal(size=(5, 3)))


def test_nobody_who_is_ranked_was_fitted_on(people, monkeypatch):
    features, identities = people
    numbers, fitted, ranked = {tuple(row): who for row, who in zip(features, identities, strict=True)}, [], []

    class Watched(Discriminant):
        def fit(self, values, labels, cameras=None):
            fitted.append({numbers[tuple(row)] for row in values})
            return super().fit(values, labels)

        def transform(self, values):
            ranked.append((fitted[-1], {numbers[tuple(row)] for row in values}))
            return super().transform(values)

    way = WAY._replace(make=lambda shrinkage, count: Watched(count, shrinkage))
    monkeypatch.setitem(METHODS, "discriminant", way)
    fit_projection(features, identities)
    assert len(ranked) == FOLDS * len(WAY.regularizations)
    assert all(not seen & tested for seen, tested in ranked)
    assert set.union(*(tested for _, tested in ranked)) == set(range(40))


def test_shrinkage_is_chosen_by_what_helps(rng):
    """Few pictures of many numbers need much of it; many of few numbers whose noise has a shape need little."""
    identities = np.repeat(np.arange(20), 2)
    few = rng.normal(size=(20, 60))[identities] + 1.5 * rng.normal(size=(40, 60))
    many = np.repeat(np.arange(60), 10)
    mixing = np.diag([30.0] * 4 + [0.1] * 4)
    shaped = (
        rng.normal(size=(60, 8))[many] + (rng.normal(size=(600, 8)) @ mixing) @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    )
    little = fit_projection(shaped, many)
    assert fit_projection(few, identities).regularization > little.regularization == WAY.regularizations[0]


def test_few_people_take_the_defaults(rng):
    chosen = fit_projection(rng.normal(size=(12, 5)), np.repeat(np.arange(6), 2))
    assert chosen.tried == () and chosen.regularization == Discriminant().shrinkage


def test_one_camera_for_all_leaves_out_the_picture_alone(people):
    features, identities = people
    known, unknown = (fit_projection(features, identities, each).tried for each in (np.zeros(160, int), None))
    assert known == unknown


def test_the_seed_draws_the_folds(people):
    one, same, other = (fit_projection(*people, seed=seed).tried for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("method", ["xqda", "kissme"])
def test_a_metric_is_chosen_likewise(people, method):
    features, identities = people
    cameras, way = np.tile([0, 1], 80), METHODS[method]
    chosen = fit_projection(features, identities, cameras, mirrored=features[::-1], method=method)
    best = max(each["mAP"] for each in chosen.tried)
    most = max(each["dimensions"] for each in chosen.tried if each["mAP"] >= best - choice.MARGIN)
    (known,) = [
        each for each in chosen.tried if each["regularization"] == chosen.regularization and each["dimensions"] == most
    ]
    assert known["mAP"] == max(each["mAP"] for each in chosen.tried if each["dimensions"] == most) > 0.5
    labels = (np.tile(each, 2) for each in (identities, cameras))
    again = way.make(chosen.regularization, most).fit(np.concatenate([features, features[::-1]]), *labels)
    np.testing.assert_array_equal(chosen.projection.components_, again.components_)


def test_who_is_too_few_for_a_metric_is_told_so(rng):
    cameras = np.arange(16) // 2  # nobody was seen by two of them
    with pytest.raises(InputError, match=r"8 identities are too few for xqda\. Take the method discriminant"):
        fit_projection(rng.normal(size=(16, 5)), np.repeat(np.arange(8), 2), cameras, method="xqda")


def test_an_unknown_method(people):
    with pytest.raises(ValueError, match="method must be one of 'discriminant', 'xqda', 'kissme'; got 'lda'"):
        fit_projection(*people, method="lda")
