"""What is written down of an index's use, and what is left of a picture that was erased: nothing."""

import json
import shutil

import pytest

from tests.cli.run_command import error_of, run
from tfnxc.embedding import Embedding
from tfnxc.errors import BusyError, InputError
from tfnxc.search import Gallery, asking
from tfnxc.search._store import Store


@pytest.fixture
def audited(gallery):
    gallery.start_audit()
    return gallery


def left_of(gallery, text):
    """The files of an index in which a text is left."""
    return [path.name for path in gallery.folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_without_a_log_nothing_is_written_down(gallery, pictures):
    gallery.search(pictures[:1], 2)
    assert gallery.audit is None and not (gallery.folder / "audit").exists()


def test_a_search_says_who_asked_for_whom_and_what_was_answered(audited, pictures):
    with asking("anna"):
        found = audited.search(pictures[:2], 2, cameras=["b"], since=3.0)
    entries = list(audited.audit.entries())
    assert [(each.who, each.what) for each in entries] == [("anna", "search")] * 2
    for entry, probe, matches in zip(entries, pictures, found, strict=False):
        assert entry.about["top"] == 2 and entry.about["cameras"] == ["b"]
        assert entry.about["since"] == "1970-01-01T00:00:03+00:00"
        first, *rest = entry.contents
        assert first == {"probe": probe.name}
        assert [each["picture"] for each in rest] == [match.name for match in matches]
        assert [each["score"] for each in rest] == [match.score for match in matches]
    assert audited.audit.verify() == 2


def test_additions_and_deletions_are_written_down(audited, pictures):
    audited.delete([pictures[0].name])
    audited.delete_names([pictures[1].name])
    audited.add(pictures[:3])
    entries = list(audited.audit.entries())
    assert [each.what for each in entries] == ["delete", "delete", "add"]
    names = [[each["picture"] for each in entry.contents] for entry in entries]
    assert names == [[pictures[0].name], [pictures[1].name], [pictures[0].name, pictures[1].name]]


def test_nothing_is_answered_or_done_without_its_entry(audited, pictures):
    shutil.rmtree(audited.audit.folder)
    for ask in (
        lambda: audited.search(pictures[:1]),
        lambda: audited.delete([pictures[0].name]),
        lambda: audited.add([pictures[0]._replace(name="new")]),
    ):
        with pytest.raises(OSError, match="index/audit"):
            ask()
    assert len(Gallery(audited.folder)) == len(pictures)


def test_of_an_erased_person_nothing_is_left(audited, pictures):
    audited.search(pictures, 5)
    who = pictures[0].identity
    own = [each.name for each in pictures if each.identity == who]
    assert all(left_of(audited, name) for name in own)
    receipt = audited.erase(identities=[who])
    assert sorted(receipt.pictures) == sorted(own) and receipt.log_parts >= len(own)
    assert not any(left_of(audited, name) for name in own)
    assert len(audited) == len(Gallery(audited.folder)) == len(pictures) - len(own)
    assert audited.audit.verify() == len(pictures) + 1
    last = list(audited.audit.entries())[len(pictures)]
    assert last.what == "erase" and last.about["receipt"] == receipt.number and not last.contents
    assert not {match.name for matches in audited.search(pictures, 12) for match in matches} & set(own)


@pytest.mark.parametrize("moment", ["delete", "compact", "write_lists"])
@pytest.mark.parametrize("asked", ["pictures", "identities"])
def test_a_call_that_was_killed_can_be_given_again(moment, asked, audited, pictures, monkeypatch):
    audited.search(pictures, 5)
    given = {"pictures": {"pictures": [pictures[0].name]}, "identities": {"identities": [pictures[0].identity]}}[asked]

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            audited.erase(**given)
    again = Gallery(audited.folder)
    assert moment == "write_lists" or pictures[0].name in again.erase(**given).pictures
    assert not left_of(again, pictures[0].name) and again.audit.verify()


def test_what_was_deleted_before_and_a_probe_in_the_log_are_erased(audited, pictures):
    audited.search([pictures[1]._replace(name="somebody's probe")], 3)
    audited.delete([pictures[0].name])
    assert left_of(audited, pictures[0].name)
    audited.erase([pictures[0].name, "somebody's probe"])
    assert not left_of(audited, pictures[0].name) and not left_of(audited, "somebody's probe")


def test_a_search_that_began_before_names_nobody_afterwards(audited, pictures, monkeypatch):
    def erased_meanwhile(self, maps):
        monkeypatch.undo()
        Gallery(audited.folder).erase([pictures[0].name])
        return self.vectors(maps)

    monkeypatch.setattr(Embedding, "vectors", erased_meanwhile)
    with pytest.raises(BusyError, match="erased meanwhile"):
        audited.search([pictures[1]._replace(name="probe")], 12)
    assert not left_of(audited, pictures[0].name)
    found = audited.search([pictures[1]._replace(name="probe")], 12)  # of what there is now
    assert pictures[0].name not in {match.name for match in found[0]}


def test_an_identity_is_the_same_in_every_form(gallery, pictures):
    gallery.add([pictures[0]._replace(name="a", identity="07"), pictures[1]._replace(name="b", identity="7")])
    assert set(gallery.erase(identities=["7"]).pictures) == {"a", "b"}


def test_a_copy_has_a_log_of_its_own(audited, pictures, tmp_path):
    audited.search(pictures[:1], 2)
    copy = audited.copy(tmp_path / "copy")
    copy.search(pictures[:1], 2)
    assert copy.audit.verify() == 1 and audited.audit.verify() == 1


def test_one_picture_is_erased_by_its_name(gallery, pictures):
    receipt = gallery.erase([pictures[3].name])
    assert receipt.pictures == (pictures[3].name,) and receipt.log_parts is None
    assert not left_of(gallery, pictures[3].name) and len(gallery) == len(pictures) - 1


@pytest.mark.parametrize("asked", [{"pictures": ["nobody"]}, {"identities": ["nobody"]}, {"identities": [""]}, {}])
def test_what_is_not_there_is_not_erased(audited, pictures, asked):
    with pytest.raises(InputError, match=r"nothing was (deleted|erased)|expected identities"):
        audited.erase(**asked)
    assert len(Gallery(audited.folder)) == len(pictures)


def test_old_pictures_expire(gallery, pictures):
    gallery.add([pictures[0]._replace(name="undated", time=None)])
    receipt = gallery.expire(5.0)
    assert sorted(receipt.pictures) == sorted(each.name for each in pictures if each.time < 5)
    assert receipt.undated == 1 and receipt.before == "1970-01-01T00:00:05+00:00"
    assert not any(left_of(gallery, name) for name in receipt.pictures)
    assert gallery.expire(5.0).pictures == ()


def test_the_commands(gallery, pictures, tmp_path):
    folder = gallery.folder
    assert "--start begins one" in error_of("audit", folder)
    assert run("audit", folder, "--start").exit_code == 0
    Gallery(folder).search(pictures[:1], 3)
    shown = run("audit", folder, "--json", tmp_path / "log.json").output
    assert "search" in shown and "top=3" in shown and pictures[0].name not in shown
    assert json.loads((tmp_path / "log.json").read_text())[0]["parts"][0]["content"] == {"probe": pictures[0].name}
    head = Gallery(folder).audit.head
    assert json.loads(run("audit", folder, "--json").stdout) == json.loads((tmp_path / "log.json").read_text())
    assert f"1 entries, all as they were written. The last seal: {head}" in run("audit", folder, "--verify").output
    assert "nobody can be asked" in error_of("erase", folder, "--identity", "0")
    receipt = tmp_path / "receipt.json"
    done = run("erase", folder, "--identity", pictures[0].identity, "--yes", "--receipt", receipt)
    assert done.exit_code == 0 and "4 pictures erased, 8 left" in done.output, done.output
    assert len(json.loads(receipt.read_text())["pictures"]) == 4
    assert run("audit", folder, "--verify", "--head", head).exit_code == 0
    assert "no entry has the seal" in error_of("audit", folder, "--verify", "--head", "0" * 63 + "1")
    rest = run("erase", folder, "--keep-days", "1", "--yes", "--json")
    assert len(json.loads(rest.stdout)["pictures"]) == 8 and "8 pictures erased, 0 left" in rest.stderr
    assert "give both" in error_of("audit", folder, "--head", head)
    assert "nothing to erase" in error_of("erase", folder)
    assert "a file of the index" in error_of("erase", folder, "x", "--receipt", folder / "manifest.json", "--yes")
    for wrong in ("nan", "inf", "1e9"):
        assert "--keep-days" in run("erase", folder, "--keep-days", wrong, "--yes").output
        assert "--keep-days" in run("audit", folder, "--keep-days", wrong).output
    assert "goes by time alone" in error_of("erase", folder, "x", "--keep-days", "1")
