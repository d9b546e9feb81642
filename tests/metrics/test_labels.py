import numpy as np
import pytest

from tfnxc.identities import DISTRACTOR, JUNK
from tfnxc.metrics.protocols import Labels


def sides(labels):
    return labels.probe_ids.tolist(), labels.gallery_ids.tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.float32, np.float64])
def test_whole_numbers_keep_their_values(dtype):
    labels = Labels.of(np.array([7, 3], dtype), np.array([3, 100, 7], dtype))
    assert sides(labels) == ([7, 3], [3, 100, 7])
    assert labels.probe_ids.dtype == labels.gallery_ids.dtype == np.int64
    assert labels.shape == (2, 3)


def test_junk_and_distractors_keep_theirs_also_as_floats():
    for kind in (int, float):
        gallery = np.array([JUNK, DISTRACTOR, 5], kind)
        assert sides(Labels.of([5], gallery)) == ([5], [JUNK, DISTRACTOR, 5])


@pytest.mark.parametrize(
    ("probes", "gallery"),
    [
        ([2**63 + 1, 2**63], [2**63, 2**63 + 1, 5]),
        (np.array([2**64 - 1, 2**64 - 2], np.uint64), np.array([2**64 - 2, 2**64 - 1, 5], np.uint64)),
        (np.array([2**64 - 1, 2**64 - 2], np.uint64), [2**64 - 2, 2**64 - 1, 5]),
        ([10**40 + 1, 10**40], [10**40, 10**40 + 1, 5]),
        (np.array([2**63, 8], object), [8, 2**63, 5]),
    ],
)
def test_numbers_of_any_size_are_people(probes, gallery):
    """Whatever they are called, the second is before the first, and both behind the one who is not looked for."""
    assert sides(Labels.of(probes, gallery)) == ([2, 1], [1, 2, 0])


@pytest.mark.parametrize(("dtype", "digits"), [(np.float16, 11), (np.float32, 24), (np.float64, 53)])
def test_floats_that_stand_for_several_people_are_refused(dtype, digits):
    most = 2**digits - 1
    assert sides(Labels.of(np.array([most], dtype), [most, most - 1])) == ([most], [most, most - 1])
    for number in (2**digits, -(2**digits)):
        with pytest.raises(ValueError, match=rf"gallery_ids .* at 1: {dtype.__name__} does not tell it from its"):
            Labels.of([5], np.array([5, number], dtype))
    with pytest.raises(ValueError, match="probe_cameras must be whole"):
        Labels.of([5], [5], np.array([2**digits], dtype), [1])


def test_masked_labels_are_refused():
    with pytest.raises(ValueError, match="must be known everywhere; received a masked array"):
        Labels.of(np.ma.array([1, 2], mask=[False, True]), [1, 2])
    assert sides(Labels.of(np.ma.array([1, 2], mask=False), [1, 2])) == ([1, 2], [1, 2])


def test_junk_and_distractors_keep_their_meaning_beside_large_numbers():
    labels = Labels.of([2**63], [2**63, JUNK, DISTRACTOR, -(2**70)])
    assert sides(labels) == ([0], [0, JUNK, DISTRACTOR, DISTRACTOR - 1])


def test_views_of_large_numbers_do_not_overflow():
    ids = [2**62, 2**62 + 1, 2**61]
    labels = Labels.of(ids, ids, [0, 1, 2], [0, 1, 2])
    rows, columns = labels.views()
    assert sides(labels) == (ids, ids) and rows.min() >= 0 and ((rows[:, None] == columns) == np.eye(3)).all()


def test_large_numbers_of_cameras_are_told_apart():
    labels = Labels.of([1, 1], [1, 1, 1], np.array([2**63, 2**63 + 1], np.uint64), [2**63 + 1, -4, 2**63])
    assert labels.probe_cameras.tolist() == [1, 2] and labels.gallery_cameras.tolist() == [2, 0, 1]


