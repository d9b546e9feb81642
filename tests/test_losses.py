"""The losses of groups against NumPy, their gradients against finite differences, and at their bounds."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfnxc.losses import GroupLoss, GroupRankingLoss

PEOPLE = 3
SAME = np.tile(np.eye(PEOPLE, dtype=np.int32).ravel(), 2)  # two groups


def probabilities(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def by_hand(same, predicted, people=PEOPLE, classification=1.0, ranking=1.0, smoothing=0.0):
    """The loss in float64, pair by pair, then row by row and column by column."""
    predicted = np.asarray(predicted, np.float64)
    of_pairs = []
    for label, (different, alike) in zip(same, predicted, strict=True):
        share = 1 - smoothing if label else smoothing
        of_pairs.append(-share * np.log(alike) - (1 - share) * np.log(different))
    of_lists = []
    for group in predicted.reshape(-1, people, people, 2):
        odds = group[..., 1] / group[..., 0]  # the softmax of log-odds
        for person in range(people):
            of_lists.append(-np.log(odds[person, person] / odds[person].sum()))
            of_lists.append(-np.log(odds[person, person] / odds[:, person].sum()))
    return classification * np.mean(of_pairs) + ranking * np.mean(of_lists)


@pytest.fixture
def predicted(rng):
    return probabilities(rng.normal(size=(2 * PEOPLE**2, 2)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ranking": 0.0},
        {"classification": 0.0},
        {"classification": 0.0, "ranking": 2.5},
        {"smoothing": 0.1},
        {"classification": 0.5, "ranking": 3.0, "smoothing": 0.2},
    ],
    ids=str,
)
def test_it_is_the_sum_of_both_parts(options, predicted):
    found = GroupLoss(PEOPLE, **options)(SAME, predicted.astype(np.float32))
    np.testing.assert_allclose(found, by_hand(SAME, predicted, **options), rtol=1e-5)


def test_without_a_ranking_it_is_the_published_loss(predicted):
    published = keras.losses.SparseCategoricalCrossentropy()(SAME, tf.constant(predicted, tf.float32))
    np.testing.assert_allclose(GroupLoss(PEOPLE, ranking=0.0)(SAME, predicted), published, rtol=1e-5)


def test_rows_and_columns_by_hand():
    """Odds of 1 but for one pair of 3: of two rows and two columns, one each holds it beside its match."""
    same, predicted = np.array([1, 0, 0, 1]), np.full((4, 2), 0.5)
    predicted[1] = 0.25, 0.75
    found = GroupLoss(2, classification=0.0)(same, predicted)
    np.testing.assert_allclose(found, (2 * np.log(4) + 2 * np.log(2)) / 4, rtol=1e-6)
    predicted[[0, 1]] = predicted[[1, 0]]  # now it is a match: a row and a column find it
    found = GroupLoss(2, classification=0.0)(same, predicted)
    np.testing.assert_allclose(found, (2 * np.log(4 / 3) + 2 * np.log(2)) / 4, rtol=1e-6)


def test_groups_of_other_sizes_and_the_loss_of_each_pair(rng):
    predicted = probabilities(rng.normal(size=(8, 2)))
    same = np.tile([1, 0, 0, 1], 2)
    each = GroupLoss(2, reduction="none")(same, predicted.astype(np.float32)).numpy()
    assert each.shape == (8,)
    for group in (slice(0, 4), slice(4, 8)):  # a group's pairs bear its ranking, and no other's
        np.testing.assert_allclose(each[group].mean(), by_hand(same[group], predicted[group], people=2), rtol=1e-5)
    ranking = GroupLoss(2, classification=0.0, reduction="none")(same, predicted.astype(np.float32)).numpy()
    assert np.ptp(ranking[:4]) == np.ptp(ranking[4:]) == 0 and ranking[0] != ranking[4]


def test_labels_may_stand_in_a_column_and_be_of_any_type(predicted):
    expected = GroupLoss(PEOPLE)(SAME, predicted)
    for same in (SAME[:, None], SAME.astype(bool), SAME.astype(np.float32), SAME[:, None].astype(np.int64)):
        np.testing.assert_array_equal(GroupLoss(PEOPLE)(same, predicted), expected)


@pytest.mark.parametrize("options", [{}, {"classification": 0.0}, {"smoothing": 0.1}], ids=str)
def test_gradient_is_that_of_finite_differences(options, rng):
    logits = rng.normal(size=(2 * PEOPLE**2, 2))
    variable = tf.Variable(logits, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = GroupLoss(PEOPLE, **options)(SAME, tf.nn.softmax(variable))
    found = tape.gradient(loss, variable).numpy()
    step, expected = 1e-6, np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        moved = np.zeros_like(logits)
        moved[place] = step
        above, below = (by_hand(SAME, probabilities(logits + sign * moved), **options) for sign in (1, -1))
        expected[place] = (above - below) / (2 * step)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("alike", [0.0, 1.0, 1e-38])
def test_loss_and_gradient_are_finite_where_the_model_is_certain(alike, smoothing):
    predicted = tf.constant(np.tile([1 - alike, alike], (PEOPLE**2, 1)), tf.float32)
    wrong = tf.where(SAME[: PEOPLE**2, None] == 1, [[1.0, 0.0]], [[0.0, 1.0]])  # each pair, with certainty
    for probability in (predicted, wrong, 1 - wrong):
        with tf.GradientTape() as tape:
            tape.watch(probability)
            loss = GroupLoss(PEOPLE, smoothing=smoothing)(SAME[: PEOPLE**2], probability)
        assert np.isfinite(loss) and np.isfinite(tape.gradient(loss, probability)).all()
    right = GroupLoss(PEOPLE, smoothing=smoothing)(SAME[: PEOPLE**2], 1 - wrong)
    assert right < 10 and GroupLoss(PEOPLE)(SAME[: PEOPLE**2], wrong) > 100
    assert smoothing or right == 0


def test_a_pair_that_is_wrong_by_far_still_has_its_gradient():
    """Keras' own cross-entropy gives up at a probability of 1e-7."""
    logits = tf.Variable([[0.0, -60.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = GroupLoss(2, ranking=0.0)([1, 0, 0, 1], tf.nn.softmax(logits))
    np.testing.assert_allclose(tape.gradient(loss, logits)[0], [0.25, -0.25], rtol=1e-4)


def test_half_precision_is_computed_in_float32(predicted):
    half = tf.constant(predicted, tf.float16)
    np.testing.assert_allclose(
        GroupLoss(PEOPLE)(SAME, half), by_hand(SAME, tf.cast(half, tf.float64).numpy()), rtol=1e-5
    )


def test_its_config_builds_it_again(predicted):
    loss = GroupLoss(PEOPLE, classification=0.5, ranking=2.0, smoothing=0.1, name="mine", reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is GroupLoss and again.get_config() == loss.get_config()
    expected = {"identities_per_group": PEOPLE, "classification": 0.5, "name": "mine"}
    assert loss.get_config() | expected == loss.get_config()
    np.testing.assert_array_equal(again(SAME, predicted), loss(SAME, predicted))
    np.testing.assert_allclose(
        again(SAME, predicted),
        len(SAME) * by_hand(SAME, predicted, classification=0.5, ranking=2.0, smoothing=0.1),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"identities_per_group": 1},
        {"identities_per_group": 2.5},
        {"classification": -1},
        {"ranking": -0.1},
        {"ranking": float("nan")},
        {"smoothing": 0.5},
        {"smoothing": -0.1},
    ],
    ids=str,
)
def test_bad_arguments_say_what_came_and_what_was_expected(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} must be .*, received {value}"):
        GroupLoss(**options)


PAIRS = np.array([(2 * row, 2 * column + 1) for row in range(PEOPLE) for column in range(PEOPLE)])
PAIRS = np.concatenate([PAIRS, PAIRS + 2 * PEOPLE])  # of two groups, each image of a person beside the other


def ranking_by_hand(vectors, weight=1.0, scale=16.0):
    """The metric loss in float64, group by group."""
    found = []
    for group in np.split(np.asarray(vectors, np.float64), 2):
        centred = group - group.mean(axis=0)
        unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        scores = np.exp(scale * unit[::2] @ unit[1::2].T)
        own = np.diagonal(scores)
        found += [-np.log(own / scores.sum(axis=1)).mean() / 2 - np.log(own / scores.sum(axis=0)).mean() / 2]
    return weight * np.mean(found)


@pytest.mark.parametrize("options", [{}, {"weight": 0.3, "scale": 4.0}], ids=str)
def test_the_metric_loss_is_the_ranking_of_cosines(options, rng):
    vectors, outputs = rng.normal(size=(4 * PEOPLE, 5)).astype(np.float32), rng.normal(size=(2 * PEOPLE**2, 2))
    layer = GroupRankingLoss(PEOPLE, **options)
    given = layer([tf.constant(outputs, tf.float32), vectors, *PAIRS.T])
    np.testing.assert_array_equal(given, outputs.astype(np.float32))
    np.testing.assert_allclose(layer.losses, [ranking_by_hand(vectors, **options)], rtol=1e-5)
    shifted = GroupRankingLoss(PEOPLE, **options)
    shifted([given, vectors + np.repeat([[3.0], [-2.0]], 2 * PEOPLE, axis=0).astype(np.float32), *PAIRS.T])
    np.testing.assert_allclose(shifted.losses, layer.losses, rtol=1e-4)  # what a group shares counts for nothing


def test_the_metric_loss_refuses_groups_of_another_size(rng):
    """Nine groups of two identities are as many pairs as four of three."""
    vectors = rng.normal(size=(36, 5)).astype(np.float32)
    groups = np.arange(9)[:, None]
    probe, gallery = (4 * groups + np.array([0, 0, 2, 2])).ravel(), (4 * groups + np.array([1, 3, 1, 3])).ravel()
    outputs = tf.zeros([36, 2])
    GroupRankingLoss(2)([outputs, vectors, probe, gallery])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"GroupRankingLoss\(3\) takes groups of 6 images and 9"):
        GroupRankingLoss(3)([outputs, vectors, probe, gallery])
    with pytest.raises(ValueError, match="Got 36 images"):
        GroupRankingLoss(4)([outputs, vectors, probe, gallery])

    @tf.function(jit_compile=True)
    def compiled():
        layer = GroupRankingLoss(3)
        layer([outputs, vectors, probe, gallery])
        return layer.losses[0]

    assert np.isnan(compiled())


def test_the_gradient_of_the_metric_loss(rng):
    vectors = rng.normal(size=(4 * PEOPLE, 5))
    layer = GroupRankingLoss(PEOPLE, scale=2.0, dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(given := tf.constant(vectors))
        layer([tf.zeros([2 * PEOPLE**2, 2], tf.float64), given, *PAIRS.T])
        loss = layer.losses[0]
    found, step = tape.gradient(loss, given).numpy(), 1e-6
    for place in [(0, 0), (3, 2), (7, 4), (11, 1)]:
        ends = []
        for sign in (1, -1):
            moved = vectors.copy()
            moved[place] += sign * step
            ends.append(ranking_by_hand(moved, scale=2.0))
        np.testing.assert_allclose(found[place], (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-8)


def test_the_metric_loss_of_equal_images_is_that_of_chance_and_has_a_gradient():
    vectors = tf.Variable(tf.ones([4, 3]))
    layer = GroupRankingLoss(2)
    with tf.GradientTape() as tape:
        layer([tf.zeros([4, 2]), vectors, np.array([0, 0, 2, 2]), np.array([1, 3, 1, 3])])
        loss = layer.losses[0]
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)
    assert np.isfinite(tape.gradient(loss, vectors)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"identities_per_group": 1}, "identities_per_group must be a whole number, 2 or above"),
        ({"weight": -1}, "weight must be a finite number"),
        ({"scale": np.inf}, "scale must be a finite number"),
    ],
    ids=str,
)
def test_arguments_of_the_metric_loss(options, message):
    with pytest.raises(ValueError, match=message):
        GroupRankingLoss(**options)


