import subprocess
import sys

import numpy as np
import pytest

from tests.datasets.picture_files import GRID, MARKET1501, VIPER, lay_out
from tests.datasets.readers.cuhk03_file import write_mat
from tfnxc.datasets import (
    CATALOGUE,
    ImageSet,
    dataset_splits,
    domains_of,
    families,
    missing_pictures,
    open_dataset,
    prepare,
)
from tfnxc.errors import InputError
from tfnxc.evaluation import PROTOCOLS
from tfnxc.identities import DISTRACTOR, JUNK


@pytest.fixture
def on_disk(campus, tmp_path):
    """A small copy of every data set that is read."""
    (tmp_path / "people.csv").write_text("path,identity,camera\ncuhk01/campus/0001001.png,1,0\n")
    return {
        "cuhk01": campus,
        "cuhk03-labeled": write_mat(tmp_path / "cuhk-03.mat"),
        "cuhk03-detected": tmp_path,
        "grid": lay_out(tmp_path / "grid", *GRID),
        "viper": lay_out(tmp_path / "viper", *VIPER),
        "market1501": lay_out(tmp_path / "market", *MARKET1501),
        "folder": lay_out(tmp_path / "folder", "1/a_c1.png", "1/b_c2.png"),
        "csv": tmp_path / "people.csv",
        "synthetic": None,
    }


def made_up(name, identities, cameras, paths=None, probes=None):
    names = [f"{index}.png" for index in range(len(identities))] if paths is None else paths
    return ImageSet(name, names, np.array(identities), np.array(cameras), read=None, probes=probes)


def test_every_data_set_opens_by_its_name_and_is_called_so(on_disk):
    assert list(on_disk) == list(CATALOGUE)
    for name, path in on_disk.items():
        people = open_dataset(name, path)
        assert people.name == CATALOGUE[name].name == name
        assert people.read(len(people) - 1).dtype == np.uint8


def test_the_parts_of_a_set_are_all_of_it_and_do_not_overlap(on_disk):
    for name, path in on_disk.items():
        people = open_dataset(name, path)
        belongs = [part.belongs(people) for part in CATALOGUE[name].official]
        assert not belongs or (np.sum(belongs, axis=0) == 1).all(), name


def test_each_camera_pair_of_cuhk03_is_a_domain(on_disk, tmp_path):
    people = open_dataset("cuhk03-labeled", on_disk["cuhk03-labeled"])
    pairs = [int(path.rsplit("/", 1)[1].split("_")[0]) for path in people.paths]
    assert domains_of(people).tolist() == pairs and set(pairs) == {1, 2, 3, 4, 5}
    prepare(people, tmp_path / "prepared")
    again = open_dataset("cuhk03-labeled", tmp_path / "prepared")
    assert domains_of(again.of_identities([3001, 1002])).tolist() == [1] * 8 + [3] * 10
    for name in set(on_disk) - {"cuhk03-labeled", "cuhk03-detected"}:
        assert not domains_of(open_dataset(name, on_disk[name])).any()
    assert domains_of(made_up("mine", [1001, 2001], [0, 1])).tolist() == [0, 0]


def test_parts_are_counted(on_disk):
    market, grid = (open_dataset(name, on_disk[name]) for name in ("market1501", "grid"))
    assert [part.count(market) for part in CATALOGUE["market1501"].official] == [(3, 2), (2, 2), (4, 2)]
    assert [part.count(grid) for part in CATALOGUE["grid"].official] == [(2, 2), (2, 2), (2, None)]


def test_official_counts():
    assert {name: (entry.pictures, entry.identities) for name, entry in CATALOGUE.items()} == {
        "cuhk01": (3884, 971),
        "cuhk03-labeled": (14096, 1467),
        "cuhk03-detected": (14097, 1467),
        "grid": (1275, 250),
        "viper": (1264, 632),
        "market1501": (36036, 1501),
        "folder": (None, None),
        "csv": (None, None),
        "synthetic": (1200, 300),
    }
    (people,) = CATALOGUE["synthetic"].official
    assert people.count(open_dataset("synthetic")) == (1200, 300)


def test_protocols_and_default_splits_are_those_of_the_package():
    for name, entry in CATALOGUE.items():
        assert entry.default_protocol in PROTOCOLS
        assert entry.own_split or dataset_splits(name, made_up(name, range(1000), [0] * 1000))
        assert "\n" not in entry.about and entry.layout and entry.title and entry.reference


