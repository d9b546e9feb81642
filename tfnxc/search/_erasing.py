"""Erasing pictures from an index so that nothing of them is left in it, with a receipt."""

import dataclasses
import os
import pathlib
import time
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from tfnxc.datasets.readers.folder import label
from tfnxc.errors import InputError
from tfnxc.search._meant import meant_by
from tfnxc.search.audit import AuditLog, asker
from tfnxc.search.picture import brief, label_text
from tfnxc.search.times import format_time


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What was erased from an index.

    Args:
        number: A random text, by which the audit log names this receipt.
        index: The folder of the index.
        at: When, in ISO 8601, UTC.
        who: Who had it done.
        pictures: The names of the pictures whose vectors, maps and labels are gone.
        identities: Whose pictures were asked for, where an identity was.
        before: Pictures of earlier times were asked for: in ISO 8601, or `None`.
        undated: How many pictures without a time stay, where pictures were asked for by their time.
        log_parts: How many parts of the audit log that named them are gone, or `None` where the index has no log.
    """

    number: str
    index: str
    at: str
    who: str
    pictures: tuple[str, ...]
    identities: tuple[str, ...] = ()
    before: str | None = None
    undated: int = 0
    log_parts: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain types for JSON, with what an index does not hold and so cannot erase."""
        return {**dataclasses.asdict(self), "not_erased": NOT_ERASED}


NOT_ERASED = (
    "The files of the pictures themselves; backups of the index, which are to be made anew or erased likewise; "
    "exports; prepared data sets; models that were trained on them and embeddings that were fitted; what others copied."
)
"""What may hold something of a picture and is not part of an index."""


def identities_of(given: Any) -> tuple[str, ...]:
    """Identities as they are compared with others, or an `InputError`."""
    several = [given] if isinstance(given, str) else list(given)
    texts = tuple(map(label_text, several))
    for text, each in zip(texts, several, strict=True):
        if not text:
            raise InputError(f"expected identities, which are texts or whole numbers; got {brief(each)}.")
    return tuple(label(str(text)) for text in texts)


def known_names(store: Any, log: AuditLog | None, given: Iterable[Any]) -> set[str]:
    """The names that names, files and folders mean, of pictures that the index has, had, or knows from its log.

    Those that were deleted lie in their segments until these are rewritten.
    """
    snapshot, names = store.snapshot, set()
    given = [given] if isinstance(given, str | os.PathLike) else list(given)
    left = set(snapshot.records.names)
    for each in given:
        try:
            names |= meant_by([each], snapshot.rows, store.folder)
        except InputError:
            if not isinstance(each, str | os.PathLike):
                raise
            own = {os.fsdecode(each), os.path.abspath(os.fsdecode(each))}
            found = own & left or own & (set() if log is None else _named_in(log))
            if not found:
                raise InputError(f"{brief(each)}: {store.folder} knows no such picture; nothing was erased.") from None
            names |= found
    return names


def _named_in(log):
    return {_name_of(content) for entry in log.entries() for content in entry.contents}


def _name_of(content):
    return content.get("picture", content.get("probe"))


def erase(
    store: Any, log: AuditLog | None, names: Collection[str], identities: tuple[str, ...] = (), **about: Any
) -> Receipt:
    """Erases pictures by their names, so that a call that was killed can be given again.

    `store` is the `Store` of the index; `about` are further fields of the `Receipt`.
    """
    number = uuid.uuid4().hex
    records = store.snapshot.records
    names = {
        *names,
        *(name for name, who in zip(records.names, records.identities, strict=True) if _is_of(who, identities)),
    }

    def named(content):
        return _name_of(content) in names or _is_of(content.get("identity"), identities)

    def in_log():
        return any(named(content) for entry in log.entries() for content in entry.contents)

    if not names and not about and (log is None or not in_log()):
        whom = ", ".join(identities) or "nobody"
        raise InputError(f"{store.folder}: this index knows nothing of {whom}; nothing was erased.")
    parts = 0 if log is None else log.erase(named, number, {"pictures": len(names), **about})
    with store.writing():
        store.delete(names & set(store.snapshot.rows))
        store.compact()
        store.write_lists()
    if log is not None:  # what a search that began before has written down since
        parts += log.erase(named, number)
    return Receipt(
        number,
        os.fspath(pathlib.Path(store.folder).absolute()),
        str(format_time(round(time.time(), 3))),
        asker(),
        tuple(sorted(names)),
        identities,
        log_parts=None if log is None else parts,
        **about,
    )


def _is_of(identity, identities):
    return identity is not None and label(identity) in identities
