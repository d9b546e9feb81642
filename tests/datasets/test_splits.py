import json

import numpy as np
import pytest

from tfnxc.datasets import Split, get_split, load_split, published_splits, seeded_split
from tfnxc.errors import InputError


def test_the_ten_published_partitions():
    splits = published_splits()
    assert list(splits) == [f"cuhk01-486-{number:02d}" for number in range(1, 11)]
    for split in splits.values():
        assert (len(split.train), len(split.test)) == (485, 486)
        assert sorted(split.train + split.test) == list(range(1, 972))
    assert len({split.digest for split in splits.values()}) == 10


def test_the_published_partitions_equal_their_source(real_data):
    lines = (real_data / "protocols/cuhk01/salmatch_partition_campus.csv").read_text().split()[1:]
    for number, split in enumerate(published_splits().values(), start=1):
        for part in ("train", "test"):
            listed = [int(line.split(",")[2]) for line in lines if line.startswith(f"{number},{part},")]
            assert sorted(listed) == list(getattr(split, part))


def test_seeded_splits_repeat_and_differ_by_seed():
    identities = np.repeat(np.arange(10, 30), 4)
    one = seeded_split(identities, 6, 1)
    assert one == seeded_split(identities, 6, 1) != seeded_split(identities, 6, 2)
    assert sorted(one.train + one.test) == list(range(10, 30)) and len(one.test) == 6
    assert one == get_split("random-6-1", identities)


@pytest.mark.parametrize("test", [0, 20])
def test_a_seeded_split_needs_both_parts(test):
    with pytest.raises(InputError, match=f"needs 1 to 19 test identities; got {test}"):
        seeded_split(np.arange(20), test, 0)


def test_a_split_file_round_trips(tmp_path):
    split = Split("mine", "by hand", (1, 2), (3,))
    (tmp_path / "mine.json").write_text(json.dumps(split.to_dict()))
    assert load_split(tmp_path / "mine.json") == split == get_split(str(tmp_path / "mine.json"), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON file"),
        ("[1]", "expected"),
        ('{"train": [1], "test": "2"}', "expected"),
        ('{"train": [1], "test": [true]}', "expected"),
        ('{"train": [1], "test": []}', "no test identities"),
        ('{"train": [1, 2], "test": [2]}', "1 identities train and test, the first is 2"),
        ('{"train": [1, 1], "test": [2]}', "twice among the train identities"),
    ],
)
def test_bad_split_files_are_one_clear_error(tmp_path, text, message):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_split(tmp_path / "bad.json")


def test_unknown_names_list_what_there_is(tmp_path):
    with pytest.raises(InputError, match="no split is called 'mine'; expected one of cuhk01-486-01"):
        get_split("mine", None)
    with pytest.raises(InputError, match=r"none\.json: cannot read the split"):
        get_split(str(tmp_path / "none.json"), None)


def test_the_digest_is_of_the_identities_not_the_name():
    assert Split("a", "x", (1, 2), (3,)).digest == Split("b", "y", (1, 2), (3,)).digest
    assert Split("a", "x", (1, 2), (3,)).digest != Split("a", "x", (1, 3), (2,)).digest
