"""The audit log: every change, gap and reordering is found, and what is erased leaves it verifiable."""

import json
import multiprocessing
import os
import stat
import time

import pytest

from tfnxc.errors import BusyError, InputError
from tfnxc.search.audit import AuditLog, asker, asking

FOUND = [{"picture": f"crops/{name}.png", "identity": name, "score": 1.5} for name in ("anna", "carl")]


@pytest.fixture
def log(tmp_path):
    """Three entries: a search, an addition and another search."""
    log = AuditLog.start(tmp_path)
    log.append("search", {"top": 2}, [{"probe": "probe.png"}, *FOUND], who="eve")
    log.append("add", {"added": 1}, FOUND[:1], who="mallory")
    log.append("search", {"top": 1}, FOUND[1:], who="eve")
    return log


def lines(log):
    return log.path.read_bytes().splitlines(keepends=True)


def test_entries_are_numbered_and_say_who_asked_for_what(log):
    first, second, third = log.entries()
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    assert (first.who, first.what, first.about) == ("eve", "search", {"top": 2})
    assert first.contents == [{"probe": "probe.png"}, *FOUND]
    assert second.previous == first.seal and third.previous == second.seal and log.head == third.seal
    assert log.verify() == 3
    assert stat.S_IMODE(os.stat(log.path).st_mode) == 0o600


def test_the_user_is_named_where_nobody_is(tmp_path):
    log = AuditLog.start(tmp_path)
    assert log.append("search", {}).who == asker() != ""
    with asking("10.0.0.7"):
        assert log.append("search", {}).who == "10.0.0.7"
    assert log.append("search", {}).who == asker()


def change(key, value):
    def damage(found):
        entry = json.loads(found[1])
        entry[key] = value
        return [found[0], json.dumps(entry).encode() + b"\n", *found[2:]]

    return damage


def change_content(found):
    return [found[0], found[1].replace(b"crops/anna.png", b"crops/emil.png"), *found[2:]]


def forge(found):
    """An entry changed together with its own seals."""
    from tfnxc.search.audit import Entry

    entry = Entry.from_line(found[1])
    forged = Entry.sealed(entry.number, entry.at, "nobody", entry.what, entry.about, entry.parts, entry.previous)
    return [found[0], forged.to_line(), *found[2:]]


