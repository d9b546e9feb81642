"""The protocols and what they draw."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tfnxc.identities import DISTRACTOR, JUNK
from tfnxc.metrics.protocols import PROTOCOLS, Protocol, Trial, draw_trials, get_protocol, needed_pairs

SEEDS = range(8)


def image_set(seed: int, people: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Shuffled identities and cameras: each person has 1 to 3 images from each of 2 or 3 of the cameras 0, 1, 2."""
    rng = np.random.default_rng(seed)
    images = [
        (100 + person, camera)
        for person in range(people)
        for camera in rng.choice(3, size=rng.integers(2, 4), replace=False)
        for _ in range(rng.integers(1, 4))
    ]
    ids, cameras = np.array(images)[rng.permutation(len(images))].T
    return ids, cameras


def drawn(trials) -> list:
    """Trials as nested lists, which compare."""
    return [[(trial.probes.tolist(), trial.gallery.tolist()) for trial in repeat] for repeat in trials]


class TestProtocol:
    def test_registry_names_its_protocols(self):
        assert set(PROTOCOLS) == {"cross-camera", "paper", "market", "cuhk03-classic", "cuhk03-torchreid", "open-set"}
        for name, protocol in PROTOCOLS.items():
            assert protocol.name == name
            assert get_protocol(name) is protocol
            assert protocol.description
            assert protocol.repeats == (1 if name == "market" else 10)

    def test_flags(self):
        assert get_protocol("cross-camera").gallery_from == "other"
        assert not get_protocol("cross-camera").same_images
        assert get_protocol("paper").gallery_from == "any"
        assert get_protocol("paper").same_images

    def test_a_protocol_is_taken_as_it_is(self):
        own = dataclasses.replace(get_protocol("paper"), name="own", repeats=3)
        assert get_protocol(own) is own
        assert len(draw_trials([1, 1], [1, 1], protocol=own)) == 3

    @pytest.mark.parametrize("name", ["papers", "", None, 3, ["paper"]])
    def test_unknown_name(self, name):
        with pytest.raises(ValueError, match=r"Unknown protocol .*; known are 'cross-camera', 'paper'"):
            get_protocol(name)

    def test_wrong_flags(self):
        with pytest.raises(
            ValueError, match="gallery_from must be one of 'other', 'any', 'other-views', received 'same'"
        ):
            Protocol("own", "", gallery_from="same")
        for flag in ("shots", "drawn_for", "probe_cameras", "precision_over"):
            with pytest.raises(ValueError, match=f"{flag} must be one of .*, received 'two'"):
                Protocol("own", "", gallery_from="any", **{flag: "two"})
        with pytest.raises(ValueError, match="'other-views' goes with shots='all' or drawn_for='probe'"):
            Protocol("own", "", gallery_from="other-views")
        with pytest.raises(ValueError, match="precision_over='all' goes with one shot an identity, drawn for each"):
            Protocol("own", "", gallery_from="other", precision_over="all")
        with pytest.raises(ValueError, match="same_images goes with one shot an identity from any camera"):
            Protocol("own", "", gallery_from="other", same_images=True)
        with pytest.raises(ValueError, match="repeats must be a whole number, 1 or above, received 0"):
            Protocol("own", "", gallery_from="any", same_images=False, repeats=0)


