import gc
import pathlib
import re

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.datasets.readers.cuhk03_file import EMPTY, NUMBERS, TEST_SETS, add, picture, put, write_mat
from tfnxc.datasets import cuhk03, cuhk03_test_sets
from tfnxc.datasets.picture_file import MOST_PIXELS
from tfnxc.errors import InputError

CELLS = [
    (pair, number, index)
    for pair, count in enumerate(NUMBERS, start=1)
    for number in range(1, count + 1)
    for index in range(1, 11)
    if (pair, number, index) not in EMPTY
]


@pytest.fixture
def mat(tmp_path):
    return write_mat(tmp_path / "cuhk-03.mat")


def extract(folder, name="{}_{:03d}_{}_{:02d}.png", cells=CELLS):
    folder.mkdir(parents=True)
    for pair, number, index in cells:
        pixels = Image.fromarray(picture(pair, number, index))
        pixels.save(folder / name.format(pair, number, 1 + (index > 5), index))
    return folder


def named(people, cell):
    return people.paths.index(next(path for path in people.paths if path.endswith(cell)))


def test_every_cell_that_is_not_empty_is_a_picture(mat):
    people = cuhk03(mat, boxes="detected")
    assert people.name == "cuhk03-detected" and people.probes is None
    assert people.identities.tolist() == [1000 * pair + number for pair, number, _ in CELLS]
    assert people.cameras.tolist() == [int(index > 5) for *_, index in CELLS]
    assert people.paths[0] == f"{mat}/detected/1_001_1_01"
    assert pathlib.PurePath(people.paths[-1]).stem == "5_001_2_10"
    for at in (0, 14, len(CELLS) - 1):
        np.testing.assert_array_equal(people.read(at), picture(*CELLS[at]))


def test_pictures_are_read_from_many_threads(mat):
    images = cuhk03(mat).images()
    assert images.shape == (len(CELLS), 160, 60, 3) and len(np.unique(images, axis=0)) == len(CELLS)


def test_a_whole_cell_is_read_and_never_the_whole_file(mat, monkeypatch):
    reads = []
    read = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: reads.append(self.name) or read(self, key))
    people = cuhk03(mat)
    made = len(reads)
    assert made <= 1 + len(NUMBERS) + len(EMPTY)
    people.read(0)
    assert len(reads) == made + 1


def test_empty_cells_are_known_without_the_attribute(mat):
    with h5py.File(mat, "r+") as file:
        put(file, "labeled", 1, 1, 1, add(file["#refs#"], np.zeros(2, np.uint64), "double").ref)
        put(file, "labeled", 1, 1, 2, add(file["#refs#"], np.zeros((3, 0, 0), np.uint8), "uint8").ref)
        put(file, "labeled", 1, 1, 3, add(file["#refs#"], h5py.Empty("u1"), "uint8").ref)
    assert pathlib.PurePath(cuhk03(mat).paths[0]).stem == "1_001_1_04"


def test_the_file_is_found_in_its_folder_and_extracted_pictures_come_first(mat, tmp_path):
    assert cuhk03(tmp_path).paths[0].startswith(str(mat))
    extract(tmp_path / "images_labeled", cells=CELLS[:3])
    assert len(cuhk03(tmp_path)) == 3
    assert len(cuhk03(tmp_path, boxes="detected")) == len(CELLS)


def test_the_file_is_closed_with_the_set(mat):
    people = cuhk03(mat)
    people.read(0)
    del people
    gc.collect()
    with h5py.File(mat, "r+"):  # HDF5 refuses to write to a file that is open elsewhere in this process
        pass


def test_a_file_that_was_replaced_is_not_read_by_old_addresses(mat):
    people = cuhk03(mat)
    with h5py.File(mat, "r+") as file:
        file["more"] = np.zeros(1000)
    with pytest.raises(InputError, match=r"1_001_1_01.*has changed since the data set was opened"):
        people.read(0)


@pytest.mark.parametrize("name", ["{}_{:03d}_{}_{:02d}.png", "{:02d}_{:04d}_{}_{}.bmp", "{}_{}_{}_{:03d}.PNG"])
def test_extracted_pictures_are_the_cells_whatever_their_zero_padding(mat, tmp_path, name):
    folder = extract(tmp_path / "pictures", name)
    (folder / "Thumbs.db").write_text("x")
    people, cells = cuhk03(folder), cuhk03(mat)
    assert [pathlib.PurePath(path).stem for path in people.paths] == [
        pathlib.PurePath(path).stem for path in cells.paths
    ]
    assert people.identities.tolist() == cells.identities.tolist()
    assert people.cameras.tolist() == cells.cameras.tolist()
    np.testing.assert_array_equal(people.read(20), cells.read(20))


def test_a_picture_extracted_twice_is_refused(tmp_path):
    folder = extract(tmp_path / "pictures", cells=CELLS[:2])
    (folder / "1_1_1_1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1_001_1_01\.png and .*1_1_1_1\.png are the same picture"):
        cuhk03(folder)