def test_names_are_numbered_in_their_order_over_both_sides():
    labels = Labels.of(["carl", "anna"], ["berta", "anna", "anna", "carl"])
    assert sides(labels) == ([2, 0], [1, 0, 0, 2])


@pytest.mark.parametrize("label", [1.5, float("nan"), float("inf"), None])
def test_what_is_neither_a_whole_number_nor_a_name_is_refused(label):
    for labels in ([[1, label], [1]], [[1], [label, 1]], [["a"], ["a"], [label], [1]]):
        with pytest.raises(ValueError, match=r"(ids|cameras) must be whole numbers or names, received .* at [01]"):
            Labels.of(*labels)


def test_cameras_are_numbered_whatever_they_are_called():
    by_name = Labels.of([1, 2], [1, 2, 2], ["lift", "door"], ["door", "lift", "roof"])
    by_number = Labels.of([1, 2], [1, 2, 2], [10**12, -3], [-3, 10**12, 2 * 10**12])
    for labels in (by_name, by_number):
        assert labels.probe_cameras.tolist() == [1, 0] and labels.gallery_cameras.tolist() == [0, 1, 2]
        assert labels.cameras_given


def test_without_cameras_rows_are_of_one_and_columns_of_another():
    labels = Labels.of([1, 2], [1, 2, 3])
    assert labels.probe_cameras.tolist() == [0, 0] and labels.gallery_cameras.tolist() == [1, 1, 1]
    assert not labels.cameras_given


def test_views_are_equal_where_identity_and_camera_are():
    pairs = [(0, 0), (0, 1), (1, 0), (1, 2), (7, 2), (DISTRACTOR, 0), (JUNK, 2)]
    ids, cameras = np.array(pairs).T
    probe_views, gallery_views = Labels.of(ids[:5], ids[::-1], cameras[:5], cameras[::-1]).views()
    expected = [[probe == gallery for gallery in pairs[::-1]] for probe in pairs[:5]]
    assert (probe_views[:, None] == gallery_views).tolist() == expected


@pytest.mark.parametrize("given", [{"probe_cameras": [0]}, {"gallery_cameras": [1]}])
def test_cameras_of_one_side_only(given):
    missing = "gallery_cameras" if "probe_cameras" in given else "probe_cameras"
    with pytest.raises(ValueError, match=f"received none for {missing}"):
        Labels.of([1], [1], **given)


@pytest.mark.parametrize(
    ("probe_ids", "gallery_ids", "message"),
    [
        ([], [1], r"probe_ids must be a sequence of one identity an image, received shape \(0,\)"),
        ([1], [[1]], r"gallery_ids must be a sequence of one identity an image, received shape \(1, 1\)"),
        (3, [1], r"probe_ids must be a sequence of one identity an image, received shape \(\)"),
    ],
)
def test_identities_that_are_no_sequence(probe_ids, gallery_ids, message):
    with pytest.raises(ValueError, match=message):
        Labels.of(probe_ids, gallery_ids)


@pytest.mark.parametrize(
    ("cameras", "message"),
    [
        (([0], [1, 1]), r"probe_cameras must hold one camera for each of the 2 probe_ids, received shape \(1,\)"),
        (([0, 0], 1), r"gallery_cameras must hold one camera for each of the 2 gallery_ids, received shape \(\)"),
    ],
)
def test_not_one_camera_an_image(cameras, message):
    with pytest.raises(ValueError, match=message):
        Labels.of([1, 2], [1, 2], *cameras)


@pytest.mark.parametrize("kind", [list, np.array])
def test_a_name_is_one_in_both_unicode_forms(kind):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    labels = Labels.of(kind([composed, "x"]), kind([decomposed, "x"]), kind([decomposed, "b"]), kind([composed, "b"]))
    assert sides(labels) == ([0, 1], [0, 1])
    assert labels.probe_cameras.tolist() == labels.gallery_cameras.tolist() == [1, 0]
