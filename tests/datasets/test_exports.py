"""The names of `tfnxc.datasets`, some of which are names of modules too."""

import importlib
import pkgutil

import tfnxc


def test_no_module_stands_in_the_place_of_a_function():
    for module in pkgutil.walk_packages(tfnxc.datasets.__path__, "tfnxc.datasets."):
        importlib.import_module(module.name)
    for name in tfnxc.datasets.__all__:
        value = getattr(tfnxc.datasets, name)
        assert callable(value) or name in ("CATALOGUE", "IMAGE_SIZE"), name
    assert sorted(tfnxc.datasets.__all__) == dir(tfnxc.datasets)
