import hashlib
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfnxc.datasets import PairPipeline
from tfnxc.datasets.pipelines.pair_indices import negative_probes, pair_indices, positive_pairs
from tfnxc.datasets.pipelines.pipeline import MovedImages
from tfnxc.errors import InputError

IDENTITIES = np.array([7, 3, 7, 3, 3, 9, 8, 8])
CAMERAS = np.array([0, 0, 1, 0, 1, 0, 1, 1])


def pipeline(**options):
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 40, 20, 3), np.uint8)
    return PairPipeline(images, IDENTITIES, **{"batch_size": 4, "augment": False, **options})


def arrays(dataset):
    return [(images["probe"].numpy(), images["gallery"].numpy(), same.numpy()) for images, same in dataset]


def batches(pairs, count, first_epoch=0, first_step=0):
    return arrays(pairs.dataset(first_epoch, first_step).take(count))


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def test_every_unordered_pair_of_an_identity_is_a_positive():
    assert positive_pairs(IDENTITIES).tolist() == [[1, 3], [1, 4], [3, 4], [0, 2], [6, 7]]


@pytest.mark.parametrize("number", range(5))
def test_an_epoch_holds_each_positive_once_and_two_negatives_of_its_first_image(number):
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


def test_epochs_differ_and_repeat_with_the_seed():
    assert pair_indices(IDENTITIES, 0, 0).tolist() == pair_indices(IDENTITIES, 0, 0).tolist()
    for other in ((0, 1), (1, 0)):
        assert pair_indices(IDENTITIES, 0, 0).tolist() != pair_indices(IDENTITIES, *other).tolist()


def test_batches_hold_the_pixels_and_labels_of_the_pairs():
    pairs = pipeline()
    assert (pairs.pairs_per_epoch, pairs.steps_per_epoch) == (15, 4)
    for number in range(2):
        found = batches(pairs, 4, first_epoch=number)
        assert [len(same) for _, _, same in found] == [4, 4, 4, 3]
        expected = pair_indices(IDENTITIES, 0, number)
        for side in range(2):
            values = np.concatenate([batch[side][:, 0, 0, 0] for batch in found]) * 255
            np.testing.assert_allclose(values, expected[:, side], atol=1e-4)
        np.testing.assert_array_equal(np.concatenate([same for _, _, same in found]), expected[:, 2])
    assert found[0][0].dtype == np.float32 and found[0][0].shape == (4, 40, 20, 3) and found[0][2].dtype == np.int32


@pytest.fixture
def moving(rng):
    """A pipeline of random pictures, moved: 15 pairs in 4 batches an epoch."""
    return PairPipeline(rng.integers(0, 255, (8, 40, 20, 3), np.uint8), IDENTITIES, batch_size=4)


@pytest.mark.parametrize(("first_epoch", "first_step"), [(0, 0), (0, 3), (1, 0), (1, 2)])
def test_a_resumed_pipeline_gives_the_same_pictures(moving, first_epoch, first_step):
    start = 4 * first_epoch + first_step
    assert_same(batches(moving, 12 - start, first_epoch, first_step), batches(moving, 12)[start:])


def test_one_epoch_is_that_of_the_endless_dataset(moving):
    assert_same(arrays(moving.one_epoch(1)), batches(moving, 4, first_epoch=1))
    rest = moving.one_epoch(1, first_step=3)
    assert rest.cardinality() == 1
    assert_same(arrays(rest), batches(moving, 1, 1, 3))


def test_the_published_pairs_and_pictures_stay_what_they_were():
    """Digests of the first version: a training that began with it goes on with the same pairs and pictures."""
    identities = np.random.default_rng(3).permutation(np.repeat(np.arange(40), [1 + n % 5 for n in range(40)]))
    assert digest(pair_indices(identities, 0, 0).astype("<i4")) == "bac05474bf0aecd6"
    assert digest(pair_indices(identities, 7, 3).astype("<i4")) == "6af4f34835486834"
    images = np.random.default_rng(0).integers(0, 255, (len(identities), 48, 60, 3), np.uint8)
    pairs = PairPipeline(images, identities, 32, seed=5)
    assert digest(*batches(pairs, 1)[0]) == "2b11bad77f4483f5"
    assert digest(*batches(pairs, 1, first_epoch=2)[0]) == "f95b2345603d89ef"


