import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfnxc.datasets import PairPipeline
from tfnxc.datasets.pairs import augment, pair_indices, positive_pairs
from tfnxc.errors import InputError

IDENTITIES = np.array([7, 3, 7, 3, 3, 9, 8, 8])


def pipeline(**options):
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 40, 20, 3), np.uint8)
    return PairPipeline(images, IDENTITIES, **{"batch_size": 4, "augment": False, **options})


def batches(pairs, count, first_pass=0):
    return [
        (images["probe"].numpy(), images["gallery"].numpy(), same.numpy())
        for images, same in pairs.dataset(first_pass).take(count)
    ]


def test_every_unordered_pair_of_an_identity_is_a_positive():
    assert positive_pairs(IDENTITIES).tolist() == [[1, 3], [1, 4], [3, 4], [0, 2], [6, 7]]


@pytest.mark.parametrize("number", range(5))
def test_a_pass_holds_each_positive_once_and_two_negatives_of_its_first_image(number):
    pairs = pair_indices(IDENTITIES, seed=0, number=number)
    positives, negatives = pairs[pairs[:, 2] == 1], pairs[pairs[:, 2] == 0]
    assert sorted(positives[:, :2].tolist()) == sorted(positive_pairs(IDENTITIES).tolist())
    assert sorted(negatives[:, 0]) == sorted(np.repeat(positives[:, 0], 2))
    assert (IDENTITIES[negatives[:, 0]] != IDENTITIES[negatives[:, 1]]).all()


def test_negatives_are_uniform_over_the_images_of_other_identities():
    counts = np.zeros(8)
    for number in range(600):
        pairs = pair_indices(IDENTITIES, seed=1, number=number)
        chosen = pairs[(pairs[:, 2] == 0) & (IDENTITIES[pairs[:, 0]] == 8)]
        np.add.at(counts, chosen[:, 1], 1)
    assert counts[6:].tolist() == [0, 0]
    expected = 1200 / 6
    assert (np.abs(counts[:6] - expected) < 5 * np.sqrt(expected)).all()


def test_passes_differ_and_repeat_with_the_seed():
    assert pair_indices(IDENTITIES, 0, 0).tolist() == pair_indices(IDENTITIES, 0, 0).tolist()
    for other in ((0, 1), (1, 0)):
        assert pair_indices(IDENTITIES, 0, 0).tolist() != pair_indices(IDENTITIES, *other).tolist()


def test_batches_hold_the_pixels_and_labels_of_the_pairs():
    pairs = pipeline()
    assert (pairs.pairs_per_pass, pairs.steps_per_pass) == (15, 4)
    for number in range(2):
        found = batches(pairs, 4, first_pass=number)
        assert [len(same) for _, _, same in found] == [4, 4, 4, 3]
        expected = pair_indices(IDENTITIES, 0, number)
        for side in range(2):
            values = np.concatenate([batch[side][:, 0, 0, 0] for batch in found]) * 255
            np.testing.assert_allclose(values, expected[:, side], atol=1e-4)
        np.testing.assert_array_equal(np.concatenate([same for _, _, same in found]), expected[:, 2])
    assert found[0][0].dtype == np.float32 and found[0][0].shape == (4, 40, 20, 3) and found[0][2].dtype == np.int32


def test_a_resumed_pipeline_gives_the_same_pictures(rng):
    images = rng.integers(0, 255, (8, 40, 20, 3), np.uint8)
    pairs = PairPipeline(images, IDENTITIES, batch_size=4)
    through, resumed = batches(pairs, 8)[4:], batches(pairs, 4, first_pass=1)
    for one, other in zip(through, resumed, strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_augmentation_translates_with_zeros_and_flips_each_image_by_itself(rng):
    images = rng.integers(1, 255, (64, 40, 60, 3), np.uint8)
    changed = augment(tf.constant(images), tf.constant([0, 1], tf.int64)).numpy()
    kinds = set()
    for image, found in zip(images, changed, strict=True):
        padded = np.pad(image, [(2, 2), (3, 3), (0, 0)])
        candidates = {
            (top, left, flip): padded[top : top + 40, left : left + 60][:, :: -1 if flip else 1]
            for top, left, flip in itertools.product(range(5), range(7), (False, True))
        }
        matching = [kind for kind, candidate in candidates.items() if np.array_equal(candidate, found)]
        assert len(matching) == 1
        kinds.add(matching[0])
    assert {top for top, _, _ in kinds} == set(range(5)) and {left for _, left, _ in kinds} == set(range(7))
    assert {flip for _, _, flip in kinds} == {False, True} and len(kinds) > 30


def test_static_shapes_reach_the_model():
    images, same = pipeline(augment=True).dataset().element_spec
    assert images["probe"].shape.as_list() == [None, 40, 20, 3] and same.dtype == tf.int32


@pytest.mark.parametrize("identities", [[1, 1, 1], [1, 2, 3]])
def test_sets_without_pairs_are_refused(identities):
    with pytest.raises(InputError, match="at least two identities, one of them with at least two images"):
        PairPipeline(np.zeros((3, 40, 20, 3), np.uint8), np.array(identities))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((8, 40, 20, 3))}, r"images must be uint8 .*; got float64 of shape \(8, 40, 20, 3\)"),
        ({"images": np.zeros((8, 40, 20), np.uint8)}, "images must be uint8 of shape"),
        ({"identities": [1, 1, 2]}, "8 images need as many identities"),
        ({"batch_size": 0}, "batch_size must be 1 or more"),
        ({"seed": -1}, "seed 0 or more"),
    ],
)
def test_bad_arguments_say_what_came_and_what_was_expected(arguments, message):
    with pytest.raises(ValueError, match=message):
        PairPipeline(**{"images": np.zeros((8, 40, 20, 3), np.uint8), "identities": IDENTITIES, **arguments})
