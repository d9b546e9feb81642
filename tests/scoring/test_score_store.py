import numpy as np
import pytest

from tfnxc.errors import InputError
from tfnxc.scoring import score_store
from tfnxc.scoring.score_store import ScoreStore


def filled(folder, first, second, scores):
    store = ScoreStore(folder)
    store.add(first, second, scores)
    return store


def size_of(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def test_scores_are_found_by_digests_in_any_order_also_of_pictures_that_come_twice(tmp_path, rng):
    digests = rng.integers(0, 2**64, 30, np.uint64, endpoint=False)
    expected = np.full((30, 30), np.nan, np.float32)
    store = ScoreStore(tmp_path)
    for _ in range(5):
        row, column = np.nonzero(np.isnan(expected) & (rng.random((30, 30)) < 0.1))
        expected[row, column] = rng.random(len(row), np.float32)
        store.add(digests[row], digests[column], expected[row, column])
    found = store.read(digests, digests)
    np.testing.assert_array_equal(found, expected)
    order, others = rng.permutation(30), rng.integers(0, 30, 50)
    np.testing.assert_array_equal(store.read(digests[order], digests[others]), found[np.ix_(order, others)])
    np.testing.assert_array_equal(ScoreStore(tmp_path).read(digests, digests), found)
    store.put_together()
    np.testing.assert_array_equal(store.read(digests, digests), found)
    assert len(list(tmp_path.iterdir())) == 1
    unknown = np.array([5, 6], np.uint64)
    assert np.isnan(store.read(unknown, digests)).all() and store.read(unknown[:0], digests).shape == (0, 30)


def test_a_file_is_about_as_large_as_what_it_holds(tmp_path, rng):
    pairs = rng.integers(0, 2000, (5000, 2)).astype(np.uint64)
    filled(tmp_path / "few", *pairs.T, rng.random(5000))
    assert size_of(tmp_path / "few") < 5000 * 6 + 2 * 2000 * 8 * 2 + 1000
    row, column = np.indices((40, 500)).reshape(2, -1)
    kept = rng.random(len(row)) < 0.99  # a few of a matrix are left out, as the own view of a probe
    store = filled(tmp_path / "many", row[kept], column[kept], row[kept] + column[kept])
    assert size_of(tmp_path / "many") < 40 * 500 * 4 + 540 * 8 + 1000
    expected = np.where(kept.reshape(40, 500), np.add.outer(np.arange(40.0), np.arange(500.0)), np.nan)
    np.testing.assert_array_equal(store.read(np.arange(40), np.arange(500)), expected)
    assert all(path.stat().st_size <= 512 * path.stat().st_blocks for path in (tmp_path / "many").iterdir())


def test_a_score_of_zero_is_a_score(tmp_path):
    store = filled(tmp_path, [1, 1, 2, 2], [1, 2, 1, 2], [0.0, 0.5, 0.25, -0.0])
    np.testing.assert_array_equal(store.read([1, 2], [1, 2]), np.float32([[0, 0.5], [0.25, 0]]))


def test_small_files_are_put_together_while_scoring_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(score_store, "_AT_ONCE", 4)
    store, other = ScoreStore(tmp_path), ScoreStore(tmp_path)
    for row in range(11):
        store.add([row] * 3, [1, 2, 3], [row, row + 0.5, -row])
        # Another process sees all of it at any time.
        assert not np.isnan(other.read(np.arange(row + 1), [1, 2, 3])).any()
        assert len(list(tmp_path.iterdir())) < 4
    np.testing.assert_array_equal(store.read(np.arange(11), [2])[:, 0], np.arange(11) + 0.5)


def test_what_another_process_puts_together_meanwhile_is_found(tmp_path, monkeypatch):
    store, other = filled(tmp_path, [1], [2], [0.5]), ScoreStore(tmp_path)
    store.add([3], [4], [0.25])
    listed = other._names

    def names():
        found = listed()
        monkeypatch.setattr(other, "_names", listed)
        store.put_together()
        return found

    monkeypatch.setattr(other, "_names", names)
    assert other.read([1, 3], [2, 4]).diagonal().tolist() == [0.5, 0.25]


def test_a_kill_leaves_a_file_that_is_not_read(tmp_path):
    store = filled(tmp_path, [1], [2], [0.5])
    (path,) = tmp_path.iterdir()
    (tmp_path / f".tfnxc-{path.stem}.1.scores").write_bytes(path.read_bytes()[:50])
    assert store.read([1], [2]) == 0.5 and ScoreStore(tmp_path).read([1], [2]) == 0.5


@pytest.mark.parametrize("length", [0, 3, 60, 200, -1, -4])
@pytest.mark.parametrize("columns", [3, 60])
def test_a_damaged_file_is_one_clear_error(tmp_path, length, columns):
    filled(tmp_path, np.arange(60), np.arange(60) % columns, np.arange(60.0))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"\.scores: damaged .* Remove it: its pairs are then scored again"):
        ScoreStore(tmp_path).read([1], [2])


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path, largest_file):
    store = filled(tmp_path, [1], [2], [0.5])
    with pytest.raises(OSError, match="cannot be written") as caught, largest_file(2000):
        store.add(np.arange(5000), np.arange(5000), np.arange(5000.0))
    assert str(caught.value.filename).startswith(str(tmp_path))
    assert store.read([1], [2]) == 0.5 and len(list(tmp_path.iterdir())) == 1