def test_boxes_cannot_be_taken_for_the_others(mat, tmp_path):
    folder = extract(tmp_path / "images_detected", cells=CELLS[:2])
    with pytest.raises(InputError, match="by its name these are detected boxes, not labeled"):
        cuhk03(folder)
    with pytest.raises(InputError, match="boxes labeled and detected; got 'drawn'"):
        cuhk03(mat, boxes="drawn")


def test_nothing_there_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.mat: cannot be read \(No such file.*expected cuhk-03\.mat"):
        cuhk03(tmp_path / "nowhere.mat")
    with pytest.raises(
        InputError, match=r"no picture of CUHK03 here; expected cuhk-03\.mat, the folder images_labeled, or files"
    ):
        cuhk03(tmp_path)
    with pytest.raises(InputError, match=r"no cuhk-03\.mat here, which alone holds the test sets"):
        cuhk03_test_sets(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no MATLAB 7.3 (HDF5) file"),
        (b"hello", "no MATLAB 7.3 (HDF5) file"),
        (b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(300), "a MATLAB 5 file; expected cuhk-03.mat as published"),
        (b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(300), "damaged: it says MATLAB 7.3 but holds no HDF5"),
    ],
)
def test_a_file_of_another_format_says_which(tmp_path, content, message):
    path = tmp_path / "cuhk-03.mat"
    path.write_bytes(content)
    for read in (cuhk03, cuhk03_test_sets):
        with pytest.raises(InputError, match=re.escape(f"{path}: {message}")):
            read(path)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_named(mat, share):
    content = mat.read_bytes()
    mat.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"{mat}: cannot be read \(.*truncated file.*Copy or download the file again"):
        cuhk03(mat)


def replace(file, name, **dataset):
    del file[name]
    file.create_dataset(name, **dataset)


def five(file, reference):
    return {"data": np.array([[reference] * 5], h5py.ref_dtype), "dtype": h5py.ref_dtype}


BROKEN_STRUCTURES = {
    "no labeled": (
        lambda file: file.pop("labeled"),
        "no 'labeled' in it; expected cuhk-03.mat as published. It holds: #refs#, detected, testsets",
    ),
    "a link out of the file": (
        lambda file: (file.pop("labeled"), file.__setitem__("labeled", h5py.ExternalLink("other.mat", "/labeled"))),
        "no 'labeled' in it",
    ),
    "labeled is a group": (
        lambda file: (file.pop("labeled"), file.create_group("labeled")),
        "labeled is a group; expected 5 cells, one a camera pair",
    ),
    "labeled are numbers": (
        lambda file: replace(file, "labeled", data=np.zeros((1, 5))),
        "labeled is an array of float64 of the shape (1, 5); expected 5 cells",
    ),
    "four pairs": (
        lambda file: replace(file, "labeled", data=file["labeled"][:, :4], dtype=h5py.ref_dtype),
        "labeled has cells of the shape (1, 4); expected 5 cells",
    ),
    "a null pair": (
        lambda file: file["labeled"].__setitem__((0, 2), h5py.Reference()),
        "labeled, camera pair 3: the reference is null",
    ),
    "a pair that is a group": (
        lambda file: file["labeled"].__setitem__((0, 2), file["#refs#"].ref),
        "labeled, camera pair 3 is a group; expected (10, identities)",
    ),
    "a pair of pictures": (
        lambda file: file["labeled"].__setitem__((0, 2), add(file, np.zeros((3, 4, 5), np.uint8), "uint8", "x").ref),
        "labeled, camera pair 3 is an array of uint8 of the shape (3, 4, 5); expected (10, identities)",
    ),
    "a pair on its side": (
        lambda file: file["labeled"].__setitem__(
            (0, 0), file.create_dataset("x", data=file[file["labeled"][0, 0]][()].T, dtype=h5py.ref_dtype).ref
        ),
        "labeled, camera pair 1 has cells of the shape (3, 10); expected (10, identities)",
    ),
    "a pair of a million": (
        lambda file: file["labeled"].__setitem__(
            (0, 0), file.create_dataset("x", shape=(10, 10**6), dtype=h5py.ref_dtype, chunks=(10, 1000)).ref
        ),
        "labeled, camera pair 1 has cells of the shape (10, 1000000); expected (10, identities), of 1 to 999",
    ),
    "all empty": (
        lambda file: replace(file, "labeled", **five(file, add(file, np.zeros(2, np.uint64), "cell", "x").ref)),
        "all cells of 'labeled' are empty",
    ),
}


@pytest.mark.parametrize("damage", BROKEN_STRUCTURES)
def test_a_broken_structure_is_an_error_at_once(mat, damage):
    do, message = BROKEN_STRUCTURES[damage]
    with h5py.File(mat, "r+") as file:
        do(file)
    with pytest.raises(InputError, match=re.escape(f"{mat}: {message}")):
        cuhk03(mat)
    if "labeled" in message:
        assert len(cuhk03(mat, boxes="detected")) == len(CELLS)


def dangling(file):
    gone = file["#refs#"].create_dataset("gone", data=np.zeros((3, 9, 9), np.uint8))
    reference = gone.ref
    del file["#refs#/gone"]
    return reference


