"""The protocols that people of a data set are measured under where none is named."""

from __future__ import annotations

from tfnxc.datasets import CATALOGUE, ImageSet


def of_one_camera(people: ImageSet) -> bool:
    """Whether one camera took all pictures of an `ImageSet`, so that none can be looked for across cameras."""
    return len(set(people.cameras.tolist())) == 1


def default_protocol(dataset: str, people: ImageSet) -> str:
    """The protocol of a data set for these people where none is named: `"paper"` for own pictures of one camera."""
    own = CATALOGUE[dataset].default_protocol if dataset in CATALOGUE else "cross-camera"
    return "paper" if own == "cross-camera" and of_one_camera(people) else own


def default_protocols(dataset: str, people: ImageSet) -> tuple[str, ...]:
    """The protocols of a data set where none is named: its own, and the paper's where images are drawn.

    Args:
        dataset: Name of the data set.
        people: `ImageSet` of the test people.

    Returns:
        Names of protocols, that of the data set first.

    Example:
        >>> default_protocols("synthetic", people)
        ('cross-camera', 'paper')
    """
    own = default_protocol(dataset, people)
    return (own,) if own in ("market", "paper") else (own, "paper")