def test_every_family_of_splits_belongs_to_a_data_set():
    assert {name for entry in CATALOGUE.values() for name in entry.families} == set(families())
    assert CATALOGUE["cuhk03-detected"].families == ("cuhk03-767-detected", "cuhk03-classic", "cuhk03-classic-1260")
    assert CATALOGUE["market1501"].families == CATALOGUE["csv"].families == ()


def test_a_market_split_comes_from_the_set_and_others_by_their_names(on_disk):
    people = open_dataset("market1501", on_disk["market1501"])
    (split,) = dataset_splits("market1501", people)
    assert dataset_splits("market1501", people, "market1501") == [split]
    assert (split.name, split.train, split.test) == ("market1501", (2, 7), (1, 3))
    assert dataset_splits("market1501", people, "random-1-0")[0].name == "random-1-0"
    with pytest.raises(InputError, match="no split is called 'market1501'"):
        dataset_splits("cuhk01", people, "market1501")


def test_a_split_published_for_another_data_set_is_refused_but_for_pictures_of_ones_own():
    """CUHK01, too, has people with the numbers of GRID's, who are others."""
    people = made_up("cuhk01", range(1, 972), [0] * 971)
    for split in ("grid-125", "grid-125-03"):
        with pytest.raises(InputError, match=f"the split {split} divides grid, not cuhk01"):
            dataset_splits("cuhk01", people, split)
    (split,) = dataset_splits("folder", people, "grid-125-03")
    assert split == dataset_splits("grid", people, "grid-125-03")[0]


def test_missing_pictures_of_cuhk01(campus):
    people = open_dataset("cuhk01", campus)
    assert len(missing_pictures("cuhk01", people)) == 3884 - 20
    everyone = [f"{identity:04d}{shot:03d}.png" for identity in range(1, 972) for shot in range(1, 5)]
    there = [name for name in everyone if name != "0007003.png"]
    assert missing_pictures("cuhk01", made_up("cuhk01", [1] * 3883, [0] * 3883, there)) == ["0007003.png"]


def test_missing_pictures_of_grid_and_viper():
    sides = [(identity, camera) for identity in range(1, 251) for camera in (0, 1)]
    some = [side for side in sides if side not in ((3, 0), (250, 1))] + [(DISTRACTOR, 1)]
    identities, cameras = zip(*some, strict=True)
    assert missing_pictures("grid", made_up("grid", identities, cameras)) == ["probe/0003_*", "gallery/0250_*"]
    assert missing_pictures("viper", made_up("viper", [0, 0, 5, 9], [0, 1, 1, 0])) == ["cam_a/005_*", "cam_b/009_*"]


def test_of_the_other_sets_nothing_is_known_to_be_missing():
    for name in ("cuhk03-labeled", "market1501", "folder", "csv", "synthetic"):
        assert missing_pictures(name, made_up(name, [1, JUNK], [0, 0])) == []


def test_a_prepared_folder_opens_by_the_name_of_its_set(on_disk, tmp_path):
    people = open_dataset("market1501", on_disk["market1501"])
    prepare(people, tmp_path / "prepared", size=(8, 4))
    again = open_dataset("market1501", tmp_path / "prepared")
    assert again.identities.tolist() == people.identities.tolist()
    assert dataset_splits("market1501", again) == dataset_splits("market1501", people)
    for other in ("cuhk01", "synthetic"):
        with pytest.raises(InputError, match=f"prepared from market1501, not from {other}. Open them as market1501"):
            open_dataset(other, tmp_path / "prepared")


def test_a_name_or_a_path_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(InputError, match="no data set is called 'cuhk02'; expected one of cuhk01, cuhk03-labeled"):
        open_dataset("cuhk02", tmp_path)
    with pytest.raises(InputError, match=r"viper needs a path \(--data\): a folder with cam_a and cam_b"):
        open_dataset("viper")
    with pytest.raises(InputError, match="the synthetic set is drawn, not read: leave its path out"):
        open_dataset("synthetic", tmp_path)


def test_the_catalogue_and_help_do_not_wait_for_tensorflow_or_hdf5():
    program = (
        "import sys, tfnxc.cli, tfnxc.datasets; tfnxc.datasets.CATALOGUE; "
        "sys.exit(', '.join({'tensorflow', 'keras', 'h5py'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_real_cuhk01_is_whole(real_data):
    people = open_dataset("cuhk01", real_data / "cuhk01")
    assert [part.count(people) for part in CATALOGUE["cuhk01"].official] == [(3884, 971)]
    assert missing_pictures("cuhk01", people) == []
