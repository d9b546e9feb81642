"""Who asked an index for whom and what was answered: a log of lines, each of which seals those before it."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import getpass
import hashlib
import json
import os
import pathlib
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tfnxc.errors import DamagedError, InputError
from tfnxc.files import replacing, writing
from tfnxc.locks import alone_in
from tfnxc.search.times import format_time, parse_time

FOLDER = "audit"
"""The folder in an index that holds its log; where it is, every search, addition and deletion is written down."""

_FILE = "log.jsonl"
_NOTHING = "0" * 64  # what the first entry has as the seal of the one before
_PATIENCE = 30.0  # seconds to wait for another process that writes an entry
_BLOCK = 1 << 16  # bytes read at a time from the end
_ASKER: contextvars.ContextVar[str | None] = contextvars.ContextVar("who asks", default=None)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of an audit log.

    Args:
        number: From 1, without a gap.
        at: When, in ISO 8601, UTC.
        who: Who asked, as far as the program that was asked knows.
        what: `"search"`, `"add"`, `"delete"`, `"erase"` or `"expire"`.
        about: What was asked, as plain types, without a name of a picture or a person.
        parts: What names a picture or a person, each sealed by itself with a random salt, so that it can be erased and
            the log still verified: `{"seal", "salt", "content"}`, or `{"seal", "erased"}`.
        previous: The seal of the entry before.
        seal: SHA-256, in hexadecimal digits, of all the above, of a part its seal.
    """

    number: int
    at: str
    who: str
    what: str
    about: dict[str, Any]
    parts: tuple[dict[str, Any], ...]
    previous: str
    seal: str

    @property
    def contents(self) -> list[dict[str, Any]]:
        """The contents of the parts that are not erased."""
        return [part["content"] for part in self.parts if "content" in part]

    @classmethod
    def sealed(
        cls,
        number: int,
        at: str,
        who: str,
        what: str,
        about: dict[str, Any],
        parts: Iterable[dict[str, Any]],
        previous: str,
    ) -> Entry:
        """An entry with its seal."""
        entry = cls(number, at, who, what, about, tuple(parts), previous, "")
        return dataclasses.replace(entry, seal=entry._seal())

    def sound(self) -> bool:
        """Whether the seals are those of what they seal."""
        whole = all(part["seal"] == _seal_of(part["salt"], part["content"]) for part in self.parts if "content" in part)
        return whole and self.seal == self._seal()

    def _seal(self):
        seals = [part["seal"] for part in self.parts]
        return _sha256([self.number, self.at, self.who, self.what, self.about, seals, self.previous])

    def to_dict(self) -> dict[str, Any]:
        """As plain types for JSON."""
        return dataclasses.asdict(self)

    def to_line(self) -> bytes:
        """As a line of JSON."""
        return json.dumps(self.to_dict()).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Entry:
        """What `to_line` gave; a `ValueError`, `TypeError` or `KeyError` of anything else."""
        found = json.loads(line)
        entry = cls(**{**found, "parts": tuple(found["parts"])})
        texts = (entry.at, entry.who, entry.what, entry.previous, entry.seal, *(part["seal"] for part in entry.parts))
        if type(entry.number) is not int or not all(isinstance(each, str) for each in texts):
            raise ValueError("not of the kinds that are written")
        return entry


