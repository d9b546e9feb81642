"""`CrossInputNeighborhood` as a Keras layer."""

import pytest

from tests import oracle
from tests.layers import layer_checks
from tfnxc.layers import CrossInputNeighborhood


@pytest.mark.parametrize(
    "arguments",
    [{}, {"search_size": (3, None), "layout": "maps"}, {"search_size": (5, 3), "layout": "blocks"}],
    ids=["defaults", "whole width", "blocks"],
)
def test_it_does_all_that_keras_asks_of_a_layer(arguments, tmp_path, keras_seed):
    search_size = arguments.get("search_size", (5, 5))

    def reference(x, y):
        maps = oracle.cross_input_neighborhood(x, y, search_size)
        if arguments.get("layout") != "blocks":
            return maps
        batch, height, width, channels = x.shape
        rows, columns = search_size
        blocks = maps.reshape(batch, height, width, channels, rows, columns).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(batch, height * rows, width * columns, channels)

    layer_checks.check_layer(CrossInputNeighborhood, arguments, reference, tmp_path)


def test_wrong_inputs_are_refused():
    layer_checks.check_wrong_inputs(CrossInputNeighborhood)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"search_size": (4, 5)}, r"search_size must be \(rows, columns\): odd .*got \(4, 5\)"),
        ({"search_size": (5, 5, 5)}, r"search_size must be an integer or a pair of integers; got \(5, 5, 5\)"),
        ({"layout": "rows"}, r"layout must be one of \('maps', 'blocks'\); got 'rows'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CrossInputNeighborhood(**arguments)
