"""Keras finds the serializable classes of tfnxc by name, without waiting for their imports until it asks for one.

Keras looks for the classes of a saved model among the custom objects, by their registered names. As soon as Keras is
imported, these names are there, each with a stand-in that imports its class when Keras makes something of it; the class
then takes the name over. So importing tfnxc imports neither Keras nor TensorFlow, and importing Keras no more of tfnxc.
"""

import importlib
import importlib.abc
import sys

SERIALIZABLE = {
    "BestDisplacement": "tfnxc.layers",
    "CrossInputNeighborhood": "tfnxc.layers",
    "CrossInputSummary": "tfnxc.layers",
    "GroupLoss": "tfnxc.losses",
    "GroupRankingLoss": "tfnxc.losses",
    "KernelMuon": "tfnxc.optimizers",
    "NormXcorr": "tfnxc.layers",
    "NormXcorrSummary": "tfnxc.layers",
    "StatisticsPooling": "tfnxc.embedding",
    "TakeMaps": "tfnxc.models.split",
}
"""Every class that is registered with Keras, and its module."""


def make_known() -> None:
    """Makes the names of `SERIALIZABLE` known to Keras: at once if it is imported, otherwise as soon as it is."""
    if "keras" in sys.modules:
        _register_stand_ins()
    else:
        # Those of an import of tfnxc before: it may be imported again, or reloaded, and one is enough.
        sys.meta_path[:] = [_AfterKeras(), *(each for each in sys.meta_path if not _is_ours(each))]


def _is_ours(finder):
    """Whether a finder is an `_AfterKeras`; its class may be that of another import of this module."""
    kind = type(finder)
    return (kind.__module__, kind.__qualname__) == (__name__, _AfterKeras.__qualname__)


def _register_stand_ins():
    known = importlib.import_module("keras").saving.get_custom_objects()
    for name, module in SERIALIZABLE.items():
        known.setdefault(f"tfnxc>{name}", stand_in(name, module))


def stand_in(name: str, module: str) -> type:
    """A class of this name that makes instances of the class in the module, which it imports then."""

    def imported():
        return getattr(importlib.import_module(module), name)

    def new(_, *args, **kwargs):
        return imported()(*args, **kwargs)

    def from_config(_, config):
        return imported().from_config(config)

    return type(name, (), {"__module__": module, "__new__": new, "from_config": classmethod(from_config)})


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Registers the stand-ins at the end of the first import of Keras, and is gone then."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        others = (each for each in sys.meta_path if not _is_ours(each))
        spec = next(filter(None, (each.find_spec(name, path, target) for each in others)), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                _register_stand_ins()

            spec.loader.exec_module = exec_module
        return spec
