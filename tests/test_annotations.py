"""The public surface is annotated: whoever calls it sees types, and a type checker can check the call."""

import importlib
import inspect
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1] / "tfnxc"
PACKAGES = sorted(
    path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("cli", "custom_ops")
)
MODULES = ["distribution", "losses", "optimizers"]
_GIVEN = {"self", "cls", "args", "kwargs"}


def public(name):
    """`(qualified name, function)` of everything that a package says is public."""
    module = importlib.import_module(f"tfnxc.{name}")
    names = getattr(module, "__all__", None) or [key for key in vars(module) if not key.startswith("_")]
    for key in names:
        value = getattr(module, key)
        if not getattr(value, "__module__", "").startswith("tfnxc"):
            continue
        if inspect.isclass(value):
            yield from methods(f"{name}.{key}", value)
        elif inspect.isfunction(value):
            yield f"{name}.{key}", value


def methods(name, kind):
    for key, value in vars(kind).items():
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        value = getattr(value, "func", value)  # of a cached property
        if inspect.isfunction(value) and (key == "__init__" or not key.startswith("_")):
            if value.__module__.startswith("tfnxc") and value.__qualname__.startswith(f"{kind.__name__}."):
                yield f"{name}.{key}", value


@pytest.mark.parametrize("name", [*PACKAGES, *MODULES])
def test_everything_public_is_annotated(name):
    missing = []
    for place, function in public(name):
        signature = inspect.signature(function)
        without = [
            each.name
            for each in signature.parameters.values()
            if each.annotation is each.empty and each.name not in _GIVEN
        ]
        if signature.return_annotation is signature.empty and not place.endswith("__init__"):
            without.append("return")
        missing += [f"{place}: {', '.join(without)}"] if without else []
    assert not missing, "\n".join(missing)
