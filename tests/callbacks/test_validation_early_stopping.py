import types

import pytest

from tfnxc.callbacks.validation_early_stopping import ValidationEarlyStopping


@pytest.mark.parametrize(
    ("best", "every", "patience", "last"),
    [
        (-1, 1, 2, 2),  # no figure was a number: the first two rankings count
        (0, 1, 1, 2),
        (3, 1, 3, 7),
        (3, 2, 1, 6),  # rankings after epochs 2, 4, 6
        (3, 2, 2, 8),
        (4, 5, 1, 10),
        (2, 2, 1, 4),  # of a start that ranked after each pass
    ],
)
def test_a_training_is_over_after_so_many_rankings(best, every, patience, last):
    early = ValidationEarlyStopping(types.SimpleNamespace(number=best), every, patience)
    assert [early.is_over(epochs) for epochs in (last - 1, last, last + 1)] == [False, True, True]
