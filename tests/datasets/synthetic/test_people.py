"""The synthetic set: the same pixels every time, and a difficulty for each challenge."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tfnxc.datasets.synthetic.people import conditions, draw_person, synthetic

DIALS = ("viewpoint", "light", "background", "occlusion", "pose")
OFF = dict.fromkeys(DIALS, 0.0)
PLAIN = (128, 128, 124)


def harder(**turned: float) -> dict[str, float]:
    return {**OFF, **turned}


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second).mean())


def between_cameras(difficulty: dict[str, float], people: int = 16) -> float:
    pairs = [(draw_person(i, 0, 0, **difficulty), draw_person(i, 1, 0, **difficulty)) for i in range(people)]
    return float(np.mean([difference(first, second) for first, second in pairs]))


def test_set_is_ordered_by_identity_then_camera_then_shot():
    people = synthetic(identities=3, shots=2, seed=7)
    assert people.name == "synthetic"
    np.testing.assert_array_equal(people.identities, np.repeat([0, 1, 2], 4))
    np.testing.assert_array_equal(people.cameras, [0, 0, 1, 1] * 3)
    assert len(set(people.paths)) == len(people.paths) == 12
    assert people.paths[:4] == [f"synthetic/0000_{shot}.png" for shot in ("a_00", "a_01", "b_00", "b_01")]


def test_defaults_are_sixty_people_twice_in_each_camera():
    assert len(synthetic().paths) == 240


def test_pictures_are_the_documented_crops():
    picture = synthetic(identities=1, shots=1).read(0)
    assert picture.shape == (160, 60, 3)
    assert picture.dtype == np.uint8
    picture[:] = 0  # the caller's own


@pytest.mark.parametrize("difficulty", [OFF, {}], ids=["off", "default"])
def test_read_draws_the_person_the_row_names(difficulty):
    people = synthetic(identities=2, shots=3, seed=5, **difficulty)
    for index in (0, 4, 11, np.int64(7)):
        i, c, s = people.identities[index], people.cameras[index], index % 3
        np.testing.assert_array_equal(people.read(index), draw_person(i, c, s, seed=5, **difficulty))


@pytest.mark.parametrize("index", [-1, 8])
def test_read_outside_the_set_is_an_index_error(index):
    with pytest.raises(IndexError, match="the pictures 0 to 7; got"):
        synthetic(identities=2).read(index)


def test_same_seed_same_pixels_in_any_order():
    people = synthetic(identities=5, seed=3)
    forwards = [people.read(i) for i in range(20)]
    np.random.seed(0)
    backwards = [synthetic(identities=5, seed=3).read(i) for i in reversed(range(20))]
    for first, second in zip(forwards, backwards[::-1], strict=True):
        np.testing.assert_array_equal(first, second)


def test_more_people_and_shots_leave_the_others_as_they_were():
    few, many = synthetic(identities=2, shots=1, seed=3), synthetic(identities=4, shots=3, seed=3)
    np.testing.assert_array_equal(few.read(3), many.read(9))


def test_another_process_draws_the_same_pixels():
    program = (
        "import hashlib; from tfnxc.datasets.synthetic.people import draw_person;"
        "print(hashlib.sha256(draw_person(11, 1, 1, seed=9).tobytes()).hexdigest())"
    )
    drawn = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert drawn.stdout.strip() == hashlib.sha256(draw_person(11, 1, 1, seed=9).tobytes()).hexdigest()


def test_set_can_be_pickled():
    people = synthetic(identities=2, seed=1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(people)).read(3), people.read(3))


@pytest.mark.parametrize("difficulty", [OFF, {}], ids=["off", "default"])
def test_other_seeds_and_other_people_look_different(difficulty):
    base = draw_person(0, 0, 0, seed=0, **difficulty)
    assert difference(base, draw_person(0, 0, 0, seed=1, **difficulty)) > 2
    pictures = {draw_person(i, 0, 0, **difficulty).tobytes() for i in range(60)}
    assert len(pictures) == 60


def test_with_all_challenges_off_both_cameras_see_the_same_picture():
    for identity in range(8):
        first = draw_person(identity, 0, 0, **OFF)
        for camera, shot in ((0, 1), (1, 0), (1, 1)):
            np.testing.assert_array_equal(first, draw_person(identity, camera, shot, **OFF))


@pytest.mark.parametrize("name", DIALS)
def test_each_difficulty_sets_the_cameras_further_apart(name):
    off, low, high = (between_cameras(harder(**{name: value})) for value in (0.0, 0.25, 1.5))
    assert off == 0.0
    assert low > 0.0
    assert high > 1.2 * low


@pytest.mark.parametrize("name", DIALS)
def test_difficulties_take_every_value_of_their_range(name):
    for value in (0, 0.25, 2, np.float32(1.5)):
        for camera in (0, 1):
            assert draw_person(3, camera, 0, **harder(**{name: value})).shape == (160, 60, 3)


def test_every_challenge_at_its_most_still_draws():
    people = synthetic(identities=30, seed=2, **dict.fromkeys(DIALS, 2.0))
    assert all(people.read(i).std() > 5 for i in range(120))


def figure(picture: np.ndarray) -> np.ndarray:
    """Where a picture drawn on the plain ground is not that ground."""
    return np.abs(picture.astype(int) - PLAIN).max(axis=-1) > 24


@pytest.mark.parametrize("camera", [0, 1])
def test_background_leaves_the_person_alone(camera):
    for identity in range(6):
        difficulty = dict(light=0.0, occlusion=0.0)
        plain = draw_person(identity, camera, 0, background=0.0, **difficulty)
        scene = draw_person(identity, camera, 0, background=1.0, **difficulty)
        inside = np.ones((160, 60), bool)
        inside[1:-1, 1:-1] = False
        same = (plain == scene).all(axis=-1)
        assert difference(plain, scene) > 5
        # The person's pixels are those that do not follow the ground; the shadow and the antialiased edge do.
        assert same[figure(plain)].mean() > 0.75
        assert same[~figure(plain)].mean() < 0.3


def test_light_leaves_the_geometry_alone():
    still = dict(background=0.0, occlusion=0.0)
    for identity in range(6):
        plain = draw_person(identity, 1, 0, light=0.0, **still)
        lit = draw_person(identity, 1, 0, light=1.0, **still)
        assert difference(plain, lit) > 3
        # Means over blocks of 4 x 4 see past the blur and the noise: what is left is where things are.
        blocks = [picture.reshape(40, 4, 15, 4, 3).mean(axis=(1, 3, 4)).ravel() for picture in (plain, lit)]
        assert np.corrcoef(*blocks)[0, 1] > 0.9


def test_occlusion_changes_a_part_of_some_pictures_and_nothing_of_the_others():
    touched = []
    for identity in range(40):
        free = draw_person(identity, 0, 0, light=0.0, occlusion=0.0)
        hidden = draw_person(identity, 0, 0, light=0.0, occlusion=1.0)
        touched.append((free != hidden).any(axis=-1).mean())
    assert 0.1 < np.mean(np.asarray(touched) > 0) < 0.6
    assert max(touched) < 0.7


def test_occlusion_and_background_turned_together_keep_the_view():
    """One challenge's random numbers are not another's: the figure stands where it stood."""
    plain = draw_person(4, 1, 1, light=0.0, background=0.0, occlusion=0.0)
    scene = draw_person(4, 1, 1, light=0.0, background=1.7, occlusion=0.0)
    assert (plain == scene).all(axis=-1)[figure(plain)].mean() > 0.75


@pytest.mark.parametrize("name", DIALS)
@pytest.mark.parametrize("value", [-0.1, 2.01, float("nan"), "1", None])
def test_difficulties_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name} must be a number in \[0, 2\]; got"):
        synthetic(**{name: value})
    with pytest.raises(ValueError, match=name):
        draw_person(0, 0, 0, **{name: value})


@pytest.mark.parametrize("wrong", [{"identities": 0}, {"shots": 0}, {"seed": -1}, {"identities": 2.5}])
def test_counts_that_make_no_set_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least"):
        synthetic(**wrong)


@pytest.mark.parametrize("wrong", [{"identity": -1}, {"camera": 2}, {"shot": -1}, {"seed": "x"}])
def test_pictures_that_are_not_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be"):
        draw_person(**{"identity": 0, "camera": 0, "shot": 0, **wrong})


def test_conditions_are_what_was_drawn():
    people = synthetic(identities=40, shots=1, seed=3)
    known = conditions(people.paths, seed=3)
    pictures, shown = people.images(), dict(viewpoint=1.0, light=1.0, background=1.0, pose=1.0)
    for index in range(0, 80, 7):
        person, camera = people.identities[index], people.cameras[index]
        open_view = draw_person(person, camera, 0, seed=3, **shown, occlusion=0.0)
        assert (known[index].occluder is None) == np.array_equal(pictures[index], open_view)
    assert {each.occluder for each in known} == {None, "thing", "passer-by"}
    turns = np.array([each.turn for each in known])
    assert np.abs(turns[people.cameras == 0]).max() <= 20 and np.abs(turns[people.cameras == 1]).min() >= 76
    # A darker exposure gives a darker picture, where nothing else differs.
    light = [draw_person(each, camera, 0, seed=3, **harder(light=1.0)) for each in range(40) for camera in (0, 1)]
    plain = [draw_person(each, camera, 0, seed=3, **OFF) for each in range(40) for camera in (0, 1)]
    change = [np.log(lit.mean() / unlit.mean()) for lit, unlit in zip(light, plain, strict=True)]
    assert np.corrcoef(change, [each.brightness for each in known])[0, 1] > 0.8


def test_conditions_follow_the_difficulty_and_need_names_of_the_set():
    paths = synthetic(identities=30).paths
    off = conditions(paths, viewpoint=0.0, light=0.0, occlusion=0.0)
    assert set(off) == {(0.0, None, 0.0)}
    often = [each.occluder for each in conditions(paths, occlusion=2.0)]
    assert often.count(None) < [each.occluder for each in conditions(paths)].count(None)
    with pytest.raises(ValueError, match=r"called like synthetic/0012_a_01\.png; got 'cuhk01/1\.png'"):
        conditions(["cuhk01/1.png"])
