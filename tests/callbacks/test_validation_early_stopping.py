import types

import pytest

from tfnxc.callbacks import ValidationEarlyStopping


@pytest.mark.parametrize(
    ("best", "every", "patience", "last"),
    [
        (-1, 1, 2, 2),  # no figure was a number: the first two rankings count
        (0, 1, 1, 2),
        (3, 1, 3, 7),
        (3, 2, 1, 6),  # rankings after epochs 2, 4, 6
        (3, 2, 2, 8),
        (4, 5, 1, 10),
        (2, 2, 1, 4),  # of a start that ranked after each epoch
    ],
)
def test_a_training_is_over_after_so_many_rankings(best, every, patience, last):
    early = ValidationEarlyStopping(types.SimpleNamespace(epoch=best), every, patience)
    assert [early.is_over(epochs) for epochs in (last - 1, last, last + 1)] == [False, True, True]


@pytest.mark.parametrize("options", [{"every": 0, "patience": 1}, {"every": 1, "patience": 0}])
def test_numbers_out_of_range_are_one_clear_error(options):
    with pytest.raises(ValueError, match="every and patience must be 1 or more; got"):
        ValidationEarlyStopping(types.SimpleNamespace(epoch=-1), **options)
