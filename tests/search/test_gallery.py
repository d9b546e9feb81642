"""Adding and finding: filters, the package's own scores, broken pictures, and a model that changed."""

import concurrent.futures
import dataclasses
import json
import multiprocessing
import shutil
import zipfile

import keras
import numpy as np
import pytest

from tfnxc.datasets import get_split
from tfnxc.datasets.image_set import resize
from tfnxc.errors import InputError
from tfnxc.recipes import Recipe
from tfnxc.runs import Run, RunSettings
from tfnxc.scoring import PairScorer
from tfnxc.search import Added, Gallery, Match, Picture, list_pictures, merge_rankings, set_pictures
from tfnxc.search._files import Manifest
from tfnxc.search.picture import Records


def names_of(found):
    return [[match.name for match in matches] for matches in found]


def scores_of(model_file, pictures, orders):
    """Scores of all pictures with all, by the package's own scorer."""
    images = np.stack([resize(picture.image, (48, 28)) for picture in pictures])
    scorer = PairScorer(keras.models.load_model(model_file), images, batch_size=16)
    pairs = np.indices((len(images),) * 2).reshape(2, -1).T
    return np.mean([scorer.score(pairs[:, order]).reshape((len(images),) * 2) for order in orders], axis=0)


@pytest.mark.parametrize("both_orders", [False, True])
def test_exhaustive_search_gives_the_package_s_own_scores(gallery, model_file, pictures, both_orders):
    scores = scores_of(model_file, pictures, [[0, 1], [1, 0]] if both_orders else [[0, 1]])
    found = gallery.search(pictures[:3], top=20, exhaustive=True, both_orders=both_orders)
    for index, (matches, row) in enumerate(zip(found, scores, strict=False)):
        others = {each.name: score for each, score in zip(pictures, row, strict=True) if each is not pictures[index]}
        assert {match.name for match in matches} == set(others)
        # The gallery's features are of half precision.
        for match in matches:
            assert match.probability == pytest.approx(others[match.name], abs=2e-3)
        assert [match.probability for match in matches] == sorted((m.probability for m in matches), reverse=True)
    assert len({match.probability for match in found[0]}) > 5


def test_a_shortlist_of_all_finds_what_exhaustive_finds_and_a_short_one_the_best_of_it(gallery, pictures):
    exhaustive = gallery.search(pictures, top=4, exhaustive=True)
    assert names_of(gallery.search(pictures, top=4, shortlist=11)) == names_of(exhaustive)
    counts = []
    few = gallery.search(pictures[:1], top=3, shortlist=5, progress=counts.append)
    assert sum(counts) == 5 and len(few[0]) == 3
    # The picture itself, under another name, is the first that a shortlist of one has.
    (found,) = gallery.search([pictures[7]._replace(name="unknown")], top=1, shortlist=1)
    assert found[0][:1] == (pictures[7].name,) and found[0][2:] == pictures[7][2:]


def test_filters(gallery, pictures):
    def found(probe=pictures[0], **filters):
        return sorted(int(match.time) for match in gallery.search([probe], top=20, **filters)[0])

    of_a, of_b = [[int(p.time) for p in pictures[1:] if p.camera == camera] for camera in "ab"]
    assert found() == list(range(1, 12))
    assert (
        found(cameras=["a"]) == of_a
        and found(cameras=["b"]) == of_b
        and found(cameras=["a", "b"]) == sorted(of_a + of_b)
    )
    assert found(without_cameras=["a"]) == of_b
    assert found(since=4.0) == list(range(4, 12)) and found(until=6.0) == list(range(1, 7))
    assert found(since=4.0, until=6.0, cameras=["a"]) == [4, 5]
    assert found(since=4.0, exhaustive=True, cameras=["b"]) == [each for each in of_b if each >= 4]
    assert found(other_cameras=True) == of_b  # its camera, as the picture says
    assert found(pictures[0]._replace(camera=None), other_cameras=True) == of_b  # or as the gallery does
    assert found(pictures[0]._replace(camera="b"), other_cameras=True) == of_a
    for mistyped in ("cameras", "without_cameras"):
        with pytest.raises(InputError, match="no picture of camera none; its cameras are: a, b"):
            found(**{mistyped: ["none"]})
    with pytest.raises(InputError, match="stranger: its camera is not known"):
        gallery.search([Picture("stranger", pictures[0].image)], other_cameras=True)


def test_what_is_not_known_is_found_but_by_no_filter(tmp_path, model_file, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file)
    gallery.add([Picture("plain", pictures[0].image)])
    probe = pictures[1]
    assert gallery.search([probe])[0][0][2:] == (None, None, None)
    assert gallery.search([probe], since=0.0) == gallery.search([probe], until=9e9) == [[]]
    with pytest.raises(InputError, match="no picture of camera a; its cameras are: none"):
        gallery.search([probe], cameras=["a"])
    gallery.add([probe._replace(name="of a")])
    assert [match.name for match in gallery.search([probe], cameras=["a"])[0]] == ["of a"]
    assert gallery.cameras == {None: 1, "a": 1}