class TestCrossCamera:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_one_image_an_identity_and_never_from_the_probes_camera(self, seed):
        ids, cameras = image_set(seed)
        for repeat in draw_trials(ids, ids, cameras, cameras, "cross-camera", repeats=3, seed=seed):
            assert len(repeat) == 3
            for camera, trial in enumerate(repeat):
                assert set(cameras[trial.probes]) == {camera}
                assert camera not in cameras[trial.gallery]
                assert ids[trial.gallery].tolist() == sorted(set(ids[cameras != camera]))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_every_row_is_a_probe_once(self, seed):
        ids, cameras = image_set(seed)
        for repeat in draw_trials(ids, ids, cameras, cameras, repeats=2, seed=seed):
            assert sorted(np.concatenate([trial.probes for trial in repeat])) == list(range(len(ids)))

    def test_the_draw_does_not_depend_on_the_probes(self):
        gallery_ids, gallery_cameras = np.repeat([1, 2, 3], 5), np.ones(15, dtype=int)
        few = draw_trials([1], gallery_ids, [0], gallery_cameras)
        many = draw_trials([3, 2, 1, 1], gallery_ids, [0, 0, 0, 0], gallery_cameras)
        for (a,), (b,) in zip(few, many, strict=True):
            assert a.gallery.tolist() == b.gallery.tolist()

    def test_distractors_are_in_the_gallery(self):
        ((trial,),) = draw_trials([1, 2], [1, 2, 7, 8, 9], [0, 0], [1, 1, 1, 1, 1], repeats=1)
        assert trial.probes.tolist() == [0, 1]
        assert trial.gallery.tolist() == [0, 1, 2, 3, 4]

    def test_every_image_is_drawn_some_time(self):
        gallery_ids = np.repeat([1, 2], 3)
        trials = draw_trials([1, 2], gallery_ids, [0, 0], [1] * 6, repeats=60)
        counts = np.bincount(np.concatenate([trial.gallery for (trial,) in trials]), minlength=6)
        # 60 draws of one in three: 20 expected, standard deviation 3.7.
        assert counts.min() >= 6

    def test_identities_and_cameras_may_be_names(self):
        ((a, b),) = draw_trials(["ann", "bob"] * 2, ["ann", "bob"] * 2, list("xxyy"), list("xxyy"), repeats=1)
        assert (a.probes.tolist(), a.gallery.tolist()) == ([0, 1], [2, 3])
        assert (b.probes.tolist(), b.gallery.tolist()) == ([2, 3], [0, 1])

    def test_a_probe_without_a_match_is_left_out_and_counted(self):
        # 1 is in camera 1, 2 is only in the probe's own camera, 3 is nowhere.
        for (trial,) in draw_trials([1, 2, 3, 3], [1, 2], [0, 0, 0, 0], [1, 0]):
            assert (trial.probes.tolist(), trial.gallery.tolist(), trial.unmatched) == ([0], [0], 3)

    def test_no_match_at_all_is_an_error(self):
        with pytest.raises(ValueError, match=r"there is no match for any of the 10 probes\. Check identities"):
            draw_trials(range(1, 11), [0], [0] * 10, [1])

    @pytest.mark.parametrize("cameras", [(None, [1, 1]), ([0, 0], None)])
    def test_cameras_of_one_side_are_an_error(self, cameras):
        with pytest.raises(ValueError, match="both probe_cameras and gallery_cameras or neither; received none for"):
            draw_trials([1, 2], [1, 2], *cameras)

    def test_every_distractor_is_in_every_gallery_and_junk_in_none(self):
        ids, cameras = image_set(0)
        ids, cameras = np.append(ids, [DISTRACTOR] * 3 + [JUNK] * 2), np.append(cameras, [0, 1, 2, 0, 1])
        for repeat in draw_trials(ids, ids, cameras, cameras, repeats=3):
            for camera, trial in enumerate(repeat):
                of_others = [at for at in range(len(ids) - 5, len(ids) - 2) if cameras[at] != camera]
                assert trial.gallery[-2:].tolist() == of_others
                assert (ids[trial.gallery[:-2]] >= 0).all() and (ids[trial.probes] >= 0).all()


class TestMarket:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_everything_but_the_own_view(self, seed):
        ids, cameras = image_set(seed)
        ((trial,),) = draw_trials(ids, ids, cameras, cameras, "market", seed=seed)
        assert trial.probes.tolist() == trial.gallery.tolist() == list(range(len(ids)))
        own = (ids[:, None] == ids) & (cameras[:, None] == cameras)
        assert np.array_equal(trial.left_out(), own)
        assert np.array_equal(needed_pairs([(trial,)], own.shape), ~own)

    def test_a_person_seen_by_one_camera_only_has_no_match(self):
        ((trial,),) = draw_trials([1, 2, 2], [1, 1, 2, 2], [0, 0, 1], [0, 0, 0, 1], "market")
        assert (trial.probes.tolist(), trial.unmatched) == ([1, 2], 1)