def test_augmentation_translates_with_zeros_and_flips_each_image_by_itself(rng):
    images = rng.integers(1, 255, (64, 40, 60, 3), np.uint8)
    indices = rng.permutation(64).astype(np.int32)
    changed = MovedImages(images).take(tf.constant(indices), tf.constant(rng.random((3, 64)), tf.float32)).numpy()
    kinds = set()
    for index, found in zip(indices, changed, strict=True):
        padded = np.pad(images[index], [(2, 2), (3, 3), (0, 0)])
        candidates = {
            (top, left, flip): padded[top : top + 40, left : left + 60][:, :: -1 if flip else 1]
            for top, left, flip in itertools.product(range(5), range(7), (False, True))
        }
        matching = [kind for kind, candidate in candidates.items() if np.array_equal(candidate, found)]
        assert len(matching) == 1
        kinds.add(matching[0])
    assert {top for top, _, _ in kinds} == set(range(5)) and {left for _, left, _ in kinds} == set(range(7))
    assert {flip for _, _, flip in kinds} == {False, True} and len(kinds) > 30


def test_cross_camera_positives_are_those_by_different_cameras():
    pairs = pipeline(cameras=CAMERAS, positives="cross-camera")
    expected = [pair for pair in positive_pairs(IDENTITIES).tolist() if len(set(CAMERAS[pair])) == 2]
    assert expected == [[1, 4], [3, 4], [0, 2]] and pairs.pairs_per_epoch == 9
    found = pairs.pairs(0)
    assert sorted(found[found[:, 2] == 1, :2].tolist()) == sorted(expected)
    assert sorted(found[found[:, 2] == 0, 0]) == [0, 0, 1, 1, 3, 3]
    assert pipeline(cameras=CAMERAS).pairs(0).tolist() == pair_indices(IDENTITIES, 0, 0).tolist()


def test_hard_negatives_take_the_place_of_random_ones_and_of_nothing_else():
    probes = negative_probes(positive_pairs(IDENTITIES))
    hardest = np.where(np.arange(10) % 2, np.where(IDENTITIES[probes] == 9, 0, 5), -1)
    random, hard = (pair_indices(IDENTITIES, 0, 3, hard_negatives=each) for each in (None, hardest))
    changed = (random != hard).any(axis=1)
    assert 0 < changed.sum() <= 5
    assert (hard[changed, 1] == 5).all() and (hard[changed, 2] == 0).all()
    np.testing.assert_array_equal(random[:, ::2], hard[:, ::2])
    assert (hard[:, 1] == 5).sum() >= 5
    by_batches = np.concatenate(
        [gallery[:, 0, 0, 0] for _, gallery, _ in arrays(pipeline().one_epoch(3, hard_negatives=hardest))]
    )
    np.testing.assert_allclose(255 * by_batches, hard[:, 1], atol=1e-4)
    with pytest.raises(ValueError, match=r"hard_negatives must be 10 images or -1; got shape \(9,\)"):
        pair_indices(IDENTITIES, 0, 3, hard_negatives=hardest[:9])


@pytest.mark.parametrize("workers", [2, 3])
def test_the_shares_of_the_workers_are_the_batch_of_one(moving, workers):
    whole = batches(moving, 8)
    options = {"images": moving.images, "identities": IDENTITIES, "batch_size": 4}
    shares = [batches(PairPipeline(**options, shard=(number, workers)), 8) for number in range(workers)]
    for step, batch in enumerate(whole):
        for part, expected in enumerate(batch):
            found = np.empty_like(expected)
            for number in range(workers):
                found[number::workers] = shares[number][step][part]
            np.testing.assert_array_equal(found, expected)


