"""Groups of people: who is drawn, which images, and the batches of pairs that they make."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfnxc.datasets import GroupPipeline
from tfnxc.datasets.pipelines.groups import Groups
from tfnxc.errors import InputError

# Person 5 has one image, person 8 images by one camera only, person 3 by three cameras, two of one of them.
IDENTITIES = np.array([3, 1, 5, 8, 3, 2, 1, 8, 3, 2, 1, 2, 3, 6, 6, 9, 9])
CAMERAS = np.array([0, 0, 1, 1, 1, 0, 1, 1, 2, 1, 1, 0, 2, 0, 1, 1, 0])
DOMAINS = (IDENTITIES >= 6).astype(int)


def draw(count=12, size=3, seed=0, hard_identities=None, hard_share=0.5, **options):
    groups = Groups(IDENTITIES, **options)
    images, swapped = groups.draw(np.random.default_rng(seed), count, size, hard_identities, hard_share)
    assert images.shape == (count, size, 2) and images.dtype == np.int32
    assert swapped.shape == (count,) and swapped.dtype == bool
    return groups, images, swapped


def people_of(images):
    """The person of each place of the groups, both images of which have to show them."""
    people = IDENTITIES[images]
    np.testing.assert_array_equal(people[..., 0], people[..., 1])
    return people[..., 0]


def test_people_are_those_with_two_images_to_be_paired():
    assert Groups(IDENTITIES).paired.tolist() == Groups(IDENTITIES, CAMERAS).paired.tolist() == [1, 2, 3, 6, 8, 9]
    assert Groups(IDENTITIES, CAMERAS, across=True).paired.tolist() == [1, 2, 3, 6, 9]
    apart = Groups(IDENTITIES, CAMERAS, DOMAINS, across=True)
    assert apart.domains.tolist() == [0, 0, 0, 1, 1] and apart.smallest_domain == 2
    assert Groups(IDENTITIES).smallest_domain == 6
    assert Groups([1, 2, 3]).paired.tolist() == [] and Groups([1, 2, 3]).smallest_domain == 0


def test_every_person_begins_a_group_before_any_begins_a_second():
    groups, images, _ = draw(count=16)
    first = people_of(images)[:, 0]
    for start in (0, 6):
        assert sorted(first[start : start + 6]) == groups.paired.tolist()
    assert len(set(first[12:])) == 4  # a round that is not full
    assert first[:6].tolist() != first[6:12].tolist()


ACROSS = {"cameras": CAMERAS, "across": True}


@pytest.mark.parametrize("options", [{}, ACROSS, {"domains": DOMAINS}], ids=["any", "cameras", "domains"])
def test_people_of_a_group_differ_and_so_do_their_two_images(options):
    _, images, _ = draw(count=60, size=2 if "domains" in options else 3, **options)
    for group in people_of(images):
        assert len(set(group)) == len(group)
    assert (images[..., 0] != images[..., 1]).all()
    if "cameras" in options:
        assert (CAMERAS[images[..., 0]] != CAMERAS[images[..., 1]]).all()


def test_people_of_a_group_are_of_one_domain_even_if_others_are_harder():
    hard_identities = np.tile(np.arange(5), (5, 1))  # everybody looks like everybody, of the other domain too
    for options in ({}, {"hard_identities": hard_identities, "hard_share": 1.0}):
        _, images, _ = draw(count=50, size=2, domains=DOMAINS, **ACROSS, **options)
        domains = DOMAINS[images[..., 0]]
        assert (domains == domains[:, :1]).all() and set(domains[:, 0]) == {0, 1}


def test_a_group_may_be_as_large_as_its_domain():
    for hard_identities, hard_share in ((None, 0.5), (np.full((6, 2), -1), 1.0), (np.zeros((6, 1), int), 1.0)):
        _, images, _ = draw(count=20, size=6, hard_identities=hard_identities, hard_share=hard_share)
        assert (np.sort(people_of(images)) == [1, 2, 3, 6, 8, 9]).all()


def test_a_group_larger_than_its_domain_is_refused_in_place_of_a_search_without_end():
    for options, size in (({}, 7), ({**ACROSS, "domains": DOMAINS}, 3)):
        with pytest.raises(
            ValueError, match=f"groups of {size} identities need as many in each domain; the smallest has"
        ):
            Groups(IDENTITIES, **options).draw(np.random.default_rng(0), 1, size)


def test_hard_identities_are_for_each_person():
    with pytest.raises(
        ValueError, match=r"hard_identities must have a row for each of the 6 paired identities; got shape \(5, 2\)"
    ):
        draw(hard_identities=np.zeros((5, 2), int))
    with pytest.raises(ValueError, match=r"a row for each of the 6 paired identities; got shape \(6,\)"):
        draw(hard_identities=np.zeros(6, int))


def test_images_of_many_cameras_are_all_used_on_both_sides():
    _, images, _ = draw(count=300, **ACROSS)
    three = images[people_of(images) == 3]
    assert {tuple(pair) for pair in np.sort(CAMERAS[three]).tolist()} == {(0, 1), (0, 2), (1, 2)}
    for side in range(2):
        assert set(three[:, side]) == {0, 4, 8, 12}


@pytest.mark.parametrize("across", [False, True])
def test_the_cameras_of_a_pair_do_not_tell_whether_it_shows_one_person(across):
    """Pairs of one person and of two have the same cameras, where all people were seen by the same."""
    identities, cameras = np.repeat(np.arange(10), 6), np.tile([0, 0, 1, 1, 1, 2], 10)
    images, _ = Groups(identities, cameras, across=across).draw(np.random.default_rng(0), 400, 3)
    seen = cameras[images]
    patterns = {tuple(pattern) for pattern in seen[:, 0].tolist()}
    assert patterns == {pair for pair in itertools.product(range(3), repeat=2) if pair not in {(2, 2)} and (
        not across or pair[0] != pair[1])}  # fmt: skip
    assert (seen == seen[:, :1]).all()
    assert (images[..., 0] != images[..., 1]).all()


@pytest.mark.parametrize("across", [False, True])
def test_the_people_of_a_group_were_seen_by_its_cameras(across):
    """Seven cameras, each person seen by two or three of them; hard to tell apart or not."""
    rng = np.random.default_rng(1)
    identities = np.repeat(np.arange(60), 4)
    cameras = np.concatenate([rng.choice(rng.choice(7, 3, replace=False), 4) for _ in range(60)])
    groups = Groups(identities, cameras, across=across)
    hard_identities = rng.integers(-1, len(groups.paired), (len(groups.paired), 10))
    for options in ({}, {"hard_identities": hard_identities, "hard_share": 1.0}):
        images, _ = groups.draw(np.random.default_rng(0), 300, 3, **options)
        seen = cameras[images]
        assert (seen == seen[:, :1]).all(axis=(1, 2)).mean() > 0.95  # but for cameras that two people or one shared


def test_where_too_few_share_its_cameras_a_group_is_of_anybody():
    """People 0 to 3 by cameras 0 and 1, person 4 by 1 and 2, person 5 by one that no one else was seen by."""
    identities = np.repeat(np.arange(6), 2)
    cameras = np.array([0, 1] * 4 + [1, 2] + [3, 3])
    for across in (False, True):
        images, _ = Groups(identities, cameras, across=across).draw(np.random.default_rng(0), 200, 3)
        people = identities[images[..., 0]]
        assert set(people[:, 0]) == set(range(5 if across else 6))
        for group, seen in zip(people.tolist(), cameras[images].tolist(), strict=True):
            if group[0] < 4:
                assert max(group) < 4 and seen[1:] == [seen[0]] * 2
            elif group[0] == 4 and min(group[1:]) < 4:
                each = next(place for place in (1, 2) if group[place] < 4)
                assert seen[each][seen[0].index(1)] == 1  # the camera that saw both keeps its side


@pytest.mark.parametrize("positives", ["any", "cross-camera"])
def test_the_pipeline_draws_by_cameras_where_they_are_known(positives):
    identities, cameras = np.repeat(np.arange(6), 4), np.tile([0, 0, 1, 1], 6)
    pictures = np.zeros((24, 8, 8, 3), np.uint8)
    groups = GroupPipeline(pictures, identities, 18, cameras=cameras, positives=positives)
    assert groups.uses_cameras
    seen = cameras[groups.groups(0)[0]]
    assert (seen == seen[:, :1]).all()
    if positives == "any":
        unknown = GroupPipeline(pictures, identities, 18)
        mixed = cameras[np.concatenate([unknown.groups(number)[0] for number in range(5)])]
        assert not unknown.uses_cameras and not (mixed == mixed[:, :1]).all()


def test_images_are_drawn_uniformly():
    """Where all have as many: each person, each image, each side and either order."""
    identities = np.repeat(np.arange(10), 4)
    for cameras in (None, np.tile([0, 0, 1, 1], 10)):
        images, swapped = Groups(identities, cameras, across=cameras is not None).draw(
            np.random.default_rng(0), 2000, 3
        )
        for side in range(2):
            expected = images[..., side].size / 40
            assert (np.abs(np.bincount(images[..., side].ravel()) - expected) < 5 * np.sqrt(expected)).all()
        fellows = np.bincount(identities[images[:, 1:, 0]].ravel())
        assert (np.abs(fellows - 400) < 5 * 20).all()
        assert abs(swapped.mean() - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_some_of_a_group_are_hard_to_tell_from_its_first():
    hard_identities = np.roll(np.arange(6), -1)[:, None]  # each is like the next
    shares = {}
    for hard_share in (0.0, 0.5, 1.0):
        groups, images, _ = draw(count=600, size=2, hard_identities=hard_identities, hard_share=hard_share)
        first, second = np.searchsorted(groups.paired, people_of(images)).T
        shares[hard_share] = np.mean(second == (first + 1) % 6)
    # The other draws find the next person once in five.
    assert abs(shares[0.0] - 0.2) < 0.06 and abs(shares[0.5] - 0.6) < 0.08 and shares[1.0] == 1


def test_with_every_draw_hard_the_rest_comes_from_all_where_the_hard_run_out():
    hard_identities = np.array([[1, 2, -1], [-1, -1, -1], [0, 1, 3], [-1, 4, -1], [3, 4, 5], [0, -1, 0]])
    groups, images, _ = draw(count=120, size=4, hard_identities=hard_identities, hard_share=1.0)
    fillers = set()
    for first, *others in np.searchsorted(groups.paired, people_of(images)):
        near = {each for each in hard_identities[first] if each not in (-1, first)}
        assert near <= set(others)
        fillers |= {first} if set(others) - near else set()
    assert fillers == {0, 1, 3, 4, 5}  # only the third has three others


def test_the_same_seed_draws_the_same_groups_and_another_others():
    for options in ({}, {"hard_identities": np.zeros((6, 1), int)}):
        (_, one, swapped), (_, again, also), (_, other, _) = (draw(seed=seed, **options) for seed in (4, 4, 5))
        np.testing.assert_array_equal(one, again)
        np.testing.assert_array_equal(swapped, also)
        assert (one != other).any()


# The pipeline.


def pipeline(images=None, **options):
    """Pictures of which each says by its first pixel which it is."""
    if images is None:
        images = np.arange(len(IDENTITIES), dtype=np.uint8)[:, None, None, None] * np.ones((1, 40, 20, 3), np.uint8)
    return GroupPipeline(images, IDENTITIES, **{"batch_size": 18, "augment": False, **options})


def moving(rng, **options):
    return pipeline(rng.integers(1, 255, (len(IDENTITIES), 40, 20, 3), np.uint8), augment=True, **options)


def batches(dataset):
    return [{"same": same.numpy(), **{k: v.numpy() for k, v in inputs.items()}} for inputs, same in dataset]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_an_epoch_is_one_of_as_many_images_as_there_are():
    pairs = pipeline()
    assert (pairs.groups_per_batch, pairs.images_per_batch) == (2, 12)
    assert (pairs.steps_per_epoch, pairs.pairs_per_epoch) == (2, 36)  # 17 images in batches of 12
    four = pipeline(identities_per_group=4, batch_size=48)
    assert (four.groups_per_batch, four.images_per_batch, four.steps_per_epoch, four.pairs_per_epoch) == (3, 24, 1, 48)
    assert pipeline(identities_per_group=2, batch_size=4).pairs_per_epoch == 5 * 4  # 4 images a batch
    assert len(batches(pairs.one_epoch(0))) == pairs.one_epoch(0).cardinality() == 2
    assert GroupPipeline(pairs.images, IDENTITIES).batch_size == 144


def test_labels_and_indices_are_those_of_all_pairs_of_a_group():
    pairs = pipeline(cameras=CAMERAS, positives="cross-camera", seed=3)
    images, swapped = pairs.groups(5)
    assert set(swapped) == {False, True}
    found = batches(pairs.one_epoch(5))
    for batch, groups, turned in zip(found, images.reshape(2, 2, 3, 2), swapped.reshape(2, 2), strict=True):
        shown = np.rint(batch["images"][:, 0, 0, 0] * 255).astype(int)
        np.testing.assert_array_equal(shown, groups.ravel())
        probe, gallery = shown[batch["probe"]], shown[batch["gallery"]]
        np.testing.assert_array_equal(batch["same"], IDENTITIES[probe] == IDENTITIES[gallery])
        np.testing.assert_array_equal(batch["same"].reshape(2, 3, 3), [np.eye(3)] * 2)  # matches on the diagonal
        expected = [
            (second, first) if turn else (first, second)
            for group, turn in zip(groups, turned, strict=True)
            for first, second in itertools.product(group[:, 0], group[:, 1])
        ]
        assert list(zip(probe, gallery, strict=True)) == expected
        assert (CAMERAS[probe] != CAMERAS[gallery])[batch["same"] == 1].all()


def test_types_and_shapes_reach_the_model():
    inputs, same = pipeline().one_epoch(0).element_spec
    assert {name: (spec.shape.as_list(), spec.dtype) for name, spec in inputs.items()} == {
        "images": ([12, 40, 20, 3], tf.float32),
        "probe": ([18], tf.int32),
        "gallery": ([18], tf.int32),
    }
    assert (same.shape.as_list(), same.dtype) == ([18], tf.int32)
    (batch, *_) = batches(pipeline(np.full((17, 40, 20, 3), 255, np.uint8)).one_epoch(0))
    assert batch["images"].min() == batch["images"].max() == 1


@pytest.mark.parametrize(("number", "first_step"), [(0, 0), (0, 1), (3, 0), (3, 1)])
def test_from_any_start_the_batches_are_the_same(number, first_step, rng):
    pairs = moving(rng)
    whole = batches(pairs.one_epoch(number))
    assert_same(batches(pairs.one_epoch(number, first_step)), whole[first_step:])
    assert_same(batches(moving(np.random.default_rng(0)).one_epoch(number, first_step)), whole[first_step:])


@pytest.mark.parametrize(("first_epoch", "first_step"), [(0, 0), (1, 1)])
def test_the_endless_dataset_is_one_epoch_after_the_other(first_epoch, first_step, rng):
    pairs = moving(rng)
    assert pairs.dataset().element_spec == pairs.one_epoch(0).element_spec
    expected = [batch for number in range(first_epoch, 3) for batch in batches(pairs.one_epoch(number))][first_step:]
    assert any((batch["images"] != expected[0]["images"]).any() for batch in expected[1:])
    assert_same(batches(pairs.dataset(first_epoch, first_step).take(len(expected))), expected)


def test_epochs_steps_and_seeds_give_other_groups_and_other_pictures(rng):
    images = rng.integers(1, 255, (1, 40, 20, 3), np.uint8).repeat(len(IDENTITIES), axis=0)  # augmentation alone
    epochs = [
        np.concatenate(
            [batch["images"] for batch in batches(pipeline(images, augment=True, seed=seed).one_epoch(number))]
        )
        for seed, number in ((0, 0), (0, 1), (1, 0))
    ]
    for one, other in itertools.combinations(epochs, 2):
        assert (one != other).any()
    first, second = np.split(epochs[0], 2)
    assert (first != second).any()
    assert len(np.unique(epochs[0].reshape(24, -1), axis=0)) > 12  # each image moves by itself
    drawn = [pipeline(seed=seed).groups(number)[0].tolist() for seed, number in ((0, 0), (0, 1), (1, 0))]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]
    assert drawn[0] == pipeline(seed=0).groups(0)[0].tolist()


def test_who_is_hard_is_told_by_epoch(rng):
    hard_identities = np.roll(np.arange(6), -1)[:, None]
    pairs = pipeline(identities_per_group=2, batch_size=8, hard_share=1.0)
    for hard in (hard_identities, None):
        shown = np.concatenate(
            [batch["images"][:, 0, 0, 0] for batch in batches(pairs.one_epoch(2, hard_identities=hard))]
        )
        first, second = np.searchsorted(pairs.grouped, people_of(np.rint(shown * 255).astype(int).reshape(-1, 2, 2))).T
        assert (second == (first + 1) % 6).all() == (hard is not None)
    with pytest.raises(
        ValueError, match=r"hard_identities must have a row for each of the 6 paired identities; got shape \(2, 1\)"
    ):
        pairs.one_epoch(0, hard_identities=hard_identities[:2])


def test_domains_are_kept_apart():
    pairs = pipeline(identities_per_group=2, batch_size=8, domains=DOMAINS.tolist())
    images, _ = pairs.groups(0)
    domains = DOMAINS[images].reshape(len(images), -1)
    assert (domains == domains[:, :1]).all() and set(domains[:, 0]) == {0, 1}


def test_options_reach_the_dataset():
    pairs = pipeline(threads=1, prefetch=2, deterministic=False)
    options = pairs.one_epoch(0).options()
    assert options.deterministic is False and options.threading.private_threadpool_size == 1
    assert options.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF
    assert pipeline().one_epoch(0).options().deterministic is True


@pytest.mark.parametrize(("number", "step"), [(-1, 0), (0, -1), (0, 2), (1.5, 0)])
def test_there_is_no_epoch_or_step_outside(number, step):
    for batches_from in (pipeline().one_epoch, pipeline().dataset):
        with pytest.raises(ValueError, match=f"the steps 0 to 1; got epoch {number}, step {step}"):
            batches_from(number, step)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"identities_per_group": 1, "batch_size": 1},
            "identities_per_group must be a whole number, 2 or above, received 1",
        ),
        ({"identities_per_group": 2.5}, "identities_per_group must be a whole number, 2 or above, received 2.5"),
        ({"hard_share": 1.5}, "hard_share must be a finite number, 0 to 1, received 1.5"),
        ({"domains": ["a"] * 17}, "domains must be integers, one an image; got <U1"),
        ({"batch_size": 20}, "3 identities makes 9 pairs: batch_size must be a multiple of that; got 20"),
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or above"),
        (
            {"identities_per_group": 7, "batch_size": 49},
            "groups of 7 identities need as many in each domain; the smallest has 6 with",
        ),
        (
            {"domains": DOMAINS, "identities_per_group": 4, "batch_size": 16},
            "need as many in each domain; the smallest has 3 with",
        ),
        ({"domains": DOMAINS[:4]}, r"17 images need as many domains; got \(4,\)"),
        ({"cameras": CAMERAS[:4]}, r"17 images need as many cameras; got \(4,\)"),
        ({"positives": "all"}, "positives must be one of any, cross-camera; got 'all'"),
        ({"positives": "cross-camera"}, "cross-camera positives need cameras"),
        ({"positives": "cross-camera", "cameras": np.zeros(17, int)}, "at least two images by different cameras"),
        ({"seed": -1}, "seed must be a whole number, 0 or above"),
        ({"images": np.zeros((17, 40, 20, 3))}, "images must be uint8"),
    ],
)
def test_bad_arguments_say_what_came_and_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        pipeline(**options)


def test_identities_may_have_64_bits_without_a_sign():
    large = IDENTITIES.astype(np.uint64) + np.uint64(2**63)
    images = np.zeros((17, 40, 20, 3), np.uint8)
    groups, own = (GroupPipeline(images, each, 9) for each in (large, IDENTITIES))
    assert groups.grouped.tolist() == [2**63 + each for each in own.grouped.tolist()]
    for drawn, expected in zip(groups.groups(0), own.groups(0), strict=True):
        np.testing.assert_array_equal(drawn, expected)


def test_floats_that_stand_for_several_people_are_refused():
    with pytest.raises(InputError, match="identities must be integers, one an image; got float32"):
        GroupPipeline(np.zeros((17, 40, 20, 3), np.uint8), IDENTITIES.astype(np.float32) + 2.0**24, 9)


def test_what_a_user_gives_is_an_input_error():
    for options in ({"batch_size": 20}, {"identities_per_group": 7, "batch_size": 49}):
        with pytest.raises(InputError):
            pipeline(**options)
    with pytest.raises(InputError, match="junk and distractors are nobody's pictures"):
        GroupPipeline(np.zeros((4, 40, 20, 3), np.uint8), [1, 1, 2, -1], 4, identities_per_group=2)
