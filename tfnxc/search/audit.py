"""Who asked an index for whom and what was answered: a log of lines, each of which seals those before it."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import getpass
import hashlib
import json
import math
import os
import pathlib
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from tfnxc.errors import BusyError, DamagedError, InputError
from tfnxc.files import is_temporary, replacing, writing
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
        texts = (entry.at, entry.who, entry.what, entry.previous, entry.seal)
        kinds = type(entry.number) is int and isinstance(entry.about, dict) and all(map(_is_text, texts))
        if not kinds or not all(map(_is_part, entry.parts)):
            raise ValueError("not of the kinds that are written")
        parse_time(entry.at)
        return entry


class AuditLog:
    """The log of an index, to which entries are added and of which none is changed, but for what is erased or expired.

    Each entry seals the one before, so that a change, a gap or another order is found by `verify`. Whoever can write
    the file can also write it anew from some entry on: keep the `head` elsewhere from time to time, and compare.

    Args:
        index: Folder of the index; the log is in `audit` in it.

    Example:
        >>> log = AuditLog.start("watched")
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
        """Begins a log, or goes on with the one that is there; by `Gallery.start_audit` an index keeps it."""
        log = cls(index)
        with writing(log.path):
            log.folder.mkdir(parents=True, exist_ok=True)
            with open(log.path, "ab", opener=_private):
                pass
        return log

    @property
    def head(self) -> str:
        """The seal of the last entry: what to keep elsewhere, so that a log written anew can be told."""
        with self._open() as file:
            return _last(file, self.path)[1]

    def open(self) -> BinaryIO:
        """The log as an open file, by which `append` can tell that something was erased since."""
        return self._open()

    def _open(self, mode="rb"):
        return open(self.path, mode, opener=_private)

    def append(
        self,
        what: str,
        about: Mapping[str, Any],
        contents: Iterable[Mapping[str, Any]] = (),
        who: str | None = None,
        file: BinaryIO | None = None,
    ) -> Entry:
        """Writes an entry, and gives it once it is on the disk.

        Args:
            what: As in `Entry`.
            about: As in `Entry`.
            contents: What names a picture or a person, one mapping of plain types a picture.
            who: As in `Entry`. Defaults to `None`: `asker()`.
            file: What `open` gave when the search began whose answer this is. Defaults to `None`: nothing is compared.

        Raises:
            OSError: If it cannot be written.
            InputError: If the log is damaged, or another process holds it for half a minute.
            BusyError: If something was erased since: the answer might name it.
        """
        parts = [_part(dict(content)) for content in contents]
        with writing(self.path), self._alone(), self._open("r+b") as opened:
            if file is not None and not os.path.samestat(os.fstat(file.fileno()), os.fstat(opened.fileno())):
                raise BusyError(f"{self.path}: pictures were erased meanwhile, of which the answer may be. Ask again.")
            number, previous, end = _last(opened, self.path)
            entry = Entry.sealed(number + 1, _now(), who or asker(), what, dict(about), parts, previous)
            opened.truncate(end)  # of an entry that a kill cut short
            opened.seek(end)
            opened.write(entry.to_line())
            opened.flush()
            os.fsync(opened.fileno())
            return entry

    def entries(self) -> Iterator[Entry]:
        """All entries, the oldest first, as they are read; an `InputError` names a line that is none."""
        with self._open() as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n") and line.startswith(b"{"):
                    return  # a kill cut it short; nothing was answered
                try:
                    yield Entry.from_line(line)
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    raise _damaged(self.path, f"line {number} is no entry") from None

    def verify(self, head: str | None = None) -> int:
        """Checks all seals, and gives how many entries there are.

        Args:
            head: The seal of some entry, kept elsewhere. Defaults to `None`.

        Raises:
            InputError: If an entry was changed, left out or put elsewhere, or none has the seal `head`.
        """
        before, count, found = None, 0, head in (None, _NOTHING)
        first, begins, receipts, erased = 1, [], set(), set()
        for entry in self.entries():
            follows = before is None or (entry.number, entry.previous) == (before.number + 1, before.seal)
            begun = before is not None or entry.number > 1 or entry.previous == _NOTHING
            if not (entry.sound() and follows and begun):
                raise _damaged(self.path, f"entry {entry.number} is not what was written, or not in its place")
            first = entry.number if before is None else first
            begins.append(entry.about.get("begins") if entry.what == "expire" else None)
            receipts.add(entry.about.get("receipt") if entry.what == "erase" else None)
            erased |= {part["erased"] for part in entry.parts if "erased" in part}
            before, count, found = entry, count + 1, found or head in (entry.seal, entry.previous)
        if first > 1 and first not in begins:
            raise _damaged(self.path, f"entries before {first} are missing, and no entry says that they expired")
        if erased - receipts:
            raise _damaged(self.path, "parts were taken out, and no entry says that they were erased")
        if not found:
            raise InputError(f"{self.path}: no entry has the seal {head}; the log was written anew, or is another one.")
        return count

    def erase(
        self, named: Callable[[dict[str, Any]], bool], receipt: str, about: Mapping[str, Any] | None = None
    ) -> int:
        """Takes the contents for which `named` is true out of all entries, and gives how many that were.

        The seals stay, so that the log can be verified. With `about`, an entry of the kind `"erase"` says that
        something was erased, by its `receipt`; without, the one before does. The log is another file afterwards.
        """
        erased = 0

        def without(entry):
            nonlocal erased
            gone = ["content" in part and bool(named(part["content"])) for part in entry.parts]
            erased += sum(gone)
            parts = zip(entry.parts, gone, strict=True)
            kept = tuple({"seal": part["seal"], "erased": receipt} if out else part for part, out in parts)
            return dataclasses.replace(entry, parts=kept)

        self._rewrite(
            without, "erase", lambda _: None if about is None else {"receipt": receipt, **about, "log_parts": erased}
        )
        return erased

    def expire(self, before: float) -> int:
        """Takes the entries before a time, in seconds since the beginning of 1970, off the disk; gives how many.

        The last one stays, whatever its age, so that numbers and seals go on, and an entry says where the log begins.
        """
        if not math.isfinite(before):
            raise InputError(f"before must be a time; got {before!r}.")
        last, gone = self.head, 0

        def recent(entry):
            nonlocal gone
            if parse_time(entry.at) >= before or entry.seal == last:
                return entry
            gone += 1
            return None

        self._rewrite(recent, "expire", lambda begins: {"entries": gone, "begins": begins} if gone else None)
        return gone

    def _rewrite(self, change: Callable[[Entry], Entry | None], what: str, about: Callable[[int], dict | None]):
        """Writes the log anew with changed entries, and one that says so; `about` is given the first number kept."""
        with writing(self.path), self._alone():
            for left in filter(is_temporary, self.folder.iterdir()):  # of a call that was killed
                left.unlink(missing_ok=True)
            with replacing(self.path) as new, open(new, "wb", opener=_private) as file:
                first, entry = 0, None
                for entry in filter(None, map(change, self.entries())):
                    first = first or entry.number
                    file.write(entry.to_line())
                said = about(first)
                if said is not None:
                    number, previous = (entry.number, entry.seal) if entry else (0, _NOTHING)
                    file.write(Entry.sealed(number + 1, _now(), asker(), what, said, (), previous).to_line())

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
    """Opens a file for its owner alone, not through a link, and does not wait for a pipe."""
    opened = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise DamagedError(f"{path}: not a file, and so not the log that was kept here.")
    return opened


def _is_text(value):
    return isinstance(value, str)


def _is_part(part):
    kept = part.keys() == {"seal", "salt", "content"} and isinstance(part["content"], dict) and _is_text(part["salt"])
    erased = part.keys() == {"seal", "erased"} and _is_text(part["erased"])
    return (kept or erased) and _is_text(part["seal"])


def _now():
    return str(format_time(round(time.time(), 3)))


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
    begun = tail[len(lines) :]
    if begun and not begun.startswith(b"{"):
        raise _damaged(path, "its last line is no entry")
    if not lines:
        return 0, _NOTHING, 0
    try:
        entry = Entry.from_line(lines[lines.rstrip(b"\n").rfind(b"\n") + 1 :])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _damaged(path, "its last line is no entry") from None
    return entry.number, entry.seal, position + len(lines)


def _damaged(path, what):
    return DamagedError(
        f"{path}: {what}. Put the log back from a copy; what is in this one may not be what was written."
    )
