"""The ways in which a pair of images is shown to a model."""

from typing import NamedTuple


class View(NamedTuple):
    """One of the ways in which a pair is shown to a model.

    Args:
        exchanged: Whether the gallery image comes first and the probe second.
        mirrored: Whether the first and the second image are mirrored, left for right.
    """

    exchanged: bool
    mirrored: tuple[bool, bool]


def views(both_orders: bool = False, flips: bool = False) -> tuple[View, ...]:
    """The ways in which each pair is shown, whose scores are averaged.

    Args:
        both_orders: Whether the images also change places: the correlation is not symmetric. Defaults to `False`.
        flips: Whether the probe is also shown mirrored. Defaults to `False`.

    Returns:
        A tuple of one, two or four `View`s.

    Example:
        >>> len(views(both_orders=True, flips=True))
        4
    """
    found = [View(False, (False, False))]
    if flips:
        found.append(View(False, (True, False)))
    if both_orders:
        found += [View(True, (view.mirrored[1], view.mirrored[0])) for view in tuple(found)]
    return tuple(found)