class TestCuhk03Classic:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_probe_has_one_image_an_identity_from_the_other_cameras(self, seed):
        ids, cameras = image_set(seed)
        for repeat in draw_trials(ids, ids, cameras, cameras, "cuhk03-classic", repeats=2, seed=seed):
            assert sorted(np.concatenate([trial.probes for trial in repeat])) == list(range(len(ids)))
            for camera, trial in enumerate(repeat):
                everyone = sorted(set(ids[cameras != camera]))
                for probe, gallery in zip(trial.probes, trial.gallery, strict=True):
                    assert cameras[probe] == camera and camera not in cameras[gallery]
                    assert ids[gallery].tolist() == everyone

    def test_probes_of_one_camera_draw_apart_and_every_image_is_drawn(self):
        ids, cameras = np.repeat(np.arange(30), 4), np.tile([0, 0, 1, 1], 30)
        ((trial, _),) = draw_trials(ids, ids, cameras, cameras, "cuhk03-classic", repeats=1)
        assert len({gallery.tobytes() for gallery in trial.gallery}) == 60
        # 60 draws of one in two: 30 expected, standard deviation 3.9.
        counts = np.bincount(trial.gallery.ravel(), minlength=120)[cameras == 1]
        assert counts.min() >= 12 and counts.max() <= 48

    def test_fewer_probes_keep_their_own_galleries(self):
        ids, cameras = image_set(1)
        (everyone,) = draw_trials(ids, ids, cameras, cameras, "cuhk03-classic", repeats=1)
        (some,) = draw_trials(ids, ids, cameras, cameras, "cuhk03-classic", repeats=1, probes=7)
        own = {i: row.tolist() for trial in everyone for i, row in zip(trial.probes, trial.gallery, strict=True)}
        kept = {i: row.tolist() for trial in some for i, row in zip(trial.probes, trial.gallery, strict=True)}
        assert len(kept) == 7 and kept.items() <= own.items()


class TestPaper:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_one_image_an_identity_and_all_others_are_probes(self, seed):
        ids, cameras = image_set(seed)
        for repeat in draw_trials(ids, ids, cameras, cameras, "paper", seed=seed):
            (trial,) = repeat
            assert ids[trial.gallery].tolist() == sorted(set(ids))
            assert sorted([*trial.probes, *trial.gallery]) == list(range(len(ids)))

    def test_the_gallery_comes_from_any_camera(self):
        ids, cameras = image_set(0)
        trials = draw_trials(ids, ids, cameras, cameras, "paper")
        assert all(set(cameras[trial.gallery]) == {0, 1, 2} for (trial,) in trials)

    def test_cameras_are_not_needed_and_change_nothing(self):
        ids, cameras = image_set(0)
        without = draw_trials(ids, ids, protocol="paper")
        assert drawn(without) == drawn(draw_trials(ids, ids, cameras, cameras, "paper"))

    def test_someone_with_a_single_image_is_only_in_the_gallery(self):
        for (trial,) in draw_trials([1, 1, 2], [1, 1, 2], protocol="paper"):
            assert 2 in trial.gallery
            assert 2 not in trial.probes

    def test_rows_and_columns_must_be_the_same_images(self):
        with pytest.raises(ValueError, match=r"same images.*received 3 probe_ids and 2 gallery_ids"):
            draw_trials([1, 1, 2], [1, 2], protocol="paper")
        with pytest.raises(ValueError, match="probe_ids and gallery_ids differ in 2 places, first at row 1"):
            draw_trials([1, 1, 2], [1, 2, 1], protocol="paper")
        with pytest.raises(ValueError, match="probe_cameras and gallery_cameras differ in 1 places, first at row 0"):
            draw_trials([1, 1], [1, 1], [5, 0], [0, 0], protocol="paper")

    def test_no_probe_left_is_an_error(self):
        with pytest.raises(ValueError, match="leaves no probes: each of the 3 identities has one image only"):
            draw_trials([1, 2, 3], [1, 2, 3], protocol="paper")


