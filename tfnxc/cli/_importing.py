"""What is to happen when a module is imported, whoever does it, and not if nobody does."""

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager


def around_import(name: str, block: Callable[[], AbstractContextManager]) -> None:
    """Has the first import of a module that is not imported yet happen inside a block.

    A second call for the same module takes the place of the first.

    Args:
        name: The module.
        block: Called when the module is about to be executed, for the context manager that it is executed in.
    """
    sys.meta_path[:] = [each for each in sys.meta_path if not (isinstance(each, _Finder) and each.name == name)]
    sys.meta_path.insert(0, _Finder(name, block))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module where the others do, and has it executed in a block."""

    def __init__(self, name, block):
        self.name, self._block = name, block

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = self._inside(spec.loader.exec_module)  # of this module's own loader
        return spec

    def _inside(self, execute):
        def execute_inside(module):
            with self._block():
                execute(module)

        return execute_inside