def test_adding_again_passes_over_what_is_there_and_names_what_is_broken(gallery, pictures, tmp_path):
    missing = Picture("gone", tmp_path / "gone.png")
    wrong = Picture("wrong", np.zeros((4, 4), np.uint8))
    counts = []
    new = pictures[0]._replace(name="new")
    found = gallery.add([*pictures[:3], missing, new, wrong, new], commit=2, progress=counts.append)
    assert found[:2] == (1, 4) and counts == [2, 2, 2, 1] and len(gallery) == 13
    assert "gone.png: no such file" in found.broken[0]
    assert "wrong: uint8 of shape (4, 4); expected uint8 of shape (height, width, 3)" in found.broken[1]
    for bad in (new._replace(name=""), new._replace(name="x", camera=3), new._replace(name="x", time=float("nan"))):
        with pytest.raises(InputError, match="a picture needs a text as its name"):
            gallery.add([bad])


def test_a_stream_is_in_the_gallery_commit_by_commit(gallery, pictures):
    reader = Gallery(gallery.folder)
    seen = []

    def stream():
        for number in range(6):
            reader.refresh()
            seen.append(len(reader))
            yield pictures[0]._replace(name=str(number))

    assert gallery.add(stream(), commit=2) == Added(6, 0, [])
    assert seen == [12, 12, 14, 14, 16, 16]


def test_delete_compact_and_check(gallery, pictures):
    gallery.delete([pictures[3].name, pictures[8].name])
    assert len(gallery) == 10 and gallery.cameras == {"a": 5, "b": 5}
    before = gallery.search(pictures[:2], top=20)
    assert not {pictures[3].name, pictures[8].name} & set(names_of(before)[0])
    size = sum(path.stat().st_size for path in gallery.folder.glob("*.segment"))
    gallery.compact()
    assert sum(path.stat().st_size for path in gallery.folder.glob("*.segment")) < 0.9 * size
    assert gallery.search(pictures[:2], top=20) == before and gallery.check() == 10
    (path,) = gallery.folder.glob("*.segment")
    data = bytearray(path.read_bytes())
    data[gallery._store.snapshot.manifest.embedding_size * 4 * 10 + 3] ^= 4  # in the first map
    path.write_bytes(data)
    damaged = Gallery(gallery.folder)
    with pytest.raises(InputError, match=rf"the features of {pictures[0].name} are damaged"):
        damaged.check()
    with pytest.raises(InputError, match="are damaged"):
        damaged.search([pictures[1]])


def test_an_empty_gallery_finds_nothing(tmp_path, model_file, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file)
    assert len(gallery) == 0 and gallery.search(pictures[:2]) == [[], []]
    assert gallery.search(pictures[:1], exhaustive=True) == [[]] and gallery.search([]) == []


