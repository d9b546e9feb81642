"""A copy of an index, whatever another process writes to it meanwhile."""

import contextlib
import pathlib
import shutil

from tfnxc.errors import InputError
from tfnxc.files import is_temporary, replacing
from tfnxc.hashes import sha256_of
from tfnxc.locks import LOCK
from tfnxc.search._files import MANIFEST, damaged
from tfnxc.search._lists import LISTS
from tfnxc.search._models import FILES
from tfnxc.search._store import locked
from tfnxc.search.audit import FOLDER, AuditLog


def copy_index(snapshot, to, progress=None):
    """Copies what a `Snapshot` holds into another folder, which is an index only when all is there.

    The manifest is read first, with the snapshot, and written last. Segments come from the open files: a compaction
    that takes their names away meanwhile does not disturb.
    """
    to = pathlib.Path(to)
    if to.exists() and (not to.is_dir() or not all(map(_is_of_a_copy, to.iterdir()))):
        raise InputError(f"{to} exists. Choose another folder for the copy.")
    to.mkdir(parents=True, exist_ok=True)
    with locked(to):
        if (to / MANIFEST).exists():
            raise InputError(f"{to}: another process has just made an index here. Choose another folder for the copy.")
        for name, digest in snapshot.manifest.files.items():
            with replacing(to / name) as new:
                _copy_file(snapshot.folder / name, new)
                if sha256_of(new) != digest:
                    raise damaged(snapshot.folder / name, "not the file that the index was begun with")
        (to / LISTS).unlink(missing_ok=True)  # of a killed copy, perhaps of another index
        with contextlib.suppress(FileNotFoundError), replacing(to / LISTS) as new:
            shutil.copyfile(snapshot.folder / LISTS, new)
        for segment in snapshot.segments:
            segment.copy(to)
            if progress is not None:
                progress(segment.entry.pictures)
        if snapshot.manifest.audited:  # the copy is used by others, and has a log of its own
            AuditLog.start(to)
        snapshot.manifest.write(to)


def _is_of_a_copy(path):
    """Whether a copy that was killed before its end left this file."""
    return path.name in {LOCK, LISTS, FOLDER, *FILES} or path.suffix == ".segment" or is_temporary(path)


def _copy_file(path, to):
    try:
        shutil.copyfile(path, to)
    except FileNotFoundError:
        raise damaged(path, "no such file") from None