def test_numbers_of_numpy_are_as_good_as_any(predicted):
    loss = GroupLoss(np.int64(PEOPLE), ranking=np.float32(2), smoothing=np.float64(0.1))
    plain = GroupLoss(PEOPLE, ranking=2.0, smoothing=0.1)
    assert json.dumps(loss.get_config()) == json.dumps(plain.get_config())
    np.testing.assert_array_equal(loss(SAME, predicted), plain(SAME, predicted))


TWO_BY_TWO = np.tile(np.eye(2, dtype=np.int32).ravel(), 9)  # 36 pairs, which are four groups of three identities too


@pytest.mark.parametrize("traced", [False, True])
def test_groups_of_another_size_are_refused(traced):
    predicted = np.full((36, 2), 0.5, np.float32)
    call = tf.function(GroupLoss(3), input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None, 2])])
    loss = call if traced else GroupLoss(3)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"GroupLoss\(3\) takes the labels of groups of 3 identities"
    ):
        loss(TWO_BY_TWO.astype(np.float32), predicted)
    error = tf.errors.InvalidArgumentError if traced else ValueError
    with pytest.raises(error, match=r"GroupLoss\(3\) takes .*: 9 pairs each"):
        loss(TWO_BY_TWO[:16].astype(np.float32), predicted[:16])
    np.testing.assert_allclose(GroupLoss(2, classification=0.0)(TWO_BY_TWO, predicted), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(GroupLoss(3, ranking=0.0)(TWO_BY_TWO[:16], predicted[:16]), np.log(2), rtol=1e-6)


def test_where_there_are_no_assertions_the_loss_of_other_groups_is_nan():
    """XLA, with which Keras 3 compiles, leaves them out."""
    predicted = np.full((36, 2), 0.5, np.float32)
    assert np.isnan(tf.function(GroupLoss(3), jit_compile=True)(tf.constant(TWO_BY_TWO), tf.constant(predicted)))


def test_probabilities_of_one_class_are_refused():
    with pytest.raises(ValueError, match=r"probabilities of shape \(pairs, 2\); got \(4, 1\)"):
        GroupLoss(2)(np.array([[1], [0], [0], [1]]), np.full((4, 1), 0.5, np.float32))