def test_another_model_is_told(gallery, model_file, tmp_path, pictures):
    assert len(Gallery.start(gallery.folder, model_file)) == 12  # the same goes on
    other = tmp_path / "other.keras"
    keras.models.load_model(model_file).save(other)
    with pytest.raises(InputError, match=r"indexed with another model than .*other\.keras"):
        Gallery.start(gallery.folder, other)
    shutil.copy(other, gallery.folder / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras: not the model that the pictures of this index were indexed"):
        Gallery(gallery.folder)


def test_what_cannot_be_a_gallery_or_a_model(tmp_path, model_file):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("a")
    with pytest.raises(InputError, match=r"letters exists and is no index"):
        Gallery.start(tmp_path / "letters", model_file)
    with pytest.raises(InputError, match=r"no\.keras: no such file"):
        Gallery.start(tmp_path / "index", tmp_path / "no.keras")
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(InputError, match="broken model file"):
        Gallery.start(tmp_path / "index", tmp_path / "text.keras")
    for about in ([], {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": None}):
        with zipfile.ZipFile(model_file) as good, zipfile.ZipFile(tmp_path / "strange.keras", "w") as strange:
            for name in good.namelist():
                strange.writestr(name, json.dumps(about) if name == "config.json" else good.read(name))
        with pytest.raises(InputError, match=r"strange\.keras: broken model file"):
            Gallery.start(tmp_path / "index", tmp_path / "strange.keras")
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Dense(1)(inputs)).save(tmp_path / "dense.keras")
    with pytest.raises(InputError, match='whose parts are called "tower" and "head"'):
        Gallery.start(tmp_path / "index", tmp_path / "dense.keras")
    assert not (tmp_path / "index").exists()


def test_numbers_that_cannot_be(gallery, pictures):
    for top, shortlist in ((0, 5), (10, 9)):
        with pytest.raises(InputError, match="top must be 1 or more and shortlist as much"):
            gallery.search(pictures[:1], top, shortlist=shortlist)
    assert len(gallery.search(pictures[:1], top=600, exhaustive=True)[0]) == 11  # there is no shortlist to be longer
    with pytest.raises(InputError, match="commit must be 1 to 1024"):
        gallery.add(pictures, commit=0)
    with pytest.raises(InputError, match="seconds in the years 1 to 9999"):
        gallery.add([pictures[0]._replace(name="later", time=1e300)])


@pytest.mark.parametrize("changes", [{"embedding_size": 3}, {"map_shape": (8, 2, 5), "embedding_size": 80}])
def test_a_manifest_of_other_features_than_the_model_s_is_told(tmp_path, model_file, pictures, changes):
    folder = Gallery.start(tmp_path / "index", model_file).folder
    dataclasses.replace(Manifest.read(folder), **changes).write(folder)
    with pytest.raises(InputError, match=r"manifest\.json: .* The index is damaged"):
        Gallery(folder).add(pictures[:1])


def test_many_segments_are_like_one(tmp_path, gallery, model_file, pictures):
    other = Gallery.start(tmp_path / "other", model_file)
    other.add(pictures, commit=5)
    assert len(other._store.snapshot.segments) == 3
    for options in ({"exhaustive": True}, {"shortlist": 7, "top": 7}):
        assert names_of(other.search(pictures[:4], **options)) == names_of(gallery.search(pictures[:4], **options))


def search_shard(folder, probes):
    return Gallery(folder).search(probes, top=6, exhaustive=True)


def test_two_processes_search_a_shard_each_and_together_find_what_one_index_has(
    tmp_path, gallery, model_file, pictures
):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, part in zip(folders, (pictures[:6], pictures[6:]), strict=True):
        Gallery.start(folder, model_file).add(part)
    probes = pictures[4:7]
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as workers:
        shards = list(workers.map(search_shard, folders, [probes] * 2))
    together, one = merge_rankings(shards, top=6), gallery.search(probes, top=6, exhaustive=True)
    assert names_of(together) == names_of(one)
    for matches, expected in zip(together, one, strict=True):
        np.testing.assert_allclose([m.probability for m in matches], [m.probability for m in expected], atol=1e-5)
    assert len({match.name for match in together[0]} & {picture.name for picture in pictures[:6]}) not in (0, 6)


def test_drawn_people_are_added_as_a_set(tmp_path, model_file):
    from tfnxc.datasets import synthetic

    gallery = Gallery.start(tmp_path / "index", model_file)
    assert gallery.add(set_pictures(synthetic(identities=2, shots=1))).added == 4
    assert gallery.cameras == {"0": 2, "1": 2}


def test_texts_for_a_table_can_be_printed_in_a_line():
    texts = Match("a\nb\udcff\x1b[31m ü.png", 0.5, None, "lift\udcff", 0.0).texts()
    assert texts[2:] == ["lift\\udcff", "1970-01-01T00:00:00+00:00", "a\\nb\\udcff\\x1b[31m ü.png"]


def test_records_keep_names_that_are_not_utf8():
    records = Records(["a\udcff.png"], ["ä"], [None], [1.5])
    assert Records.from_bytes(records.to_bytes()) == records


def test_a_gallery_that_a_kill_left_before_its_first_manifest_is_begun_anew(
    tmp_path, model_file, pictures, monkeypatch
):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Manifest, "write", killed)
        Gallery.start(tmp_path / "index", model_file)
    assert (tmp_path / "index" / "model.keras").exists()
    assert Gallery.start(tmp_path / "index", model_file).add(pictures[:2]).added == 2


def test_a_folder_is_deleted_with_all_below_it(tmp_path, model_file, crops):
    gallery = Gallery.start(tmp_path / "index", model_file)
    gallery.add(list_pictures(crops, layout=("camera",)))
    size = gallery.bytes_on_disk
    assert size == sum(path.stat().st_size for path in gallery.folder.iterdir()) > model_file.stat().st_size
    one = min((crops / "a").iterdir())
    with pytest.raises(InputError, match=r"nobody\.png: .* has no such picture and none below; nothing was deleted"):
        gallery.delete([one, "nobody.png"])
    assert len(gallery) == 12
    assert gallery.delete([crops / "b", one, str(one)]) == 7 and gallery.cameras == {"a": 5}
    gallery.compact()
    assert gallery.bytes_on_disk < size


def test_a_run_gives_its_model(tmp_path, model_file, pictures):
    run = Run.start(
        tmp_path / "run", RunSettings("synthetic", "normxcorr", Recipe()), get_split("random-1-2", range(3))
    )
    with pytest.raises(InputError, match="no model yet; finish the training"):
        Gallery.start(tmp_path / "index", run)
    shutil.copy(model_file, run.model_path())
    gallery = Gallery.start(tmp_path / "index", run)
    gallery.add(pictures[:2])
    assert len(Gallery.start(tmp_path / "index", run.folder)) == len(Gallery.start(tmp_path / "index", model_file)) == 2
