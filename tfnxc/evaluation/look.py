"""The ways in which a pair of images is shown to a model."""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """One of the ways in which a pair is shown to a model.

    Args:
        exchanged: Whether the gallery image comes first and the probe second.
        mirrored: Whether the first and the second image are mirrored, left for right.
    """

    exchanged: bool
    mirrored: tuple[bool, bool]


def looks(both_orders=False, flips=False):
    """The ways in which each pair is shown, whose scores are averaged.

    Args:
        both_orders: Whether the images also change places: the correlation is not symmetric. Defaults to `False`.
        flips: Whether the probe is also shown mirrored. Defaults to `False`.

    Returns:
        A tuple of one, two or four `Look`s.
    """
    found = [Look(False, (False, False))]
    if flips:
        found.append(Look(False, (True, False)))
    if both_orders:
        found += [Look(True, tuple(reversed(look.mirrored))) for look in tuple(found)]
    return tuple(found)
