"""The structure of the package: imports run downwards, private modules stay in their folder, commands are short."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1] / "tfnxc"

FLOORS = (
    ("cli",),
    ("demo", "report", "service"),
    ("search", "serving"),
    ("web",),
    ("training",),
    ("evaluation",),
    ("callbacks",),
    ("runs",),
    ("recipes",),
    ("scoring",),
    ("distribution",),
    ("embedding",),
    ("models",),
    ("layers", "losses", "optimizers"),
    ("visualization",),
    ("metrics",),
    ("datasets",),
    ("ops",),
    (
        "console",
        "errors",
        "files",
        "folders",
        "hashes",
        "identities",
        "keras_line",
        "keras_registry",
        "lazy",
        "locks",
        "number_checks",
        "tables",
        "version",
    ),
)
"""The rooms of the package, from the top: each may import from itself and from the floors below."""

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
LONGEST_COMMAND = 150  # lines
FILES = sorted(ROOT.rglob("*.py"))


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    """`(module, name or None)` of every import of this package in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tfnxc":
            yield from ((node.module, each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, None) for each in node.names if each.name.split(".")[0] == "tfnxc")


def module_of(path):
    """The name of a module or package, as a tuple."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def target(module, name):
    """The parts of what is imported, with the name where it is a module itself."""
    parts = tuple(module.split("."))
    if name is not None and (
        ROOT.parent.joinpath(*parts, f"{name}.py").exists() or ROOT.parent.joinpath(*parts, name).is_dir()
    ):
        parts += (name,)
    return parts


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path):
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    for module, name in imported(path):
        parts = target(module, name)
        if len(parts) < 2:
            continue  # the package itself: its version and lazily imported parts
        other = parts[1]
        ground = FLOOR[other] == len(FLOORS) - 1
        assert other == room or ground or FLOOR[room] < FLOOR[other], f"{path.name} imports {'.'.join(parts)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_private_stays_in_its_folder(path):
    own = module_of(path if path.name == "__init__.py" else path.parent / "__init__.py")
    for module, name in imported(path):
        parts = target(module, name)
        for number, part in enumerate(parts):
            if part.startswith("_"):
                assert own[:number] == parts[:number], f"{path.relative_to(ROOT)} imports {'.'.join(parts)}"
        if (
            name is not None
            and name.startswith("_")
            and not name.startswith("__")
            and len(parts) == module.count(".") + 1
        ):
            assert own == tuple(module.split("."))[: len(own)], f"{path.relative_to(ROOT)} imports {module}.{name}"


@pytest.mark.parametrize("path", sorted((ROOT / "cli").rglob("*.py")), ids=lambda path: path.name)
def test_commands_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_COMMAND
