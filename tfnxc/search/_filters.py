"""Which pictures of a gallery a search may find."""

import math

import numpy as np

from tfnxc.errors import InputError


def allowed_rows(snapshot, cameras=None, without_cameras=(), since=None, until=None):
    """Booleans, one a row of a `Snapshot`: the pictures that are there and that these filters of `search` leave."""
    allowed, records = snapshot.alive.copy(), snapshot.records
    if cameras is not None:
        allowed &= _of_cameras(records, cameras)
    if without_cameras:
        allowed &= ~_of_cameras(records, without_cameras)
    if since is not None or until is not None:
        times = np.array([math.nan if time is None else time for time in records.times])
        # A comparison with NaN is false: what has no time is not found.
        allowed &= times >= (-math.inf if since is None else since)
        allowed &= times <= (math.inf if until is None else until)
    return allowed


def without_own(snapshot, allowed, probe, other_cameras):
    """`allowed` without the probe itself and, if asked for, without all pictures of its camera."""
    allowed, row = allowed.copy(), snapshot.rows.get(probe.name)
    if row is not None:
        allowed[row] = False
    if other_cameras:
        camera = probe.camera
        if camera is None and row is not None:
            camera = snapshot.records.cameras[row]
        if camera is None:
            raise InputError(
                f"{probe.name}: its camera is not known, so that other cameras cannot be told. Say which one it is."
            )
        allowed &= ~_of_cameras(snapshot.records, [camera])
    return allowed


def _of_cameras(records, cameras):
    cameras = set(cameras)
    return np.array([camera in cameras for camera in records.cameras], bool)
