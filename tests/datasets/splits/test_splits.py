import dataclasses
import hashlib
import importlib.util
import json
import pathlib

import numpy as np
import pytest

from tfnxc.datasets import ImageSet, Split, families, get_split, get_splits, load_split, seeded_split
from tfnxc.datasets import splits as package
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK

ROOT = pathlib.Path(__file__).resolve().parents[3]
VIPER = np.arange(1000)  # stands for whoever is on disk: the published lists name a part of them

# family: splits, identities that train, that test, and the SHA-256 of the digests, one a line
PUBLISHED = {
    "cuhk01-100": (10, 871, 100, "d1e50f5552fe"),
    "cuhk01-486": (10, 485, 486, "d13b8502817d"),
    "cuhk03-767-detected": (1, 767, 700, "277ab9d3fa08"),
    "cuhk03-767-labeled": (1, 767, 700, "6bf7df5bf69d"),
    "cuhk03-classic": (20, 1367, 100, "3de24746307e"),
    "cuhk03-classic-1260": (20, 1260, 100, "b73d6cff1954"),
    "grid-125": (10, 125, 125, "7aab25684ce5"),
    "viper-316": (10, 684, 316, "c5064baf120f"),
}


@pytest.fixture(scope="module")
def make_splits():
    """The script that writes the data files."""
    spec = importlib.util.spec_from_file_location("make_splits", ROOT / "experiments" / "make_splits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def people_of(identities, names=None):
    """An `ImageSet` of pictures that nobody reads."""
    names = [f"folder/{number:04d}.jpg" for number in range(len(identities))] if names is None else names
    return ImageSet("made-up", names, np.array(identities), np.zeros(len(identities), int), read=None)


def code(pair, identity):
    return 1000 * int(pair) + int(identity)


def test_every_published_family_is_in_the_table():
    assert set(families()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_and_digests_of_the_published_splits(name):
    number, train, test, digest = PUBLISHED[name]
    splits = get_splits(name, VIPER)
    assert len(splits) == len({split.digest for split in splits}) == number
    assert {(len(split.train), len(split.test)) for split in splits} == {(train, test)}
    digests = "".join(f"{split.digest}\n" for split in splits)
    assert hashlib.sha256(digests.encode()).hexdigest()[:12] == digest


@pytest.mark.parametrize("name", PUBLISHED)
def test_whoever_does_not_test_trains(name):
    family = families()[name]
    everyone = family.identities or VIPER.tolist()
    for split in get_splits(name, VIPER):
        assert sorted(split.train + split.test) == list(everyone)


def test_names_of_splits():
    assert families()["cuhk01-486"].names == tuple(f"cuhk01-486-{number:02d}" for number in range(1, 11))
    assert families()["cuhk03-767-labeled"].names == ("cuhk03-767-labeled",)
    names = [name for family in families().values() for name in family.names]
    assert len(set(names)) == len(names)
    assert [get_split(name, VIPER).name for name in names] == names


def test_the_data_sets_of_a_family():
    assert families()["cuhk03-classic"].datasets == ("cuhk03-labeled", "cuhk03-detected")
    assert families()["grid-125"].datasets == ("grid",)


def test_cuhk03_trains_on_five_camera_pairs_or_on_three():
    five, three = (get_splits(name) for name in ("cuhk03-classic", "cuhk03-classic-1260"))
    for one, other in zip(five, three, strict=True):
        assert one.test == other.test
        assert [identity for identity in one.train if identity < 4000] == list(other.train)
        assert len(one.train) - len(other.train) == 58 + 49


@pytest.mark.parametrize("boxes", ["labeled", "detected"])
def test_cuhk03_767_fixes_a_probe_a_camera_of_each_test_identity(boxes):
    split = get_split(f"cuhk03-767-{boxes}")
    shown = [(code(name[0], name[2:5]), name[6]) for name in split.probes]
    assert shown == [(identity, camera) for identity in split.test for camera in "12"]


def test_viper_needs_the_identities_on_disk():
    with pytest.raises(InputError, match="viper-316-01 trains on whoever is on disk"):
        get_split("viper-316-01")
    split = get_split("viper-316-01", [*range(1, 874), JUNK])
    assert len(split.train) == 873 - 316 and split.train[0] > 0


def test_a_family_says_which_splits_it_has():
    with pytest.raises(InputError, match="no split of grid-125 is called 'grid-125-11'; expected grid-125-01"):
        families()["grid-125"].split("grid-125-11")


def test_the_data_files_are_what_the_script_makes(real_data, make_splits, tmp_path):
    pytest.importorskip("scipy")
    make_splits.write_splits(real_data / "protocols", tmp_path)
    folder = pathlib.Path(package.__file__).parent
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in folder.glob("*.json")}


def test_the_script_refuses_lists_that_are_not_everyone(make_splits):
    with pytest.raises(InputError, match="list 2: the training and the test identities are not everyone"):
        make_splits.tests_that_leave([[1, 2], [1, 3]], [[3], [3]], [1, 2, 3])


def test_the_script_says_what_is_wrong_with_a_matlab_file(make_splits, tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    path = tmp_path / "testsets.mat"
    scipy_io.savemat(path, {"sets": [1]})
    with pytest.raises(InputError, match=r"testsets\.mat: no variable testsets"):
        make_splits.load_mat(path, "testsets")
    path.write_text("hello" * 100)
    with pytest.raises(InputError, match=r"testsets\.mat: no MATLAB file up to version 7"):
        make_splits.load_mat(path, "testsets")


def test_cuhk01_486_equals_its_source(real_data):
    lines = (real_data / "protocols/cuhk01/salmatch_partition_campus.csv").read_text().split()[1:]
    for number, split in enumerate(get_splits("cuhk01-486"), start=1):
        for part in ("train", "test"):
            listed = [int(line.split(",")[2]) for line in lines if line.startswith(f"{number},{part},")]
            assert sorted(listed) == list(getattr(split, part))


def test_cuhk03_classic_equals_its_source(real_data):
    rows = np.loadtxt(real_data / "protocols/cuhk03/testsets.csv", int, delimiter=",", skiprows=1)
    for number, split in enumerate(get_splits("cuhk03-classic"), start=1):
        listed = rows[rows[:, 0] == number]
        assert set(zip(*divmod(np.array(split.test), 1000), strict=True)) == set(map(tuple, listed[:, 1:].tolist()))


@pytest.mark.parametrize("boxes", ["labeled", "detected"])
def test_cuhk03_767_equals_its_source(real_data, boxes):
    scipy_io = pytest.importorskip("scipy.io")
    data = scipy_io.loadmat(real_data / f"protocols/cuhk03/cuhk03_new_protocol_config_{boxes}.mat", squeeze_me=True)
    split = get_split(f"cuhk03-767-{boxes}")
    everyone = np.array(families()[f"cuhk03-767-{boxes}"].identities)
    for part, listed in (("train", split.train), ("query", split.test), ("gallery", split.test)):
        labels = data["labels"][data[f"{part}_idx"] - 1]  # numbers from 1 in the order of pairs and identities
        assert everyone[np.unique(labels) - 1].tolist() == list(listed)
    assert [f"{name}.png" for name in split.probes] == sorted(data["filelist"][data["query_idx"] - 1])


def test_grid_equals_its_source(real_data):
    for fold, split in enumerate(get_splits("grid-125")):
        files = [real_data / f"protocols/grid/grid-cv{fold}-{part}.txt" for part in ("train", "gallery")]
        train, gallery = ({name.partition("_")[0] for name in file.read_text().split()} for file in files)
        assert sorted(train) == [f"{identity:04d}" for identity in split.train]
        assert sorted(gallery - {"0000"}) == [f"{identity:04d}" for identity in split.test]


def test_viper_equals_its_source(real_data):
    lines = (real_data / "protocols/viper/sdalf_cvpr2010_VIPeR_sets.txt").read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("%")]
    for start, split in zip(starts, get_splits("viper-316", VIPER), strict=True):
        block = [line.split() for line in lines[start + 1 : start + 319] if line.strip()]
        assert tuple(int(words[3].removeprefix("cam_b/").split("_")[0]) for words in block) == split.test


def test_the_seeds_of_cuhk01_100_draw_its_lists():
    family = families()["cuhk01-100"]
    assert family.seeds == tuple(range(1, 11))
    for seed, split in zip(family.seeds, get_splits("cuhk01-100"), strict=True):
        numbers = np.random.default_rng(seed).random(971)
        assert split.seed == seed
        assert split.test == tuple(np.flatnonzero(numbers < np.sort(numbers)[100]) + 1)
        assert split.digest == seeded_split(range(1, 972), 100, seed).digest


def test_seeded_splits_repeat_and_differ_by_seed():
    identities = np.repeat(np.arange(10, 30), 4)
    one = seeded_split(identities, 6, 1)
    assert one == seeded_split(identities[::-1], 6, 1) != seeded_split(identities, 6, 2)
    assert sorted(one.train + one.test) == list(range(10, 30)) and len(one.test) == 6
    assert one == get_split("random-6-1", identities)


def test_seeded_splits_are_of_people():
    split = seeded_split([JUNK, DISTRACTOR, 0, 1, 2, 3], 2, 0)
    assert sorted(split.train + split.test) == [0, 1, 2, 3]


@pytest.mark.parametrize("test", [0, 20, 0.5])
def test_a_seeded_split_needs_both_parts(test):
    with pytest.raises(InputError, match=f"needs 1 to 19 test identities; got {test}"):
        seeded_split(np.arange(20), test, 0)


def test_a_seeded_split_needs_people_and_a_seed():
    with pytest.raises(InputError, match="needs 2 identities or more; got 1"):
        seeded_split([3, 3, JUNK], 1, 0)
    with pytest.raises(InputError, match="needs a seed of 0 or above; got -1"):
        seeded_split([3, 4], 1, -1)
    with pytest.raises(InputError, match="random-1-0 divides whoever is on disk"):
        get_split("random-1-0")


def test_the_test_part_holds_junk_and_distractors():
    people = people_of([5, 1, JUNK, 2, 5, DISTRACTOR, 1, 3])
    split = Split("mine", "by hand", (1, 2), (3, 5))
    part = split.test_part(people)
    assert part.identities.tolist() == [5, JUNK, 5, DISTRACTOR, 3]
    assert part.paths[0] == "folder/0000.jpg" and part.probes is None
    assert split.training_part(people).identities.tolist() == [1, 2, 1]


def test_the_test_part_keeps_the_probes_of_the_data_set():
    people = dataclasses.replace(people_of([5, 1, 5]), probes=np.array([True, False, False]))
    assert Split("mine", "by hand", (1,), (5,)).test_part(people).probes.tolist() == [True, False]


def test_fixed_probes_are_found_by_name():
    people = people_of([5, 1, 5, JUNK, 6, 6], ["a/x.png", "a/y.png", "b/x2.png", "z", "a/v.png", "w"])
    part = Split("mine", "by hand", (1,), (5, 6), probes=("w", "x")).test_part(people)
    assert part.identities.tolist() == [5, 5, JUNK, 6, 6]
    assert part.probes.tolist() == [True, False, False, False, True]


def test_missing_pictures_are_one_clear_error():
    people = people_of([5, 1, 5])
    with pytest.raises(InputError, match="made-up lacks 2 of the 3 probes of the split mine, such as 0009"):
        Split("mine", "by hand", (1,), (5,), probes=("0000", "0009", "0010")).test_part(people)
    with pytest.raises(InputError, match="made-up has no picture of 1 of the 2 identities asked for: 7"):
        Split("mine", "by hand", (1,), (5, 7)).test_part(people)


def test_grid_tests_125_people_among_775_distractors():
    people = people_of([*range(1, 251), *range(1, 251), *[DISTRACTOR] * 775])
    for split in get_splits("grid-125", people.identities):
        part = split.test_part(people)
        assert len(part) == 2 * 125 + 775 and len(part.people) == 125
        assert len(split.training_part(people)) == 2 * 125


def test_hold_back_draws_from_the_training_identities_alone():
    split = Split("mine", "by hand", train=range(10, 20), test=(1, 2))
    part = split.hold_back(4, seed=3)
    assert part.name == "mine-held-back-4" and len(part.test) == 4 and len(part.train) == 6
    assert sorted(part.train + part.test) == list(range(10, 20))
    assert part == split.hold_back(4, seed=3) != split.hold_back(4, seed=4)
    assert Split.from_dict(part.to_dict()) == part
    for count in (1, 9):
        with pytest.raises(InputError, match="of the 10 training people at least two"):
            split.hold_back(count)


def test_among_leaves_out_whoever_is_not_there():
    split = Split("mine", "by hand", (1, 2, 3), (4, 5), seed=7)
    assert split.among(np.arange(10)) is split
    part = split.among([2, 5, 3, 3])
    assert (part.name, part.train, part.test, part.seed) == ("mine-partial", (2, 3), (5,), 7)
    assert part.source == "by hand; 2 of 3 training and 1 of 2 test identities" and part.digest != split.digest
    with pytest.raises(InputError, match="split mine-partial: no test identities"):
        split.among([1, 2, 3])
    with pytest.raises(InputError, match="fixes its probes by name"):
        dataclasses.replace(split, probes=("x",)).among([1, 4])


def test_the_digest_is_of_the_lists_not_of_the_name():
    split = Split("a", "x", (1, 2), (3,))
    assert split.digest == Split("b", "y", np.array([2, 1]), [3], seed=1).digest == "192f318fa669"
    others = [Split("a", "x", (1, 3), (2,)), Split("a", "x", (1, 2), (3,), probes=("p",))]
    assert len({each.digest for each in [split, *others]}) == 3


@pytest.mark.parametrize(
    "split",
    [Split("mine", "by hand", (1, 2), (3,)), Split("mine", "by hand", (1, 2), (3,), probes=("q", "p"), seed=4)],
)
def test_a_split_file_round_trips(tmp_path, split):
    (tmp_path / "mine.json").write_text(json.dumps(split.to_dict()))
    path = tmp_path / "mine.json"
    assert load_split(path) == split == get_split(path) == get_split(str(path))


def test_a_split_file_needs_no_more_than_its_lists(tmp_path):
    (tmp_path / "mine.json").write_text('{"train": [2, 1], "test": [3]}')
    assert load_split(tmp_path / "mine.json") == Split("mine", "mine.json", (1, 2), (3,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON file"),
        ("[" * 100_000, "not a JSON file"),
        ("[1]", "expected"),
        ('{"train": [1], "test": "2"}', "expected"),
        ('{"train": [1], "test": [true]}', "expected whole numbers as test identities"),
        ('{"train": [1.5], "test": [2]}', "expected whole numbers as train identities"),
        ('{"train": [1], "test": [-1]}', "-1 is among the test identities"),
        ('{"train": [1], "test": []}', "no test identities"),
        ('{"train": [1, 2], "test": [2]}', "1 identities train and test, the first is 2"),
        ('{"train": [1, 1], "test": [2]}', "twice among the train identities"),
        ('{"train": [1], "test": [2], "probes": "a"}', 'expected a list of names of pictures as "probes"'),
        ('{"train": [1], "test": [2], "probes": [1]}', "expected names of pictures as probes"),
        ('{"train": [1], "test": [2], "probes": []}', "no probes"),
        ('{"train": [1], "test": [2], "probes": ["a", "a"]}', "a picture is twice among the probes"),
        ('{"train": [1], "test": [2], "seed": "x"}', "expected a whole number as its seed; got 'x'"),
        ('{"train": [1], "test": [2], "digest": "192f318fa669"}', "not 192f318fa669: they are not the split that was"),
    ],
)
def test_bad_split_files_are_one_clear_error(tmp_path, text, message):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InputError, match=r"bad\.json: .*" + message):
        load_split(tmp_path / "bad.json")


def test_unknown_names_list_what_there_is(tmp_path):
    with pytest.raises(InputError, match=r"no split is called 'mine'; expected one of a family \(cuhk01-100, "):
        get_split("mine")
    with pytest.raises(InputError, match="cuhk01-486 is 10 splits; name one of them, such as cuhk01-486-01"):
        get_split("cuhk01-486")
    with pytest.raises(InputError, match=r"none\.json: cannot read the split"):
        get_split(str(tmp_path / "none.json"))
