"""Erasing pictures from an index so that nothing of them is left in it, with a receipt."""

import dataclasses
import os
import pathlib
import time
import uuid
from collections.abc import Collection
from typing import Any

from tfnxc.errors import InputError
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
    """Identities as texts, or an `InputError`."""
    several = [given] if isinstance(given, str) else list(given)
    texts = tuple(map(label_text, several))
    for text, each in zip(texts, several, strict=True):
        if not text:
            raise InputError(f"expected identities, which are texts or whole numbers; got {brief(each)}.")
    return tuple(map(str, texts))


def erase(store: Any, log: AuditLog, names: Collection[str], identities: tuple[str, ...] = (), **about: Any) -> Receipt:
    """Erases pictures by their names, first from the log, so that a call that was killed can be given again.

    `store` is the `Store` of the index; `about` are further fields of the `Receipt`.
    """
    names, number = set(names), uuid.uuid4().hex

    def named(content):
        return content.get("picture", content.get("probe")) in names or content.get("identity") in identities

    parts = log.erase(named, number) if log.kept else None
    if not names and not parts and not about:
        whom = ", ".join(identities) or "nobody"
        raise InputError(f"{store.folder}: this index knows nothing of {whom}; nothing was erased.")
    with store.writing():
        store.delete(names & set(store.snapshot.rows))
        store.compact()
        store.write_lists()
    receipt = Receipt(
        number,
        os.fspath(pathlib.Path(store.folder).absolute()),
        str(format_time(round(time.time(), 3))),
        asker(),
        tuple(sorted(names)),
        identities,
        log_parts=parts,
        **about,
    )
    if log.kept:
        log.append("erase", {"receipt": number, "pictures": len(names), "log_parts": parts, **about})
    return receipt
