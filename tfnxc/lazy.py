"""Names of a package that are imported when they are first used, so that nobody waits for what they do not use."""

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[Callable, Callable]:
    """The functions `__getattr__` and `__dir__` of a package whose names are imported when they are first used.

    A type checker and an editor do not see such names: list the same imports under `if TYPE_CHECKING:` too.

    Args:
        package: `__name__` of the package.
        modules: For each name the module that holds it.

    Returns:
        `(__getattr__, __dir__)`.

    Example:
        >>> __getattr__, __dir__ = lazy_names("tfnxc.scoring", {"PairScorer": "tfnxc.scoring.pair_scorer"})
        >>> __getattr__("PairScorer").__name__
        'PairScorer'
    """

    def get(name):
        if name in modules:
            return getattr(importlib.import_module(modules[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {', '.join(sorted(modules))}")

    return get, lambda: sorted({*modules, *getattr(sys.modules[package], "__all__", ())})
