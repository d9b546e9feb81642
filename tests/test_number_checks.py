"""Numbers that a caller gives: NumPy's are as good as Python's, and nothing else is taken for one."""

import numpy as np
import pytest

from tfnxc.number_checks import real_number, whole_number


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)], ids=repr)
def test_whole_numbers(value):
    found = whole_number("size", value, least=1)
    assert found == 3 and type(found) is int


@pytest.mark.parametrize(
    "value", [0, -1, 1.0, "1", None, True, np.bool_(True), np.float32(2), np.array([1, 2])], ids=repr
)
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match="size must be a whole number, 1 or above, received"):
        whole_number("size", value, least=1)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), 1, np.int64(0)], ids=repr)
def test_real_numbers(value):
    found = real_number("share", value, most=1.0)
    assert found == value and type(found) is float


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, "0.5", None, True], ids=repr)
def test_what_is_no_real_number(value):
    with pytest.raises(ValueError, match="share must be a finite number, 0 to 1, received"):
        real_number("share", value, most=1.0)


def test_an_infinite_number_is_none_without_a_limit_too():
    with pytest.raises(ValueError, match="share must be a finite number, 0 or above, received inf"):
        real_number("share", np.inf)