DAMAGE = {
    "another user": change("who", "nobody"),
    "another time": change("at", "2026-01-01T00:00:00+00:00"),
    "another question": change("about", {"top": 7}),
    "another kind": change("what", "search"),
    "no parts": change("parts", []),
    "another picture": change_content,
    "an entry less": lambda found: [found[0], found[2]],
    "the first entry less, renumbered": lambda found: [change("number", 1)(found)[1], found[2]],
    "another order": lambda found: [found[0], found[2], found[1]],
    "twice": lambda found: [*found[:2], *found[1:]],
    "forged with its own seals": forge,
    "no JSON": lambda found: [found[0], b"x\n", found[2]],
    "no entry": lambda found: [found[0], b"{}\n", found[2]],
    "a list": lambda found: [found[0], b"[1, 2]\n", found[2]],
    "deep": lambda found: [found[0], b"[" * 100_000 + b"\n", found[2]],
    "a number as text": change("number", "2"),
    "parts of another kind": change("parts", [1]),
    "a part without salt": change("parts", [{"seal": "0", "content": {}}]),
    "a part with more": change("parts", [{"seal": "0", "salt": "", "content": {}, "more": 1}]),
    "a content that is no object": change("parts", [{"seal": "0", "salt": "", "content": 7}]),
    "a question that is a list": change("about", [1]),
    "no time": change("at", "yesterday"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_change_is_found(damage, log):
    log.path.write_bytes(b"".join(damage(lines(log))))
    with pytest.raises(InputError, match=r"log\.jsonl: (entry|line) "):
        log.verify()


def test_a_log_written_anew_is_told_by_a_head_that_was_kept(log, tmp_path):
    head = log.head
    log.append("search", {}, who="eve")
    assert log.verify(head) == 4
    log.path.unlink()
    AuditLog.start(tmp_path).append("search", {}, who="eve")
    assert log.verify() == 1
    with pytest.raises(InputError, match="no entry has the seal"):
        log.verify(head)
    assert AuditLog.start(tmp_path / "empty").verify(AuditLog(tmp_path / "empty").head) == 0


def test_what_is_erased_leaves_the_rest_verifiable(log):
    head = log.head
    file = log.open()
    assert log.erase(lambda content: content.get("identity") == "anna", "receipt 7", {"pictures": 1}) == 2
    assert b"anna" not in log.path.read_bytes()
    assert log.verify(head) == 4
    first, second, third, last = log.entries()
    assert last.what == "erase" and last.about == {"receipt": "receipt 7", "pictures": 1, "log_parts": 2}
    assert first.contents == [{"probe": "probe.png"}, FOUND[1]] and second.contents == []
    assert [part.get("erased") for part in first.parts] == [None, "receipt 7", None]
    assert third.contents == FOUND[1:]
    assert log.append("search", {}).number == 5 and log.verify(head) == 5
    log.erase(lambda content: False, "receipt 7")
    with file, pytest.raises(BusyError, match="erased meanwhile"):
        log.append("search", {}, file=file)
    with log.open() as file:
        assert log.append("search", {}, file=file).number == 6


def test_parts_that_were_taken_out_by_hand_are_found(log):
    log.erase(lambda content: content.get("identity") == "anna", "receipt 7")
    with pytest.raises(InputError, match="no entry says that they were erased"):
        log.verify()


def test_old_entries_expire_and_the_rest_stays_verifiable(log):
    old = time.time() + 5
    assert log.expire(old - 3600) == 0 and log.verify() == 3
    assert log.expire(old) == 2  # the last one stays, so that the numbers go on
    assert [(each.number, each.what) for each in log.entries()] == [(3, "search"), (4, "expire")] and log.verify() == 2
    assert log.append("search", {}).number == 5 and log.verify() == 3
    log.path.write_bytes(b"".join(lines(log)[1:]))
    with pytest.raises(InputError, match="entries before 4 are missing, and no entry says that they expired"):
        log.verify()
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(InputError, match="before must be a time"):
            log.expire(wrong)


def test_an_entry_that_a_kill_cut_short_is_none(log):
    whole = log.path.read_bytes()
    for end in (1, 40):
        log.path.write_bytes(whole[:-end])
        assert len(list(log.entries())) == 2
        assert log.append("delete", {}, who="eve").number == 3
        assert log.verify() == 3


def test_long_entries_follow_each_other(tmp_path):
    log = AuditLog.start(tmp_path)
    for number in range(1, 4):
        contents = [{"picture": f"{each}.png"} for each in range(700)]
        assert log.append("search", {}, contents).number == number
    assert log.verify() == 3


def test_a_log_that_cannot_be_written_is_one_line(log, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"cannot be written: No space left on device.*log\.jsonl"):
        log.append("search", {})


@pytest.mark.parametrize("end", [b"{}\n", b"\0" * 1000, b"x"])
def test_a_damaged_end_is_refused(end, log):
    with open(log.path, "ab") as file:
        file.write(end)
    with pytest.raises(InputError, match="its last line is no entry"):
        log.append("search", {})
    with pytest.raises(InputError, match="line 4 is no entry"):
        log.verify()


def test_no_other_file_is_written_in_the_place_of_the_log(log, tmp_path):
    other = tmp_path / "other"
    other.write_text("a token")
    log.path.unlink()
    log.path.symlink_to(other)
    for use in (lambda: log.append("search", {}), log.verify, lambda: AuditLog.start(tmp_path)):
        with pytest.raises(OSError, match=r"log\.jsonl"):
            use()
    assert other.read_text() == "a token"
    log.path.unlink()
    os.mkfifo(log.path)
    for use in (lambda: log.append("search", {}), log.verify, lambda: AuditLog.start(tmp_path)):
        with pytest.raises((InputError, OSError), match=r"log\.jsonl"):  # and nobody waits
            use()
    log.path.unlink()
    with pytest.raises(OSError, match=r"log\.jsonl"):
        log.append("search", {})


def test_what_a_killed_call_left_goes_with_the_next(log):
    (log.folder / ".tfnxc-log.17.jsonl").write_text("anna")
    log.erase(lambda content: False, "receipt 7")
    assert sorted(path.name for path in log.folder.iterdir()) == ["lock", "log.jsonl"]


def write(folder, who):
    for _ in range(5):
        AuditLog(folder).append("search", {}, who=who)


def test_several_processes_write_one_after_the_other(tmp_path):
    log = AuditLog.start(tmp_path)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write, args=(tmp_path, f"user {number}")) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert log.verify() == 15
    assert sorted(each.who for each in log.entries()) == sorted(
        f"user {number}" for number in range(3) for _ in range(5)
    )
