import pytest

from tests.datasets.picture_files import VIPER, lay_out
from tfnxc.datasets import viper
from tfnxc.errors import InputError


@pytest.mark.parametrize("inside", ["", "VIPeR"])
def test_folders_are_cameras_and_names_begin_with_the_identity(tmp_path, inside):
    folder = lay_out(tmp_path / inside, *VIPER)
    people = viper(tmp_path)
    assert people.name == "viper" and people.probes is None
    assert people.identities.tolist() == [0, 1, 0, 1] and people.cameras.tolist() == [0, 0, 1, 1]
    assert people.paths[3] == str(folder / VIPER[3]) and people.read(3)[0, 0, 0] == 3


def test_missing_and_empty_folders_are_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="no folder cam_a and no folder cam_b here; expected the folder of VIPeR"):
        viper(tmp_path)
    for side in ("cam_a", "cam_b"):
        (tmp_path / side).mkdir()
    with pytest.raises(InputError, match=r"cam_a: no picture of VIPeR here; expected files named IDENTITY_ANGLE\.bmp"):
        viper(tmp_path)
    with pytest.raises(InputError, match=r"a\.bmp: a file, not a folder"):
        viper(lay_out(tmp_path, "a.bmp") / "a.bmp")