class AuditLog:
    """The log of an index, to which entries are added and of which none is changed, but for what is erased or expired.

    Each entry seals the one before, so that a change, a gap or another order is found by `verify`. Whoever can write
    the file can also write it anew from some entry on: keep the `head` elsewhere from time to time, and compare.

    Args:
        index: Folder of the index; the log is in `audit` in it.

    Example:
        >>> log = AuditLog.start("audited")
        >>> log.append("search", {"top": 10}, [{"picture": "lift/0007.png", "score": 3.5}], who="anna").number
        1
        >>> [entry.who for entry in log.entries()], log.verify()
        (['anna'], 1)
    """

    def __init__(self, index: str | os.PathLike):
        self.folder = pathlib.Path(index) / FOLDER
        self.path = self.folder / _FILE

    @classmethod
    def start(cls, index: str | os.PathLike) -> AuditLog:
        """Begins the log of an index, or goes on with the one that is there."""
        log = cls(index)
        log.folder.mkdir(parents=True, exist_ok=True)
        log.path.touch(mode=0o600)
        return log

    @property
    def kept(self) -> bool:
        """Whether the index has a log."""
        return self.folder.is_dir()

    @property
    def head(self) -> str:
        """The seal of the last entry: what to keep elsewhere, so that a log written anew can be told."""
        with open(self.path, "rb") as file:
            return _last(file, self.path)[1]

    def append(
        self,
        what: str,
        about: Mapping[str, Any],
        contents: Iterable[Mapping[str, Any]] = (),
        who: str | None = None,
    ) -> Entry:
        """Writes an entry, and gives it once it is on the disk.

        Args:
            what: As in `Entry`.
            about: As in `Entry`.
            contents: What names a picture or a person, one mapping of plain types a picture.
            who: As in `Entry`. Defaults to `None`: `asker()`.

        Raises:
            OSError: If it cannot be written.
            InputError: If the log is damaged, or another process holds it for half a minute.
        """
        parts = [_part(dict(content)) for content in contents]
        with writing(self.path), self._alone(), open(self.path, "r+b") as file:
            number, previous, end = _last(file, self.path)
            at = str(format_time(round(time.time(), 3)))
            entry = Entry.sealed(number + 1, at, who or asker(), what, dict(about), parts, previous)
            file.truncate(end)  # of an entry that a kill cut short
            file.seek(end)
            file.write(entry.to_line())
            file.flush()
            os.fsync(file.fileno())
            return entry

    def entries(self) -> Iterator[Entry]:
        """All entries, the oldest first, as they are read; an `InputError` names a line that is none."""
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return  # a kill cut it short; nothing was answered
                try:
                    yield Entry.from_line(line)
                except (ValueError, TypeError, KeyError, RecursionError):
                    raise _damaged(self.path, f"line {number} is no entry") from None

    def verify(self, head: str | None = None) -> int:
        """Checks all seals, and gives how many entries there are.

        Args:
            head: The seal of some entry, kept elsewhere. Defaults to `None`.

        Raises:
            InputError: If an entry was changed, left out or put elsewhere, or none has the seal `head`.
        """
        before, count, found = None, 0, head is None
        for entry in self.entries():
            follows = before is None or (entry.number, entry.previous) == (before.number + 1, before.seal)
            first = before is not None or entry.number > 1 or entry.previous == _NOTHING
            if not (entry.sound() and follows and first):
                raise _damaged(self.path, f"entry {entry.number} is not what was written, or not in its place")
            before, count, found = entry, count + 1, found or head in (entry.seal, entry.previous)
        if not found:
            raise InputError(f"{self.path}: no entry has the seal {head}; the log was written anew, or is another one.")
        return count

    def erase(self, named: Callable[[dict[str, Any]], bool], receipt: str) -> int:
        """Takes the contents for which `named` is true out of all entries, and gives how many that were.

        The seals stay, so that the log can be verified and tells that something was erased, by its `receipt`.
        """
        erased = 0

        def without(entry):
            nonlocal erased
            gone = ["content" in part and bool(named(part["content"])) for part in entry.parts]
            erased += sum(gone)
            parts = zip(entry.parts, gone, strict=True)
            kept = tuple({"seal": part["seal"], "erased": receipt} if out else part for part, out in parts)
            return dataclasses.replace(entry, parts=kept)

        self._rewrite(without)
        return erased

    def expire(self, before: float) -> int:
        """Takes the entries before a time, in seconds since the beginning of 1970, off the disk; gives how many.

        The last one stays, whatever its age, so that numbers and seals go on.
        """
        last = self.head
        gone = 0

        def recent(entry):
            nonlocal gone
            if parse_time(entry.at) >= before or entry.seal == last:
                return entry
            gone += 1
            return None

        self._rewrite(recent)
        return gone

    def _rewrite(self, change: Callable[[Entry], Entry | None]):
        with self._alone(), replacing(self.path) as new:
            with open(new, "wb", opener=_private) as file:
                for entry in map(change, self.entries()):
                    if entry is not None:
                        file.write(entry.to_line())

    def _alone(self):
        return alone_in(self.folder, lambda holder: f"{self.path}: process {holder} holds it. Try again.", _PATIENCE)


@contextlib.contextmanager
def asking(who: str) -> Iterator[None]:
    """A block in which this is who asks, for programs that ask in the name of others.

    Example:
        >>> with asking("10.0.0.7"):
        ...     asker()
        '10.0.0.7'
    """
    token = _ASKER.set(who)
    try:
        yield
    finally:
        _ASKER.reset(token)


def asker() -> str:
    """Who asks: as `asking` says, or else the user whose process this is."""
    who = _ASKER.get()
    if who is not None:
        return who
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _part(content):
    salt = secrets.token_hex(16)
    return {"seal": _seal_of(salt, content), "salt": salt, "content": content}


def _seal_of(salt, content):
    return _sha256([salt, content])


def _sha256(data):
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _last(file, path):
    """Number and seal of the last whole entry of an open log, and where it ends."""
    position = file.seek(0, os.SEEK_END)
    tail = b""
    while position and tail[: tail.rfind(b"\n")].count(b"\n") == 0:
        step = min(_BLOCK, position)
        position = file.seek(position - step)
        tail = file.read(step) + tail
    lines = tail[: tail.rfind(b"\n") + 1]
    if not lines:
        return 0, _NOTHING, 0
    try:
        entry = Entry.from_line(lines[lines.rstrip(b"\n").rfind(b"\n") + 1 :])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _damaged(path, "its last line is no entry") from None
    return entry.number, entry.seal, position + len(lines)


def _damaged(path, what):
    return DamagedError(
        f"{path}: {what}. Put the log back from a copy; what is in this one may not be what was written."
    )
