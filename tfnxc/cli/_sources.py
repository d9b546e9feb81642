"""Data sets by name, as the commands take them."""

from __future__ import annotations

import click

from tfnxc.errors import InputError

SEED = click.IntRange(0, 2**32 - 1)
"""What Keras takes as a seed."""

SYNTHETIC_IDENTITIES = 300
"""People in the embedded synthetic set, as the commands use it."""

SOURCES = {
    "cuhk01": "971 identities, 2 cameras, 2 pictures each; needs --data: the folder with campus/PPPPKKK.png",
    "synthetic": f"{SYNTHETIC_IDENTITIES} drawn identities, 2 cameras, 2 pictures each; needs no file",
}


def open_source(name, data):
    """The `ImageSet` of a name in `SOURCES`, read from the folder `data` where it needs one."""
    from tfnxc import datasets  # not above: it imports TensorFlow, which --help should not wait for

    if name == "synthetic":
        if data is not None:
            raise InputError("the synthetic set is drawn, not read: leave --data out.")
        return datasets.synthetic(identities=SYNTHETIC_IDENTITIES)
    if data is None:
        raise InputError(f"{name} needs --data: {SOURCES[name]}.")
    return datasets.cuhk01(data)
