"""What `check_dataset` and `count_dataset` report."""

import json

import numpy as np

from tests.datasets.picture_files import GRID, lay_out
from tfnxc.datasets import ImageSet, check_dataset, count_dataset, entry_of, open_dataset, prepare


def test_a_set_without_official_counts_is_whole_where_everything_can_be_read(tmp_path):
    path = lay_out(tmp_path / "people", "anna/1_c1.png", "anna/2_c2.png") / "anna" / "2_c2.png"
    calls = []
    report = check_dataset("folder", tmp_path / "people", lambda *call: calls.append(call))
    assert report.whole and report.verdict == "whole" and report.counts.parts == () and not report.counts.differs
    assert calls == [(1, 2), (1, 2)]
    path.write_text("hello")
    report = check_dataset("folder", tmp_path / "people")
    assert not report.whole and report.verdict == "1 broken"
    (broken,) = report.broken
    assert broken.file == str(path) and broken.reason.startswith("not a picture")


def test_what_is_not_read_is_not_whole(tmp_path):
    lay_out(tmp_path, "anna/1_c305.png", "anna/2_c2.png", "berta/1.tif")
    report = check_dataset("folder", tmp_path)
    assert report.verdict == "1 not read" and report.unread == (str(tmp_path / "berta" / "1.tif"),)
    assert len(report.remarks) == 1 and report.to_dict()["unread"] == list(report.unread)


def test_counts_stand_beside_the_official_ones_and_missing_pictures_are_named(tmp_path):
    report = check_dataset("grid", lay_out(tmp_path / "grid", *GRID))
    probe, gallery, distractors = report.counts.parts
    assert (probe.pictures, probe.official_pictures, probe.identities, probe.official_identities) == (2, 250, 2, 250)
    assert gallery.differs and distractors.identities is None
    assert report.counts.pictures == 6 and report.counts.distractors == 2 and report.counts.probes is None
    assert len(report.missing) == 2 * 248 and report.missing[0].startswith("probe/")
    assert "496 missing" in report.verdict and "counts differ from the official ones" in report.verdict
    assert str(report.counts) == "6 pictures of 2 identities, 2 cameras, 2 distractors"


def test_a_report_is_plain_types(campus, tmp_path):
    report = check_dataset("cuhk01", campus)
    found = json.loads(json.dumps(report.to_dict()))
    assert list(found) == [
        *("name", "data", "pictures", "identities", "cameras", "probes", "distractors", "junk"),
        *("parts", "missing", "broken", "unread", "remarks", "whole"),
    ]
    assert found["data"] == str(campus) and found["parts"][0]["differs"] is True and found["whole"] is False


def test_of_prepared_pictures_shards_are_checked_and_counted_too(campus, tmp_path):
    prepare(open_dataset("cuhk01", campus), tmp_path / "prepared", shards=2)
    calls = []
    assert check_dataset("cuhk01", tmp_path / "prepared", lambda *call: calls.append(call)).broken == ()
    assert calls == [(1, 22)] * 22
    shard = tmp_path / "prepared" / "pictures-00000-of-00002.tfrecord"
    data = bytearray(shard.read_bytes())
    data[-100] ^= 1
    shard.write_bytes(data)
    picture, whole = check_dataset("cuhk01", tmp_path / "prepared").broken
    assert picture.file.startswith("campus/") and whole.file == str(shard) and "SHA-256" in whole.reason


def test_a_set_of_another_name_is_counted_without_parts():
    people = ImageSet("mine", ["a", "b"], np.array([1, 1]), np.array([0, 1]), read=None, probes=np.array([True, False]))
    counts = count_dataset(people)
    assert (counts.pictures, counts.identities, counts.probes, counts.parts) == (2, 1, 1, ())


def test_an_entry_tells_its_facts():
    facts = json.loads(json.dumps(entry_of("market1501").facts()))
    assert facts["pictures"] == 36036 and facts["official"][1] == {"name": "query", "pictures": 3368, "identities": 750}
    assert facts["default_protocol"] == "market" and facts["families"] == []
