import csv
import dataclasses
import hashlib
import json
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import tensorflow as tf

from tfnxc.datasets import ImageSet, cuhk01
from tfnxc.datasets.image_set import resize
from tfnxc.datasets.prepared.prepare import prepare
from tfnxc.datasets.prepared.reader import broken_shards, prepared, prepared_dataset
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK

SIZE = (16, 8)


def people(count=10, broken=(), read=None, name="few", **changes):
    """Pictures of random pixels, of another size than they are prepared at; those of `broken` cannot be read."""
    pictures = np.random.default_rng(0).integers(0, 256, (count, 24, 10, 3), np.uint8)
    paths = [f"/data/{name}/{'ab'[index % 2]}/{index:03d}, é.png" for index in range(count)]

    def read_one(index):
        if index in broken:
            raise InputError(f"{paths[index]}: broken picture.")
        return pictures[index]

    identities = np.array([JUNK, DISTRACTOR, *range(count)])[:count]
    some = {"identities": identities, "cameras": np.arange(count) % 2, "probes": np.arange(count) < 3, **changes}
    return ImageSet(name=name, paths=paths, read=read or read_one, **some)


def resized(some):
    return np.stack([resize(some.read(index), SIZE) for index in range(len(some))])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rewrite_index(folder, change):
    """Changes the rows of the index, and its checksum in the manifest with it, as a forger would."""
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    change(rows)
    with open(folder / "index.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    digest = hashlib.sha256((folder / "index.csv").read_bytes()).hexdigest()
    rewrite(folder / "manifest.json", index_sha256=digest)


@pytest.fixture
def made(tmp_path):
    """A folder of 10 prepared pictures in 3 shards."""
    prepare(people(), tmp_path / "made", SIZE, shards=3)
    return tmp_path / "made"


def test_prepared_pictures_are_the_resized_originals_in_their_order(tmp_path):
    some, counted = people(), []
    made = prepare(some, tmp_path / "new" / "made", SIZE, shards=3, workers=2, progress=counted.append)
    assert sum(counted) == 10 and made.name == "few"
    assert made.paths[:2] == ["few/a/000, é.png", "few/b/001, é.png"]
    for labels in ("identities", "cameras", "probes"):
        np.testing.assert_array_equal(getattr(made, labels), getattr(some, labels))
    np.testing.assert_array_equal(made.images(SIZE), resized(some))
    np.testing.assert_array_equal([made.read(index) for index in range(10)], resized(some))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["made"]


def test_a_part_of_prepared_pictures_reads_its_own(made):
    expected, order = resized(people()), [9, 2, 3, 4, 0, 8]
    part = prepared(made).take(order).take([0, 1, 2, 4, 5])
    chosen = [9, 2, 3, 0, 8]
    np.testing.assert_array_equal(part.images(SIZE), expected[chosen])
    np.testing.assert_array_equal(part.read(3), expected[0])
    assert part.images((8, 4)).shape == (5, 8, 4, 3)  # another size than they were prepared at
    assert part.take([]).images(SIZE).shape == (0, *SIZE, 3)


def test_prepared_pictures_can_be_sent_to_another_process(made):
    there = pickle.loads(pickle.dumps(prepared(made)))
    np.testing.assert_array_equal(there.read(7), prepared(made).read(7))


def test_names_may_hold_whatever_the_name_of_a_file_may(tmp_path):
    names = ["a/1,\r.png", 'a/"2"\n.png', "a/\udcff.png"]  # the last is a byte that is no UTF-8
    some = ImageSet("few", names, np.arange(3), np.arange(3), read=people().read)
    assert prepare(some, tmp_path / "made", SIZE).paths == names


def test_a_set_without_probes_keeps_none(tmp_path):
    assert prepare(people(probes=None), tmp_path / "made", SIZE).probes is None


def test_records_can_be_read_without_tfnxc(made):
    files = sorted(str(path) for path in made.glob("*.tfrecord"))
    records = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    features = tf.train.Example.FromString(records[1]).features.feature
    values = {key: features[key].int64_list.value[0] for key in ("height", "width", "identity", "camera", "probe")}
    assert values == {"height": 16, "width": 8, "identity": DISTRACTOR, "camera": 1, "probe": 1}
    assert features["name"].bytes_list.value[0].decode() == "few/b/001, é.png" and len(records) == 10


def test_the_manifest_tells_sizes_counts_and_checksums(made):
    manifest = json.loads((made / "manifest.json").read_text())
    assert (manifest["name"], manifest["size"], manifest["pictures"], manifest["identities"]) == ("few", [16, 8], 10, 8)
    assert [shard["records"] for shard in manifest["shards"]] == [3, 3, 4]
    for shard in manifest["shards"]:
        data = (made / shard["file"]).read_bytes()
        assert len(data) == shard["bytes"] and hashlib.sha256(data).hexdigest() == shard["sha256"]


def test_the_dataset_gives_pictures_with_their_labels_in_the_order_of_the_set(made):
    some = people()
    images, identities, cameras = map(np.array, zip(*prepared_dataset(made).as_numpy_iterator(), strict=True))
    np.testing.assert_array_equal(images, resized(some))
    assert identities.tolist() == some.identities.tolist() and cameras.tolist() == some.cameras.tolist()


def test_the_dataset_reads_shards_in_turns_and_takes_options(made):
    options = tf.data.Options()
    options.threading.private_threadpool_size = 2
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.FILE
    dataset = prepared_dataset(made, options, deterministic=False, parallel_reads=3)
    kept = dataset.options()
    assert kept.threading.private_threadpool_size == 2 and kept.deterministic is False
    assert kept.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.FILE
    assert prepared_dataset(made).options().deterministic is True
    turns = [identity for _, identity, _ in prepared_dataset(made, parallel_reads=3).as_numpy_iterator()]
    assert turns == [JUNK, 1, 4, DISTRACTOR, 2, 5, 0, 3, 6, 7]
    with pytest.raises(InputError, match="parallel_reads must be 1 or more; got 0"):
        prepared_dataset(made, parallel_reads=0)


def test_the_number_of_shards_follows_pictures_and_bytes(tmp_path, monkeypatch):
    black = np.zeros((1, 1, 3), np.uint8)
    for count, most_bytes, shards in ((10, 1 << 26, 1), (150, 1 << 26, 3), (1100, 1 << 26, 16), (20, 1300, 4)):
        monkeypatch.setattr(sys.modules[prepare.__module__], "SHARD_BYTES", most_bytes)
        prepare(people(count, read=lambda index: black), tmp_path / str(count), (1, 1))
        assert len(list((tmp_path / str(count)).glob("*.tfrecord"))) == shards


class StoppedError(Exception):
    pass


def stop_after(some, folder, pictures, size=SIZE, **options):
    """Prepares until so many pictures are done, and stops there by an exception."""
    done = []

    def progress(count):
        done.append(count)
        if sum(done) >= pictures:
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare(some, folder, size, workers=1, progress=progress, **options)
    assert not folder.exists()


def test_what_was_stopped_goes_on_and_keeps_finished_shards(tmp_path, made):
    target = tmp_path / "stopped"
    stop_after(people(), target, 8, shards=3)
    shard = tmp_path / ".tfnxc-stopped.partial" / "whole" / "pictures-00001-of-00003.tfrecord"
    before, reads, counted = shard.stat().st_mtime_ns, [], []
    read = people().read
    prepare(people(read=lambda index: reads.append(index) or read(index)), target, SIZE, 3, 1, counted.append)
    assert reads == [6, 7, 8, 9] and sum(counted) == 10
    assert (target / shard.name).stat().st_mtime_ns == before
    assert contents(target) == contents(made) and not shard.parent.parent.exists()


def test_a_finished_shard_that_was_damaged_since_is_written_again(tmp_path, made):
    target = tmp_path / "stopped"
    stop_after(people(), target, 8, shards=3)
    flip(tmp_path / ".tfnxc-stopped.partial" / "whole" / "pictures-00000-of-00003.tfrecord", 100)
    prepare(people(), target, SIZE, shards=3)
    assert contents(target) == contents(made)


def test_a_kill_in_the_middle_leaves_what_the_next_call_needs(tmp_path, made):
    target, ready = tmp_path / "killed", tmp_path / "ready"
    code = f"""
        import pathlib, time
        from tests.datasets.prepared.test_prepare import SIZE, people
        from tfnxc.datasets.prepared.prepare import prepare
        read = people().read
        def slow(index):
            if index == 8:  # the third shard is half written
                pathlib.Path({str(ready)!r}).touch()
                time.sleep(600)
            return read(index)
        prepare(people(read=slow), {str(target)!r}, SIZE, shards=3, workers=1)
    """
    root = pathlib.Path(__file__).resolve().parents[3]
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=root, stderr=subprocess.DEVNULL)
    try:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.02)
        with pytest.raises(InputError, match="another process is preparing these pictures"):
            prepare(people(), target, SIZE, shards=3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    whole = tmp_path / ".tfnxc-killed.partial" / "whole"
    assert not target.exists() and any(path.name.startswith(".tfnxc-") for path in whole.iterdir())
    reads, read = [], people().read
    prepare(people(read=lambda index: reads.append(index) or read(index)), target, SIZE, shards=3, workers=1)
    assert reads == [6, 7, 8, 9] and contents(target) == contents(made)


def test_a_kill_after_the_renaming_leaves_nothing_to_do(tmp_path, made):
    leftover = tmp_path / ".tfnxc-made.partial"
    (leftover / "done").mkdir(parents=True)
    before, counted = contents(made), []
    prepare(people(read=lambda index: pytest.fail("read again")), made, SIZE, progress=counted.append)
    assert contents(made) == before and counted == [10] and not leftover.exists()


def test_broken_pictures_are_all_named_and_nothing_is_left(tmp_path):
    with pytest.raises(InputError, match=r"^/data/few/b/007, é\.png: broken picture\.$"):
        prepare(people(broken={7}), tmp_path / "made", SIZE, shards=3)
    with pytest.raises(InputError) as caught:
        prepare(people(broken={1, 2, 4, 5, 7, 8, 9}), tmp_path / "made", SIZE, shards=3)
    first, *shown, last = str(caught.value).splitlines()
    assert first == "7 pictures cannot be read; nothing was written." and last == "  and 2 more"
    assert [line.split("/")[4][:3] for line in shown] == ["001", "002", "004", "005", "007"]
    stop_after(people(), tmp_path / "made", 8, shards=3)
    with pytest.raises(InputError, match="broken picture"):
        prepare(people(broken={9}), tmp_path / "made", SIZE, shards=3)
    assert not any(tmp_path.iterdir())


def test_an_error_in_one_shard_stops_the_others(tmp_path):
    reads, read = [], people(400).read

    def failing(index):
        if index == 399:
            raise RuntimeError("of the reader")
        reads.append(index)
        time.sleep(0.01 if index < 200 else 0)  # the failing shard is the faster one
        return read(index)

    with pytest.raises(RuntimeError, match="of the reader"):
        prepare(people(400, read=failing), tmp_path / "made", SIZE, shards=2, workers=2)
    assert 199 not in reads and not (tmp_path / "made").exists()


def test_another_preparation_is_not_overwritten_nor_continued(tmp_path, made):
    others = {
        "pictures": people(identities=np.arange(10)),
        "probes": people(probes=None),
        "names": people(11).take(np.arange(1, 11)),
        "set": people(name="other"),
    }
    stop_after(people(), tmp_path / "stopped", 5, shards=3)
    for other in others.values():
        with pytest.raises(InputError, match=r"holds 10 prepared pictures of few, 16 x 8 in 3 shards: other ones"):
            prepare(other, made, SIZE)
        with pytest.raises(InputError, match=r"unfinished preparation .*\(.*source: \w{64} there"):
            prepare(other, tmp_path / "stopped", SIZE, shards=3)
    for options, there in (({"size": (8, 8)}, r"size: \[16, 8\] there, \[8, 8\] now"), ({"shards": 4}, "shards: 3")):
        options = {"size": SIZE, "shards": 3, **options}
        with pytest.raises(InputError, match="other ones, or with other options"):
            prepare(people(), made, **options)
        with pytest.raises(InputError, match=there):
            prepare(people(), tmp_path / "stopped", **options)


def test_a_set_that_moved_is_the_same_set(tmp_path, made):
    moved = [path.replace("/data/", "/elsewhere/") for path in people().paths]
    before = contents(made)
    prepare(
        ImageSet("few", moved, *(getattr(people(), key) for key in ("identities", "cameras", "read", "probes"))),
        made,
        SIZE,
    )
    assert contents(made) == before


def test_a_folder_of_something_else_is_refused_and_an_empty_one_is_taken(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    assert len(prepare(people(), other, SIZE)) == 10
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for path in (tmp_path / "mine", tmp_path / "mine" / "letter.txt"):
        with pytest.raises(InputError, match="exists and is no folder of prepared pictures"):
            prepare(people(), path, SIZE)
    with pytest.raises(InputError, match=r"is the root of a disk\. Choose a folder in it"):
        prepare(people(), tmp_path.anchor, SIZE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "other"]


def test_the_space_is_checked_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(InputError, match=r"0 MB free; the prepared pictures take 0 MB"):
        prepare(people(), tmp_path / "made", SIZE)
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules[prepare.__module__], "write_index", full)
    with pytest.raises(InputError, match="the disk is full"):
        prepare(people(), tmp_path / "made", SIZE)
    monkeypatch.undo()
    assert len(prepare(people(read=lambda index: pytest.fail("read again")), tmp_path / "made", SIZE)) == 10


@pytest.mark.parametrize("size", [(0, 8), (16,), (16, 5000), (16, 8.5), "16", None])
def test_impossible_sizes_are_refused(tmp_path, size):
    with pytest.raises(InputError, match="the size must be a height and a width of 1 to 4096 pixels"):
        prepare(people(), tmp_path / "made", size)


def test_impossible_numbers_are_refused(tmp_path):
    for options, message in (({"shards": 11}, "shards must be 1 to 10"), ({"workers": 0}, "workers must be 1 or more")):
        with pytest.raises(InputError, match=message):
            prepare(people(), tmp_path / "made", SIZE, **options)
    with pytest.raises(InputError, match="the name of the set must be a printable text"):
        prepare(people(name="a\nb"), tmp_path / "made", SIZE)
    with pytest.raises(InputError, match="few has no picture to prepare"):
        prepare(people().take([]), tmp_path / "made", SIZE)


def flip(path, at):
    """Changes one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_truncated_a_missing_and_a_longer_shard_are_found_at_once(made):
    shard = made / "pictures-00001-of-00003.tfrecord"
    data = shard.read_bytes()
    for changed in (data[:-1], data + b"x", b""):
        shard.write_bytes(changed)
        with pytest.raises(
            InputError, match=rf"00001-of-00003\.tfrecord: {len(changed)} bytes; .* {len(data)}\. Delete"
        ):
            prepared(made)
    shard.unlink()
    with pytest.raises(InputError, match=r"00001-of-00003\.tfrecord: no such file"):
        prepared_dataset(made)


def test_a_shard_cut_short_while_it_is_open_gives_an_error_and_no_garbage(made):
    opened, shard = prepared(made), made / "pictures-00002-of-00003.tfrecord"
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(InputError, match=r"few/b/009, é\.png at byte \d+ is damaged"):
        opened.read(9)
    with pytest.raises(InputError, match="is damaged"):
        opened.images(SIZE)


@pytest.mark.parametrize("at", [0, 9, 100, -1])
def test_a_flipped_byte_is_found_when_its_picture_is_read_or_by_verifying(made, at):
    shard = made / "pictures-00001-of-00003.tfrecord"
    flip(shard, at)
    opened, index = prepared(made), 5 if at < 0 else 3
    with pytest.raises(InputError, match=rf"00001-of-00003\.tfrecord: the record of few/b/00{index}, .* is damaged"):
        opened.read(index)
    with pytest.raises(InputError, match="is damaged"):
        opened.images(SIZE)
    np.testing.assert_array_equal(opened.read(4), resized(people())[4])
    assert list(broken_shards(made)) == [str(shard)]
    for verifying in (prepared, prepared_dataset):
        with pytest.raises(InputError, match=r"00001-of-00003\.tfrecord: its SHA-256"):
            verifying(made, verify=True)


def test_swapped_shards_of_one_size_are_found(tmp_path):
    prepare(people(identities=np.arange(10), probes=None), tmp_path / "two", SIZE, shards=2)
    first, second = sorted((tmp_path / "two").glob("*.tfrecord"))
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    with pytest.raises(InputError, match=r"the record of few/a/000, é\.png at byte 0 is damaged"):
        prepared(tmp_path / "two").read(0)
    with pytest.raises(InputError, match=r"SHA-256.*\(1 other shards, too\)"):
        prepared(tmp_path / "two", verify=True)


def shard_list(made, **changes):
    first, *others = json.loads((made / "manifest.json").read_text())["shards"]
    return [{**first, **changes}, *others]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "no prepared pictures; expected"),
        ({"version": 3}, "version 3 of the format; this tfnxc reads version 2"),
        ({"version": 1}, r"pictures are not turned .* Delete the folder and prepare the pictures again"),
        ({"name": "x\n"}, "the name of the set must be a printable text"),
        ({"name": "other"}, "is of other pictures"),
        ({"size": [16, 9]}, "is of other pictures"),
        ({"size": [16, 10**6]}, "height and a width of 1 to 4096"),
        ({"size": 16}, r"the size must be a height and a width of 1 to 4096 pixels; got"),
        ({"pictures": 11}, "10 pictures; manifest.json says 11"),
        ({"pictures": True}, "pictures must be a whole number"),
        ({"identities": 7}, "8 identities; manifest.json says 7"),
        ({"fingerprint": "0" * 64}, "is of other pictures"),
        ({"index_sha256": "0" * 64}, "not the index that manifest.json was written with"),
        ({"index_sha256": "../x"}, "index_sha256 is not of the form"),
        ({"shards": []}, "shards must be a list of at least one shard"),
        ({"shards": [1]}, "shards must be a list of at least one shard"),
    ],
)
def test_an_edited_manifest_is_refused(made, changes, message):
    rewrite(made / "manifest.json", **changes)
    with pytest.raises(InputError, match=message):
        prepared(made)


def test_pictures_of_the_first_version_are_read_where_none_can_be_turned(tmp_path):
    """A BMP file has no EXIF data, and drawn pictures are no files."""
    some = people()
    bitmaps = dataclasses.replace(some, paths=[path.replace(".png", ".bmp") for path in some.paths])
    for name, each in (("few", bitmaps), ("synthetic", dataclasses.replace(some, name="synthetic"))):
        prepare(each, tmp_path / name, SIZE)
        rewrite(tmp_path / name / "manifest.json", version=1)
        assert len(prepared(tmp_path / name)) == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file": "../made/pictures-00000-of-00003.tfrecord"}, "file is not of the form"),
        ({"file": "/etc/passwd"}, "file is not of the form"),
        ({"file": ".."}, "file is not of the form"),
        ({"file": "pictures-00001-of-00003.tfrecord"}, "a shard is listed twice"),
        ({"records": 2}, "says 10 pictures, and 9 in all of its shards"),
        ({"records": 10**15}, "records must be a whole number"),
        ({"bytes": 12}, "bytes must be a whole number"),
        ({"sha256": "abc"}, "sha256 is not of the form"),
    ],
)
def test_an_edited_list_of_shards_is_refused(made, changes, message):
    rewrite(made / "manifest.json", shards=shard_list(made, **changes))
    with pytest.raises(InputError, match=message):
        prepared(made)


def test_what_is_no_manifest_is_refused(made):
    for text in ("", "{", "[]", "[" * 100_000, "\xff"):
        (made / "manifest.json").write_text(text, encoding="latin-1")
        with pytest.raises(InputError, match=r"manifest\.json: (not a JSON file|no prepared pictures)"):
            prepared(made)
    (made / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"made: no manifest\.json here"):
        prepared(made)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        prepared(made / "nowhere")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(made):
    for name in ("index.csv", "pictures-00000-of-00003.tfrecord"):
        (made / name).unlink()
        os.mkfifo(made / name)
        with pytest.raises(InputError, match="no such file"):
            prepared(made)


def test_a_huge_manifest_is_not_read(made):
    os.truncate(made / "manifest.json", 1 << 29)  # a hole: it takes no space
    with pytest.raises(InputError, match="536870912 bytes; expected at most"):
        prepared(made)


def set_cell(row, column, value):
    def change(rows):
        rows[row][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_cell(0, 0, "path"), "expected the header name,identity"),
        (set_cell(3, 1, "-1"), "7 identities; manifest.json says 8"),
        (set_cell(1, 1, "-2"), "is of other pictures"),
        (set_cell(1, 1, "anna"), "a cell is not a whole number"),
        (set_cell(1, 1, "9" * 5000), "a cell is not a whole number"),
        (set_cell(1, 1, str(1 << 63)), "a cell is not a whole number"),
        (set_cell(1, 3, "2"), "the probes must be 0 or 1 everywhere"),
        (set_cell(1, 4, "1"), "the numbers of the shards are not those"),
        (set_cell(2, 5, "0"), "the records do not lie one after the other"),
        (set_cell(1, 6, "-5"), "a record of less than 1"),
        (set_cell(10, 6, "20"), "do not add up to the sizes of the shards"),
        (set_cell(1, 7, "-1"), "a checksum of more than 32 bits"),
        (lambda rows: rows.pop(), "9 pictures; manifest.json says 10"),
        (lambda rows: rows[3].append("x"), "a line has not 8 cells"),
    ],
)
def test_a_forged_index_is_refused(made, change, message):
    rewrite_index(made, change)
    with pytest.raises(InputError, match=rf"index\.csv: .*{message}"):
        prepared(made)


def test_a_record_that_is_no_picture_of_the_size_is_refused(made):
    records = [tf.train.Example().SerializeToString(), b"\xff" * 40]
    record = tf.train.Example()
    record.features.feature["image"].bytes_list.value.append(b"short")
    records.append(record.SerializeToString())
    for record in records:
        with tf.io.TFRecordWriter(str(made / "pictures-00000-of-00003.tfrecord")) as writer:
            writer.write(record or b"\n\x00")
        forge(made)
        with pytest.raises(
            InputError, match=r"the record of .* is no picture|the picture .* has 5 bytes; expected 16 x 8"
        ):
            prepared(made).read(0)


def forge(folder):
    """Makes manifest and index tell the truth of a first shard that was replaced by one of a single record."""
    import zlib

    from tfnxc.datasets.prepared.manifest import FRAME, Labels

    frame = (folder / "pictures-00000-of-00003.tfrecord").read_bytes()
    rewrite(folder / "manifest.json", shards=shard_list(folder, records=1, bytes=len(frame)), pictures=8)

    def change(rows):
        del rows[2 : len(rows) - 7]
        rows[1][4:] = ["0", "0", str(len(frame) - FRAME), str(zlib.crc32(frame))]

    rewrite_index(folder, change)
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = [np.array([int(row[key]) for row in rows]) for key in ("identity", "camera", "probe")]
    labels = Labels("few", [row["name"] for row in rows], *numbers)
    rewrite(folder / "manifest.json", fingerprint=labels.fingerprint(SIZE), identities=int((numbers[0] >= 0).sum()))


def test_cuhk01_prepared_is_cuhk01(real_data, tmp_path):
    some = cuhk01(real_data / "cuhk01").of_identities(range(1, 41))
    made = prepare(some, tmp_path / "made")
    np.testing.assert_array_equal(made.images(), some.images())
    assert made.paths[0] == "campus/0001001.png" and len(made) == 160


@pytest.mark.slow
def test_the_benchmark_prints_its_table(tmp_path):
    root = pathlib.Path(__file__).resolve().parents[3]
    command = [sys.executable, str(root / "benchmarks" / "reading.py"), "--identities", "4", "--runs", "1"]
    found = subprocess.run([*command, "--json", tmp_path / "b.json"], check=True, capture_output=True, text=True)
    table = json.loads((tmp_path / "b.json").read_text())
    assert table["facts"]["pictures"] == 16 and len(table["rows"]) == 5
    assert all(f"{row['median']:.0f} pictures a second" in found.stdout for row in table["rows"])


def test_a_folder_whose_name_is_not_utf_8_is_as_good(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    prepare(people(), folder, SIZE)
    np.testing.assert_array_equal(prepared(folder).images(SIZE), resized(people()))
    assert sum(1 for _ in prepared_dataset(folder)) == 10