class TestSeeds:
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_repeatable_and_independent_of_the_number_of_repeats(self, protocol):
        ids, cameras = image_set(1)
        few = draw_trials(ids, ids, cameras, cameras, protocol, repeats=2, seed=5)
        many = draw_trials(ids, ids, cameras, cameras, protocol, repeats=7, seed=5)
        assert drawn(few) == drawn(many)[:2]
        assert drawn(many) == drawn(draw_trials(ids, ids, cameras, cameras, protocol, repeats=7, seed=5))

    @pytest.mark.parametrize("protocol", ["cross-camera", "paper", "cuhk03-classic"])
    def test_repeats_and_seeds_differ(self, protocol):
        ids, cameras = image_set(1)
        trials = [draw_trials(ids, ids, cameras, cameras, protocol, repeats=3, seed=seed) for seed in (0, 1)]
        galleries = {str(gallery) for repeats in trials for gallery in drawn(repeats)}
        assert len(galleries) == 6

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_default_repeats_are_the_protocols(self, protocol):
        ids, cameras = image_set(1)
        assert len(draw_trials(ids, ids, cameras, cameras, protocol)) == get_protocol(protocol).repeats

    @pytest.mark.parametrize("repeats", [0, -1, 1.5, "3"])
    def test_wrong_repeats(self, repeats):
        with pytest.raises(ValueError, match="repeats must be a whole number, 1 or above, received"):
            draw_trials([1], [1], [0], [1], repeats=repeats)

    @pytest.mark.parametrize("seed", [-1, 0.5, None])
    def test_wrong_seed(self, seed):
        with pytest.raises(ValueError, match="seed must be a whole number, 0 or above, received"):
            draw_trials([1], [1], [0], [1], seed=seed)


class TestLabels:
    def test_identities_must_be_a_sequence(self):
        with pytest.raises(ValueError, match=r"probe_ids must be a sequence.*received shape \(0,\)"):
            draw_trials([], [1], [], [1])
        with pytest.raises(ValueError, match=r"gallery_ids must be a sequence.*received shape \(1, 2\)"):
            draw_trials([1], [[1, 2]], [0], [1])

    def test_one_camera_an_identity(self):
        with pytest.raises(ValueError, match=r"gallery_cameras must hold one camera for each of the 2.*shape \(3,\)"):
            draw_trials([1], [1, 2], [0], [1, 1, 1])


class TestNeededPairs:
    def test_by_hand(self):
        # Two repeats. The first reads rows 0 and 2 of columns 1 and 3, and row 1 of column 0; the second row 0 of
        # column 0 and, once more, row 0 of column 1.
        trials = [
            (Trial(np.array([0, 2]), np.array([1, 3])), Trial(np.array([1]), np.array([0]))),
            (Trial(np.array([0]), np.array([0, 1])),),
        ]
        expected = [
            [True, True, False, True],
            [True, False, False, False],
            [False, True, False, True],
        ]
        needed = needed_pairs(trials, (3, 4))
        assert needed.dtype == bool
        assert needed.tolist() == expected

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_an_image_is_never_scored_against_itself(self, protocol):
        ids, cameras = image_set(2)
        trials = draw_trials(ids, ids, cameras, cameras, protocol)
        assert not needed_pairs(trials, (len(ids), len(ids))).diagonal().any()

    def test_cross_camera_never_reads_within_a_camera(self):
        ids, cameras = image_set(2)
        needed = needed_pairs(draw_trials(ids, ids, cameras, cameras), (len(ids), len(ids)))
        assert not needed[cameras[:, None] == cameras[None]].any()

    def test_shape_too_small(self):
        with pytest.raises(ValueError, match=r"outside a score matrix of shape \(1, 1\)"):
            needed_pairs(draw_trials([1, 2], [1, 2], [0, 0], [1, 1]), (1, 1))


@pytest.mark.parametrize("protocol", ["cross-camera", "paper"])
def test_fewer_probes_keep_the_galleries(protocol):
    identities, cameras = np.repeat(np.arange(6), 4), np.tile([0, 0, 1, 1], 6)
    labels = (identities, identities, cameras, cameras, protocol)
    everyone = draw_trials(*labels, repeats=3)
    some = draw_trials(*labels, repeats=3, probes=5)
    for all_trials, few_trials in zip(everyone, some, strict=True):
        assert sum(len(trial.probes) for trial in few_trials) == 5
        for few in few_trials:
            whole = next(trial for trial in all_trials if np.array_equal(trial.gallery, few.gallery))
            assert set(few.probes) <= set(whole.probes)
    assert some[0][0].probes.tolist() == draw_trials(*labels, repeats=1, probes=5)[0][0].probes.tolist()
    enough = needed_pairs(draw_trials(*labels, repeats=1, probes=1000), (24, 24))
    assert np.array_equal(enough, needed_pairs(everyone[:1], (24, 24)))