def test_a_share_is_never_empty():
    with pytest.raises(InputError, match="the smallest batch of an epoch has 3 of 15 pairs, too few for 4 workers"):
        pipeline(shard=(0, 4))


def test_a_distribution_strategy_takes_the_shares_as_they_are(moving):
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")

    def share(context):
        shard = context.input_pipeline_id, context.num_input_pipelines
        return PairPipeline(moving.images, IDENTITIES, batch_size=4, shard=shard).dataset()

    found = itertools.islice(strategy.distribute_datasets_from_function(share), 5)
    assert_same(arrays(found), batches(moving, 5))


def test_options_reach_the_dataset_and_change_no_batch(moving):
    pairs = PairPipeline(
        moving.images, IDENTITIES, batch_size=4, threads=1, prefetch=2, shard_policy="data", deterministic=True
    )
    options = pairs.dataset().options()
    assert options.deterministic and options.threading.private_threadpool_size == 1
    assert options.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.DATA
    assert_same(batches(pairs, 5), batches(moving, 5))
    loose = pipeline(deterministic=False).one_epoch(0)
    assert loose.options().deterministic is False
    assert loose.options().experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF
    labels = np.concatenate([same for _, _, same in arrays(loose)])
    assert sorted(labels) == sorted(pair_indices(IDENTITIES, 0, 0)[:, 2])


def test_static_shapes_reach_the_model():
    images, same = pipeline(augment=True).dataset().element_spec
    assert images["probe"].shape.as_list() == [None, 40, 20, 3] and same.dtype == tf.int32


@pytest.mark.parametrize("identities", [[1, 1, 1], [1, 2, 3]])
def test_sets_without_pairs_are_refused(identities):
    with pytest.raises(InputError, match="at least two identities, one of them with at least two images"):
        PairPipeline(np.zeros((3, 40, 20, 3), np.uint8), np.array(identities))


def test_sets_that_cannot_be_trained_on_are_refused():
    with pytest.raises(InputError, match=r"junk and distractors .*split.training_part\(people\)"):
        PairPipeline(np.zeros((4, 40, 20, 3), np.uint8), [1, 1, 2, -1])
    with pytest.raises(InputError, match="cross-camera positives need cameras"):
        pipeline(positives="cross-camera")
    with pytest.raises(InputError, match="with at least two images by different cameras"):
        pipeline(positives="cross-camera", cameras=np.zeros(8, int))


