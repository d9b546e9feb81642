import pytest

from tests.datasets.picture_files import GRID, lay_out
from tfnxc.datasets import grid
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR


@pytest.mark.parametrize("inside", ["", "underground_reid"])
def test_folders_are_cameras_and_0000_is_a_distractor(tmp_path, inside):
    folder = lay_out(tmp_path / inside, *GRID)
    (folder / "probe" / "Thumbs.db").write_text("x")
    people = grid(tmp_path)
    assert people.name == "grid" and people.probes is None
    assert people.identities.tolist() == [1, 250, DISTRACTOR, DISTRACTOR, 1, 250]
    assert people.cameras.tolist() == [0, 0, 1, 1, 1, 1]
    assert people.paths[0] == str(folder / GRID[0]) and people.read(5)[0, 0, 0] == 5


def test_numbers_above_250_are_distractors_as_the_published_lists_have_them(tmp_path):
    lay_out(tmp_path, *GRID, "gallery/0251_1_25698_101_16_87_246.jpeg")
    assert grid(tmp_path).identities.tolist()[-1] == DISTRACTOR


def test_a_distractor_among_the_probes_is_named(tmp_path):
    lay_out(tmp_path, *GRID, "probe/0000_1_1_1_1_1_1.jpeg")
    with pytest.raises(InputError, match=r"probe.0000_1_1_1_1_1_1\.jpeg: a distractor among the probes"):
        grid(tmp_path)


def test_missing_and_empty_folders_are_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder; expected the folder underground_reid of QMUL GRID"):
        grid(tmp_path / "nowhere")
    (tmp_path / "gallery").mkdir()
    with pytest.raises(InputError, match="no folder probe here; expected the folder underground_reid"):
        grid(tmp_path)
    (tmp_path / "probe").mkdir()
    with pytest.raises(InputError, match=r"probe: no picture of QMUL GRID here; expected files such as 0001_1_25004"):
        grid(tmp_path)