def dataset(*args, **kwargs):
    return lambda file: file.create_dataset("x", *args, **kwargs).ref


BROKEN_CELLS = {
    "null": (lambda file: h5py.Reference(), "the reference is null"),
    "dangling": (dangling, "the reference leads nowhere"),
    "group": (lambda file: file["#refs#"].ref, "a group; expected a picture"),
    "float": (dataset(data=np.zeros((3, 6, 16))), "an array of float64 of the shape (3, 6, 16); expected a picture"),
    "signed": (dataset(data=np.zeros((3, 6, 16), np.int8)), "an array of int8"),
    "grey": (dataset(data=np.zeros((6, 16), np.uint8)), "of the shape (6, 16); expected a picture"),
    "four colours": (dataset(data=np.zeros((4, 6, 16), np.uint8)), "of the shape (4, 6, 16); expected a picture"),
    "colours last": (dataset(data=np.zeros((16, 6, 3), np.uint8)), "of the shape (16, 6, 3); expected a picture"),
    "numbers": (dataset(data=np.ones(2, np.uint64)), "an array of uint64 of the shape (2,)"),
    "huge": (
        dataset(shape=(3, 10**6, 10**6), dtype=np.uint8, chunks=(3, 100, 100)),
        f"1000000 x 1000000 is more than the {MOST_PIXELS} pixels read",
    ),
    "never written": (dataset(shape=(3, 6, 16), dtype=np.uint8), "whose pixels were never written"),
    "in another file": (
        dataset(shape=(3, 6, 16), dtype=np.uint8, external=[("other.raw", 0, 288)]),
        "its values are in another file",
    ),
}


@pytest.mark.parametrize("damage", BROKEN_CELLS)
def test_a_broken_cell_stays_in_the_set_and_is_named_when_it_is_read(mat, damage):
    make, message = BROKEN_CELLS[damage]
    with h5py.File(mat, "r+") as file:
        put(file, "labeled", 1, 3, 7, make(file))
    people = cuhk03(mat)
    assert len(people) == len(CELLS)
    at = named(people, "1_003_2_07")
    where = f"{mat}/labeled/1_003_2_07: camera pair 1, identity 3, cell 7: "
    with pytest.raises(InputError, match=f"{re.escape(where)}.*{re.escape(message)}.* Copy or download the file again"):
        people.read(at)
    np.testing.assert_array_equal(people.read(at + 1), picture(1, 3, 8))


def test_pixels_that_cannot_be_unpacked_are_named(mat):
    with h5py.File(mat, "r+") as file:
        packed = file.create_dataset("x", data=picture(1, 1, 1).transpose(2, 1, 0), compression="gzip")
        put(file, "labeled", 1, 1, 1, packed.ref)
        _, stored = packed.id.read_direct_chunk((0, 0, 0))
    content = mat.read_bytes()
    assert content.count(stored) == 1
    mat.write_bytes(content.replace(stored, b"\xff" * len(stored)))
    with pytest.raises(InputError, match=r"1_001_1_01: .*cell 1: cannot be read .*Copy or download"):
        cuhk03(mat).read(0)


def test_test_sets_are_coded_as_the_identities_are(mat):
    expected = [sorted(1000 * pair + number for pair, number in each) for each in TEST_SETS]
    assert cuhk03_test_sets(mat) == cuhk03_test_sets(mat.parent) == expected
    assert set(expected[0]) <= set(cuhk03(mat).identities.tolist())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((3, 2)), "testsets, cell 2 is an array of float64 of the shape (3, 2); expected (2, identities)"),
        (np.ones((2, 10**5)), "expected (2, identities)"),
        (np.array([[1.0, 6.0], [1.0, 2.0]]), "names identity 2 of camera pair 6; expected whole numbers"),
        (np.array([[1.0, 2.0], [1.0, 2.5]]), "names identity 2.5 of camera pair 2; expected whole numbers"),
        (np.array([[1.0, 2.0], [1.0, np.nan]]), "names identity nan of camera pair 2"),
        (np.ones((2, 2)), "testsets, cell 2 names an identity twice"),
    ],
)
def test_broken_test_sets_are_named(mat, values, message):
    with h5py.File(mat, "r+") as file:
        file["testsets"][0, 1] = add(file["#refs#"], values, "double").ref
    with pytest.raises(InputError, match=re.escape(message)):
        cuhk03_test_sets(mat)


def test_a_file_without_test_sets_says_so(mat):
    with h5py.File(mat, "r+") as file:
        del file["testsets"]
    with pytest.raises(InputError, match="no 'testsets' in it"):
        cuhk03_test_sets(mat)


def test_the_real_pictures_of_camera_pair_1_are_all_there(real_data):
    people = cuhk03(real_data / "cuhk03" / "pair1_labeled")
    assert (len(people), len(people.people)) == (8177, 843)
    assert set(people.cameras.tolist()) == {0, 1} and people.identities.min() == 1001
    assert people.read(0).shape == (160, 60, 3)