@pytest.mark.parametrize(("number", "step"), [(-1, 0), (0, -1), (0, 4), (1.5, 0)])
def test_there_is_no_epoch_or_step_outside(moving, number, step):
    for method in (moving.dataset, moving.one_epoch):
        with pytest.raises(ValueError, match=f"the steps 0 to 3; got epoch {number}, step {step}"):
            method(number, step)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((8, 40, 20, 3))}, r"images must be uint8 .*; got float64 of shape \(8, 40, 20, 3\)"),
        ({"images": np.zeros((8, 40, 20), np.uint8)}, "images must be uint8 of shape"),
        ({"images": np.zeros((8, 40, 20, 4), np.uint8)}, r"got uint8 of shape \(8, 40, 20, 4\)\.$"),
        ({"images": np.zeros((8, 40, 20, 1), np.uint8)}, r"\(8, 40, 20, 1\)\. np.repeat\(images, 3, axis=-1\) gives"),
        ({"images": np.zeros((8, 0, 20, 3), np.uint8)}, r"got uint8 of shape \(8, 0, 20, 3\)"),
        ({"identities": [1, 1, 2]}, "8 images need as many identities"),
        ({"identities": list("aabbccdd")}, "identities must be integers, one an image; got <U1. np.unique.* numbers"),
        ({"identities": [1, 1, 2, 2, 3, 3, 4, np.nan]}, "identities must be integers, one an image; got float64"),
        ({"cameras": [0.5] * 8}, "cameras must be integers, one an image; got float64"),
        ({"cameras": [1e300] * 8}, "cameras must be integers, one an image; got float64"),
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or above, received 0"),
        ({"batch_size": 1.5}, "batch_size must be a whole number, 1 or above, received 1.5"),
        ({"batch_size": "64"}, "batch_size must be a whole number, 1 or above, received '64'"),
        ({"seed": -1}, "seed must be a whole number, 0 or above, received -1"),
        ({"seed": 2**63}, r"seed must be less than 2\*\*63, received 9223372036854775808"),
        ({"cameras": [0, 1]}, "8 images need as many cameras"),
        ({"positives": "all"}, "positives must be one of any, cross-camera; got 'all'"),
        ({"shard_policy": "OFF"}, "shard_policy must be one of off, auto, data, file, hint; got 'OFF'"),
        ({"shard": (2, 2)}, r"shard must be \(number, of\) with 0 <= number < of; got \(2, 2\)"),
        ({"shard": (0, 2), "shard_policy": "data"}, "shard goes with shard_policy 'off', .*; got 'data'"),
        ({"shard": 2}, r"shard must be \(number, of\) with 0 <= number < of; got 2"),
        ({"shard": (0.5, 2)}, r"shard must be \(number, of\) with 0 <= number < of; got \(0.5, 2\)"),
        ({"threads": 0}, "threads must be a whole number, 1 or above, received 0"),
        ({"prefetch": 0}, "prefetch must be a whole number, 1 or above, received 0"),
        ({"light": np.nan}, "light must be a finite number, 0 or above, received nan"),
        ({"light": "much"}, "light must be a finite number, 0 or above, received 'much'"),
    ],
)
def test_bad_arguments_say_what_came_and_what_was_expected(arguments, message):
    with pytest.raises(ValueError, match=message):
        PairPipeline(**{"images": np.zeros((8, 40, 20, 3), np.uint8), "identities": IDENTITIES, **arguments})


def test_light_and_erasures_change_pictures_and_nothing_else():
    plain = batches(pipeline(augment=True), 2)
    lit, hidden = (batches(pipeline(augment=True, **changes), 2) for changes in ({"light": 1.0}, {"erase": 1.0}))
    for (probe, _, same), (other, _, as_same) in zip(plain, lit, strict=True):
        assert np.abs(probe - other).max() > 0 and other.min() >= 0 and other.max() <= 1
        np.testing.assert_array_equal(same, as_same)
    for (probe, _, _), (other, _, _) in zip(plain, hidden, strict=True):
        share = (probe != other).any(axis=-1).mean()
        assert 0.01 < share < 0.2
    assert_same(
        batches(pipeline(augment=True, light=1.0, erase=0.5), 1, first_step=1),
        batches(pipeline(augment=True, light=1.0, erase=0.5), 2)[1:],
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"light": -0.1}, "light must be a finite number, 0 or above, received -0.1"),
        ({"light": np.inf}, "light must be a finite number, 0 or above, received inf"),
        ({"erase": 1.1}, "erase must be a finite number, 0 to 1, received 1.1"),
    ],
)
def test_light_and_erasures_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        pipeline(**options)


def test_numbers_of_numpy_and_whole_floats_are_as_good_as_integers():
    given = {
        "batch_size": np.int64(4),
        "seed": np.uint8(3),
        "prefetch": np.int32(2),
        "shard": (np.int64(0), np.int64(2)),
    }
    found = pipeline(**given, light=np.float32(0.5), erase=np.float64(0.5), augment=True)
    expected = pipeline(batch_size=4, seed=3, shard=(0, 2), light=0.5, erase=0.5, augment=True)
    assert_same(batches(found, 2), batches(expected, 2))
    labelled = PairPipeline(found.images, IDENTITIES.astype(float), 4, cameras=CAMERAS.astype(np.float32))
    assert labelled.identities.dtype == labelled.cameras.dtype == np.int64
    assert labelled.identities.tolist() == IDENTITIES.tolist() and labelled.cameras.tolist() == CAMERAS.tolist()
