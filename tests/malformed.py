"""What a stranger's JSON may hold in the place of what tfnxc writes, the same at each run."""

import json
import math

_DIGITS = "<so many digits that no number is read of them>"
VALUES = (
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    0.5,
    math.nan,
    math.inf,
    "",
    "0",
    "a\nb",
    "\0",
    "\ud800",
    "../up",
    "x" * 5000,
    _DIGITS,
    [],
    [None],
    [[0, 1], [2]],
    [-1, -1],
    {},
    {"0": 0},
    {"a": {"b": []}},
)


def _places(data, place=()):
    yield place
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(items)[:6] if isinstance(data, list) else items:
        yield from _places(value, (*place, key))


def _with(data, place, change):
    """A copy in which one place is changed: `change` gets what holds it and its key."""
    copy = json.loads(json.dumps({"": data}))
    holder, key = copy, ""
    for each in place:
        holder, key = holder[key], each
    change(holder, key)
    return copy.get("")


def _put(value):
    def change(holder, key):
        holder[key] = value

    return change


def _drop(holder, key):
    del holder[key]


def malformed(data):
    """Pairs of a name and the text of a JSON file: `data` with one value that is another, or without it."""
    for place in _places(data):
        name = "/".join(map(str, place))
        for number, value in enumerate(VALUES):
            yield f"{name} {number}", json.dumps(_with(data, place, _put(value))).replace(f'"{_DIGITS}"', "9" * 5000)
        yield f"{name} gone", json.dumps(_with(data, place, _drop))
        if isinstance(place[-1:] and place[-1], str):
            yield f"{name} other", json.dumps(_with(data, place[:-1], lambda holder, key: holder[key].update(new=1)))
        deep = json.dumps(_with(data, place, _put(_DIGITS)))
        for depth in (90, 100_000):
            yield f"{name} {depth} deep", deep.replace(f'"{_DIGITS}"', "[" * depth + "]" * depth)
    whole = json.dumps(data)
    yield "cut", whole[: len(whole) // 2]
    yield "empty", ""
    yield "zeros", "\0" * 50
