"""Adding and finding: filters, the package's own scores, broken pictures, and a model that changed."""

import concurrent.futures
import dataclasses
import datetime
import json
import multiprocessing
import os
import shutil
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

from tests.search.conftest import SIZE, embedding_of
from tfnxc.datasets import get_split
from tfnxc.datasets.image_set import resize
from tfnxc.embedding import Embedding
from tfnxc.errors import InputError
from tfnxc.models import split
from tfnxc.recipes import Recipe
from tfnxc.runs import Run, RunSettings
from tfnxc.scoring import PairScorer, embed
from tfnxc.search import Added, Gallery, Match, Picture, list_pictures, merge_rankings, set_pictures, synthetic_gallery
from tfnxc.search._files import Manifest
from tfnxc.search.picture import Records


def names_of(found):
    return [[match.name for match in matches] for matches in found]


@pytest.fixture(scope="module")
def named(tmp_path_factory, pictures):
    """The pictures of `pictures` as files, with their pixels at hand too."""
    folder, found = tmp_path_factory.mktemp("pictures"), []
    for picture in pictures:
        path = folder / picture.name.replace("/", "-")
        Image.fromarray(picture.image).save(path)
        found.append(picture._replace(name=str(path)))
    return found


@pytest.fixture(scope="module")
def galleries(tmp_path_factory, model_file, named):
    """A gallery that keeps maps and one that keeps paths, of the same pictures; not to be changed."""
    found = {}
    for keep in ("maps", "paths"):
        found[keep] = Gallery.start(tmp_path_factory.mktemp(keep) / "index", model_file, keep=keep)
        found[keep].add([picture._replace(image=picture.name) for picture in named], commit=5)
    return found


def images_of(pictures):
    return np.stack([resize(picture.image, SIZE) for picture in pictures])


def probabilities_of(model_file, pictures):
    """What the package's own scorer says of all pictures with all."""
    scorer = PairScorer(keras.models.load_model(model_file), images_of(pictures), batch_size=16)
    pairs = np.indices((len(pictures),) * 2).reshape(2, -1).T
    return scorer.score(pairs).reshape((len(pictures),) * 2)


def cosines_of(model_file, pictures):
    """Cosines of the embedding's vectors of all pictures with all."""
    tower = split(keras.models.load_model(model_file)).tower
    vectors = Embedding.load(model_file.parent).vectors(embed(tower, images_of(pictures)))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    return vectors @ vectors.T


def naive_scores(model_file, pictures, scorer, both_orders):
    """Scores and probabilities of all with all, the naive way."""
    probabilities, cosines = probabilities_of(model_file, pictures), cosines_of(model_file, pictures)
    if scorer == "embedding":
        return cosines, None
    if scorer == "head":
        scores = (probabilities + probabilities.T) / 2 if both_orders else probabilities
        return scores, scores
    odds = np.log(probabilities / (1 - probabilities))
    odds = (odds + odds.T) / 2 if both_orders else odds
    scores = 1.5 * odds + 4.0 * cosines  # the weights that tests/search/conftest.py gives
    return scores, 1 / (1 + np.exp(1.0 - 0.7 * scores))


@pytest.mark.parametrize("keep", ["maps", "paths"])
@pytest.mark.parametrize(
    ("scorer", "both_orders"), [("head", False), ("head", True), ("both", False), ("both", True), ("embedding", False)]
)
def test_a_search_gives_the_package_s_own_scores(galleries, model_file, named, keep, scorer, both_orders):
    gallery, pictures = galleries[keep], named
    scores, probabilities = naive_scores(model_file, pictures, scorer, both_orders)
    asked = {} if scorer == "embedding" else {"exhaustive": True, "both_orders": both_orders}
    found = gallery.search(pictures[:3], top=20, scorer=scorer, **asked)
    for index, matches in enumerate(found):
        others = [each.name for each in pictures if each is not pictures[index]]
        assert {match.name for match in matches} == set(others)
        for match in matches:
            at = [each.name for each in pictures].index(match.name)
            # The gallery's features are of half precision.
            assert match.score == pytest.approx(scores[index, at], abs=5e-3)
            if scorer == "embedding":
                assert match.probability is None and match.shown == match.score
            else:
                assert match.probability == match.shown == pytest.approx(probabilities[index, at], abs=5e-3)
        assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)
    assert len({match.score for match in found[0]}) > 5


def test_a_shortlist_of_all_finds_what_exhaustive_finds_and_a_short_one_the_best_of_it(gallery, model_file, pictures):
    exhaustive = gallery.search(pictures, top=4, exhaustive=True)
    assert names_of(gallery.search(pictures, top=4, shortlist=11)) == names_of(exhaustive)
    counts = []
    few = gallery.search(pictures[:1], top=5, shortlist=5, progress=counts.append)
    assert sum(counts) == 5
    # It holds the nearest by cosine, and the order is that of all.
    cosines = cosines_of(model_file, pictures)[0]
    nearest = [pictures[at].name for at in np.argsort(-cosines) if at][:5]
    every = gallery.search(pictures[:1], top=11, exhaustive=True)[0]
    assert names_of(few)[0] == [match.name for match in every if match.name in nearest]
    # The picture itself, under another name, is the first that a shortlist of one has.
    (found,) = gallery.search([pictures[7]._replace(name="unknown")], top=1, shortlist=1)
    assert found[0].name == pictures[7].name and found[0][3:] == pictures[7][2:]


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
    assert found(cameras="a") == found(cameras=np.array(["a"])) == found(cameras=iter("a")) == of_a
    assert found(without_cameras="a") == found(without_cameras={"a": 1}) == of_b
    assert found(since=np.int64(4), until=datetime.datetime(1970, 1, 1, 0, 0, 6)) == [4, 5, 6]
    assert found(since=np.datetime64(4, "s"), until="1970-01-01") == list(range(4, 12))
    assert found(until=datetime.date(1969, 12, 31)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cameras": "ab"}, "no picture of camera ab; its cameras are: a, b"),
        ({"without_cameras": "lift"}, "no picture of camera lift; its cameras are: a, b"),
        ({"cameras": 3}, "no picture of camera 3; its cameras are: a, b"),
        ({"cameras": [["a"]]}, r"cameras must be names of cameras, which are texts or whole .*; got \[\['a'\]\]"),
        ({"without_cameras": np.zeros(999)}, r"whole numbers; got an array of float64 of shape \(999,\)\.$"),
        ({"cameras": True}, "whole numbers; got True"),
        ({"both_orders": "no"}, "both_orders must be True or False; got 'no'"),
        ({"exhaustive": 1}, "exhaustive must be True or False; got 1"),
        ({"other_cameras": None}, "other_cameras must be True or False; got None"),
        ({"exhaustive": True, "shortlist": 30}, "exhaustive compares all pictures, so that shortlist has nothing to"),
        ({"cameras": []}, "cameras names no camera, so that nothing could be found"),
        ({"since": "noon"}, "since: 'noon' is no time; expected ISO 8601"),
        ({"until": [1.0]}, r"until: \[1.0\] is no time"),
        ({"since": 5.0, "until": 4.0}, "since 5.0 is later than until 4.0, so that nothing could be found"),
        ({"top": 2.5}, "top must be a whole number, 0 or above, received 2.5"),
        ({"top": "3"}, "top must be a whole number, 0 or above, received '3'"),
        ({"shortlist": 20.0}, "shortlist must be a whole number, 0 or above, received 20.0"),
        ({"scorer": ["head"]}, r"scorer must be one of both, embedding, head; got \['head'\]"),
    ],
)
def test_arguments_of_other_kinds_are_refused_as_the_command_refuses_them(gallery, pictures, options, message):
    with pytest.raises(InputError, match=message):
        gallery.search(pictures[:1], **options)


def test_what_is_no_list_of_pictures_is_told(gallery, pictures):
    for call in (gallery.search, gallery.add):
        for given in (pictures[0], "probe.png", None, 3):
            with pytest.raises(
                InputError, match=r"expected a list of Pictures, such as \[Picture.of_file\(file\)\]; got"
            ):
                call(given)
        with pytest.raises(InputError, match=r"\[Picture.of_file\(file\)\]; got an array of uint8 of shape \(.*\)\.$"):
            call(pictures[0].image)
        with pytest.raises(InputError, match=f"; got the Picture '{pictures[0].name}'\\.$"):
            call(pictures[0])
        with pytest.raises(InputError, match=r"expected Pictures, such as .*; got 'probe.png'"):
            call(["probe.png"])
        for field, value in (("identity", 1.5), ("camera", ""), ("camera", ["a"]), ("image", [[0]]), ("image", None)):
            with pytest.raises(InputError, match=f"{pictures[0].name}: {field} must be "):
                call([pictures[0]._replace(**{field: value})])
    for given in (5, None, [5], [pictures[0]]):
        with pytest.raises(InputError, match="expected names, files or folders to delete; got "):
            gallery.delete(given)
    with pytest.raises(InputError, match="update must be True or False; got 'no'"):
        gallery.add([], update="no")


def test_labels_are_one_in_every_form_that_people_write(tmp_path, model_file, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file)
    labels = ["caf\u00e9", "cafe\u0301", 1, np.int64(1), "01"]
    gallery.add([picture._replace(camera=camera) for picture, camera in zip(pictures, labels, strict=False)])
    assert gallery.cameras == {"caf\u00e9": 2, "1": 2, "01": 1}
    probe, names = pictures[9], [picture.name for picture in pictures]
    for asked, count in (("cafe\u0301", 2), ("caf\u00e9", 2), (1, 3), ("1", 3), ("01", 3), (np.arange(1, 2), 3)):
        assert len(gallery.search([probe], cameras=asked)[0]) == count
        assert len(gallery.search([probe], without_cameras=asked)[0]) == 5 - count
    assert sorted(names_of(gallery.search([probe._replace(camera="1.0")], other_cameras=True))[0]) == names[:2]


def test_an_index_from_before_labels_had_one_form(gallery, pictures):
    records = gallery._store.snapshot.records
    before = dataclasses.replace(records, cameras=["cafe\u0301", None] * 6)
    assert Records.from_bytes(before.to_bytes()).cameras == ["caf\u00e9", None] * 6


def test_a_picture_twice_with_other_labels_is_told(gallery, pictures):
    new = pictures[0]._replace(name="new")
    assert gallery.add([new, new, new._replace(camera="lift")]) == Added(1, 1, [], ("new",))
    assert gallery.cameras == {"a": 7, "b": 6}


def test_a_file_is_found_and_deleted_by_its_name_in_either_form(tmp_path, model_file, crops):
    composed, decomposed = (tmp_path / name for name in ("caf\u00e9.png", "cafe\u0301.png"))
    shutil.copy(next((crops / "a").glob("0*.png")), decomposed)
    gallery = Gallery.start(tmp_path / "index", model_file)
    assert gallery.add([Picture.of_file(composed), Picture.of_file(decomposed)])[:2] == (1, 1)
    assert gallery.search([Picture.of_file(composed)]) == [[]]  # it is the probe itself
    decomposed.unlink()
    assert gallery.delete(composed) == 1


def test_numbers_and_times_of_numpy_are_as_good_as_python_s(tmp_path, model_file, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file)
    times = [np.int64(86400), np.datetime64("1970-01-02T12"), datetime.datetime(1970, 1, 2, 23, 59, 59, 999999)]
    gallery.add([pictures[at]._replace(time=time) for at, time in enumerate(times)], commit=np.int64(2))
    asked = {
        "top": np.int64(2),
        "shortlist": np.uint8(9),
        "until": np.datetime64("1970-01-02"),
        "cameras": np.array(["a"]),
    }
    found = gallery.search(pictures[3:4], both_orders=np.True_, **asked)
    assert len(found[0]) == 2 and {type(match.time) for match in found[0]} == {float}
    assert len(gallery.search(pictures[3:4], until="1970-01-02")[0]) == 3  # that day, to its end
    assert gallery.search(pictures[3:4], until="1970-01-02T00:00")[0][0].time == 86400.0
    assert gallery.search(pictures[3:4], until="1970-01-01") == [[]]
    record = gallery.describe_search(pictures[3:4], found, both_orders=np.True_, **asked)
    assert json.loads(json.dumps(record)) == record and record["until"] == "1970-01-02T23:59:59.999999+00:00"
    assert record["top"] == 2 and record["cameras"] == ["a"]


def test_what_is_not_known_is_found_but_by_no_filter(tmp_path, model_file, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file)
    gallery.add([Picture("plain", pictures[0].image)])
    probe = pictures[1]
    assert gallery.search([probe])[0][0][3:] == (None, None, None)
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
    with pytest.raises(InputError, match="a picture needs a text as its name"):
        gallery.add([new._replace(name="")])
    with pytest.raises(InputError, match="new: time: nan is no time"):
        gallery.add([new._replace(time=float("nan"))])


@pytest.mark.parametrize("keep", ["maps", "paths"])
def test_a_picture_that_has_changed_is_named_and_taken_anew_on_demand(tmp_path, model_file, crops, pictures, keep):
    gallery = Gallery.start(tmp_path / "index", model_file, keep=keep)
    listed = list_pictures(crops / "a")
    assert gallery.add(listed) == Added(6, 0, [])
    first, second, *_ = (each.image for each in listed)
    Image.fromarray(pictures[7].image).save(first)
    os.utime(second)  # as it was, but for its time
    assert gallery.add(listed) == Added(0, 5, [], (listed[0].name,))
    probe = pictures[7]._replace(name="probe")
    left_out = [].append  # by a gallery that keeps paths, which looks at the file
    assert gallery.search([probe], top=20, scorer="embedding", left_out=left_out)[0][0].score < 0.999
    assert gallery.add(listed, update=True) == Added(0, 5, [], (listed[0].name,)) and len(gallery) == 6
    found = gallery.search([probe], top=20, scorer="embedding")[0]
    assert found[0].name == listed[0].name and found[0].score > 0.999 and len(found) == 6
    assert gallery.add(listed) == Added(0, 6, []) and gallery.check() == 6
    gallery.compact()
    assert sorted(gallery.names) == [each.name for each in listed] and gallery.add(listed) == Added(0, 6, [])


def test_files_that_are_as_they_were_are_not_read_again(tmp_path, model_file, crops, monkeypatch):
    gallery = Gallery.start(tmp_path / "index", model_file)
    listed = list_pictures(crops / "a")
    gallery.add(listed)
    monkeypatch.setattr(Picture, "read", None)
    assert Gallery(gallery.folder).add(listed) == Added(0, 6, [])


def test_labels_and_arrays_that_changed_are_told_too(gallery, pictures):
    (first, second, *_), names = pictures, [picture.name for picture in pictures]
    assert gallery.add([first._replace(camera=None, time=None, identity=None)]) == Added(0, 1, [])  # says nothing
    changed = [first._replace(camera="lift"), second._replace(image=pictures[5].image, camera=None)]
    assert gallery.add(changed) == Added(0, 0, [], tuple(names[:2])) and gallery.cameras == {"a": 6, "b": 6}
    assert gallery.add(changed, update=True) == Added(0, 0, [], tuple(names[:2]))
    assert gallery.cameras == {"a": 5, "b": 6, "lift": 1}  # what is not said stays
    assert gallery.add(changed) == Added(0, 2, [])
    one, other = (first._replace(name="twice", image=each.image) for each in (first, pictures[5]))
    assert gallery.add([one, other, one], commit=1) == Added(1, 1, [], ("twice",))


def test_a_picture_of_the_index_that_is_broken_or_gone_keeps_its_features(tmp_path, model_file, crops):
    gallery = Gallery.start(tmp_path / "index", model_file)
    listed = list_pictures(crops / "a")
    gallery.add(listed)
    with open(listed[0].image, "wb") as file:
        file.write(b"no picture")
    os.remove(listed[1].image)
    found = gallery.add(listed, update=True)
    assert found[:2] == (0, 4) and found.changed == () and len(gallery) == 6
    assert "not a picture" in found.broken[0] and "no such file" in found.broken[1]
    assert all(line.endswith(" The index keeps what it has of this picture.") for line in found.broken)
    assert gallery.gone_from(crops) == gallery.gone_from(crops / "a") == [listed[1].name]
    assert gallery.gone_from(crops / "b") == gallery.gone_from(tmp_path / "cro") == []
    gallery.delete([listed[1].name])
    assert gallery.gone_from(crops) == []


def test_an_index_from_before_the_times_of_files_were_kept_is_gone_on_with(tmp_path, model_file, crops, monkeypatch):
    gallery = Gallery.start(tmp_path / "index", model_file)
    listed, to_bytes = list_pictures(crops / "a"), Records.to_bytes

    def before(records):
        columns = json.loads(to_bytes(records))
        del columns["stamps"]
        return json.dumps({**columns, "digests": [None] * len(records)}).encode()

    with monkeypatch.context() as patched:
        patched.setattr(Records, "to_bytes", before)
        gallery.add(listed)
    gallery, names = Gallery(gallery.folder), tuple(each.name for each in listed)
    assert gallery.add(listed) == Added(0, 0, [], (), names)
    assert gallery.add([listed[0]._replace(camera="lift")]) == Added(0, 0, [], names[:1])  # a label is compared
    assert gallery.add(listed, update=True) == Added(0, 0, [], (), names)
    assert gallery.add(listed) == Added(0, 6, []) and len(gallery) == gallery.check() == 6


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
    data[gallery._store.snapshot.manifest.dimensions * 2 * 10 + 3] ^= 4  # in the first map
    path.write_bytes(data)
    damaged = Gallery(gallery.folder)
    with pytest.raises(InputError, match=rf"the features of {pictures[0].name} are damaged"):
        damaged.check()
    with pytest.raises(InputError, match="are damaged"):
        damaged.search([pictures[1]])
    assert len(damaged.search([pictures[1]], scorer="embedding")[0]) == 9  # reads no map


def test_an_empty_gallery_finds_nothing(tmp_path, model_file, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file)
    assert len(gallery) == 0 and gallery.search(pictures[:2]) == [[], []]
    assert gallery.search(pictures[:1], exhaustive=True) == [[]] and gallery.search([]) == []


def test_a_probe_does_not_find_itself_by_another_name(tmp_path, model_file, crops):
    gallery = Gallery.start(tmp_path / "index", model_file)
    gallery.add(list_pictures(crops, layout=("camera",)))
    one = min((crops / "a").iterdir())
    (tmp_path / "link.png").symlink_to(one)
    (tmp_path / "folder").symlink_to(crops)
    os.link(one, tmp_path / "hard.png")
    shutil.copy(one, tmp_path / "copy.png")
    (tmp_path / "again.png").symlink_to(tmp_path / "link.png")
    for name in ("link.png", "again.png", "hard.png", f"folder/a/{one.name}"):
        [found] = gallery.search([Picture.of_file(tmp_path / name)], top=20)
        assert len(found) == 11 and str(one) not in [match.name for match in found]
        [found] = gallery.search([Picture.of_file(tmp_path / name)], top=20, other_cameras=True)
        assert {match.camera for match in found} == {"b"}  # its camera, as the gallery says
    assert str(one) in names_of(gallery.search([Picture.of_file(tmp_path / "copy.png")], top=20))[0]
    os.utime(one, (1, 1))
    assert str(one) not in names_of(gallery.search([Picture.of_file(tmp_path / "link.png")], top=20))[0]


def test_another_model_is_told(gallery, model_file, tmp_path, pictures):
    assert len(Gallery.start(gallery.folder, model_file)) == 12  # the same goes on
    other = tmp_path / "other.keras"
    keras.models.load_model(model_file).save(other)
    embedding_of(other).save(tmp_path)
    with pytest.raises(InputError, match=r"indexed with another model or embedding than .*other\.keras"):
        Gallery.start(gallery.folder, other)
    with pytest.raises(InputError, match="indexed with another model or embedding"):
        Gallery.start(gallery.folder, model_file, embedding=embedding_of(model_file, cosine=5.0))
    for name in ("model.keras", "embedding.keras", "embedding.json"):
        before = (gallery.folder / name).read_bytes()
        (gallery.folder / name).write_bytes(before[:-1] + b"x")
        with pytest.raises(InputError, match=rf"{name}: not the one that the pictures of this index were indexed"):
            Gallery(gallery.folder)
        (gallery.folder / name).unlink()
        with pytest.raises(InputError, match=rf"{name}: not the one that the pictures of this index were indexed"):
            Gallery(gallery.folder)
        (gallery.folder / name).write_bytes(before)
    assert len(Gallery(gallery.folder)) == 12


def test_a_model_without_its_embedding_is_refused_with_the_remedy(tmp_path, model_file, pictures):
    alone = tmp_path / "alone" / "model.keras"
    alone.parent.mkdir()
    shutil.copy(model_file, alone)
    with pytest.raises(InputError, match=r"no embedding here. Fit one with tfnxc embed fit .*alone.*beside its model"):
        Gallery.start(tmp_path / "index", alone)
    other = tmp_path / "other.keras"
    keras.models.load_model(model_file).save(other)
    for given in (embedding_of(other), None):
        if given is None:
            embedding_of(other).save(alone.parent)
        with pytest.raises(
            InputError, match=r"its embedding is of another model\. Fit one of this model: tfnxc embed fit"
        ):
            Gallery.start(tmp_path / "index", alone, embedding=given)
    assert not (tmp_path / "index").exists()
    for given in (embedding_of(model_file), model_file.parent):
        gallery = Gallery.start(tmp_path / "index", alone, embedding=given)
        gallery.add(pictures[:3])
        assert len(gallery) == 3  # the same embedding, from two places
    assert len(gallery.search(pictures[3:4])[0]) == 3


def test_the_model_that_comes_with_tfnxc(tmp_path, pictures):
    gallery = Gallery.start(tmp_path / "index", "pretrained")
    gallery.add(pictures)
    assert len(Gallery.start(tmp_path / "index", "pretrained")) == 12  # goes on, though the files would differ
    assert gallery.summary()["model"].startswith("pretrained ")
    again, probes = synthetic_gallery(tmp_path / "try", identities=6, probes=2)
    assert len(synthetic_gallery(tmp_path / "try", identities=6, probes=2)[0]) == len(again) == 6
    found = again.search([Picture.of_file(probe) for probe in probes], top=1)
    assert [match.name.rsplit("/", 1)[1] for (match,) in found] == [probe.name for probe in probes]


def test_what_a_gallery_keeps(galleries, named, model_file, tmp_path):
    assert {keep: galleries[keep].keep for keep in galleries} == {"maps": "maps", "paths": "paths"}
    sizes = {
        keep: sum(path.stat().st_size for path in each.folder.glob("*.segment")) for keep, each in galleries.items()
    }
    of_maps = 2 * np.prod(galleries["maps"].summary()["map_shape"]) + 4
    assert 0 < sizes["paths"] < sizes["maps"] - 12 * of_maps + 12 * 16
    held = galleries["paths"].summary()
    assert held["pictures"] == 12 and held["cameras"] == {"a": 6, "b": 6} and held["keep"] == "paths"
    assert held["dimensions"] == 8 and held["bytes"] == galleries["paths"].bytes_on_disk
    json.dumps(held)
    with pytest.raises(InputError, match="it keeps paths, not maps"):
        Gallery.start(galleries["paths"].folder, model_file, keep="maps")
    assert Gallery.start(galleries["paths"].folder, model_file).keep == "paths"
    with pytest.raises(InputError, match="keep must be maps or paths; got 'all'"):
        Gallery.start(tmp_path / "index", model_file, keep="all")
    with pytest.raises(InputError, match="drawn: an array, and this gallery keeps paths of files"):
        Gallery(galleries["paths"].folder).add([named[0]._replace(name="drawn")])


def test_a_picture_that_is_gone_or_has_changed_is_told(tmp_path, model_file, crops, pictures):
    gallery = Gallery.start(tmp_path / "index", model_file, keep="paths")
    gallery.add([Picture(f"picture {path.name}", path) for path in sorted((crops / "a").iterdir())])
    probe = pictures[7]
    before = gallery.search([probe], top=20)[0]
    first, second, third = sorted((crops / "a").iterdir())[:3]
    assert gallery.check() == 6 and f"picture {first.name}" in [match.name for match in before]
    shutil.copy(first, tmp_path / "kept.png")
    first.unlink()
    Image.fromarray(pictures[8].image).save(second)
    os.utime(third)  # as it was, but for its time
    gone = rf"{first.name}: no such file\..* 1 others here\. Put the pictures back, or delete them from the index"
    for call in (lambda: gallery.search([probe]), gallery.check):
        with pytest.raises(InputError, match=gone):
            call()
    lines = []
    found = gallery.search([probe], top=20, left_out=lines.append)[0]
    assert found == [match for match in before if match.name[8:] not in (first.name, second.name)] and len(found) == 4
    assert "no such file" in lines[0] and lines[1] == (
        f"{second}: not the picture that was indexed; it has changed since."
    )
    shutil.copy(tmp_path / "kept.png", first)
    gallery.delete([f"picture {second.name}"])
    assert len(gallery.search([probe], top=20)[0]) == 5
    # The vectors alone say what is found, but not that the pictures are still there.
    by_vectors = gallery.search([probe], top=20, scorer="embedding")[0]
    nearest = next(path for path in (crops / "a").iterdir() if by_vectors[0].name == f"picture {path.name}")
    nearest.unlink()
    with pytest.raises(InputError, match=f"{nearest.name}: no such file"):
        gallery.search([probe], top=2, scorer="embedding")
    lines.clear()
    found = gallery.search([probe], top=2, scorer="embedding", left_out=lines.append)
    assert names_of(found) == names_of([by_vectors[1:3]])
    assert lines == [f"{nearest}: no such file."]


def test_what_was_asked_and_found_as_plain_types(gallery, pictures):
    asked = {"scorer": "head", "shortlist": 6, "cameras": {"b"}, "since": 0.0}
    found = gallery.search(pictures[:2], top=2, **asked)
    record = gallery.describe_search(pictures[:2], found, top=2, **asked)
    assert json.loads(json.dumps(record)) == record
    assert (record["scorer"], record["shortlist"], record["exhaustive"]) == ("head", 6, False)
    assert record["cameras"] == ["b"] and record["since"] == "1970-01-01T00:00:00+00:00" and record["until"] is None
    assert [each["probe"] for each in record["probes"]] == [picture.name for picture in pictures[:2]]
    first = record["probes"][0]["matches"][0]
    assert first == found[0][0].to_dict() and set(first) == {"score", *Picture._fields, "probability"} - {"image"}
    assert gallery.describe_search([], [], scorer="embedding")["shortlist"] is None
    assert gallery.describe_search([], [], exhaustive=True)["shortlist"] is None
    assert gallery.describe_search([], [], top=400)["shortlist"] == 400


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
    with pytest.raises(InputError, match="scorer must be one of both, embedding, head; got 'cosine'"):
        gallery.search(pictures[:1], scorer="cosine")
    for unused in ({"shortlist": 20}, {"exhaustive": True}, {"both_orders": True}):
        with pytest.raises(InputError, match="the scorer embedding compares no pairs"):
            gallery.search(pictures[:1], scorer="embedding", **unused)
    with pytest.raises(InputError, match="commit must be 1 to 1024"):
        gallery.add(pictures, commit=0)
    with pytest.raises(InputError, match=r"time: 1e\+300 is no time in the years 1 to 9999"):
        gallery.add([pictures[0]._replace(name="later", time=1e300)])


@pytest.mark.parametrize("changes", [{"dimensions": 3}, {"map_shape": (8, 2, 5)}])
def test_a_manifest_of_other_features_than_the_model_s_is_told(tmp_path, model_file, pictures, changes):
    folder = Gallery.start(tmp_path / "index", model_file).folder
    dataclasses.replace(Manifest.read(folder), **changes).write(folder)
    with pytest.raises(InputError, match=r"manifest\.json: .* The index is damaged"):
        Gallery(folder).add(pictures[:1])


def test_many_segments_are_like_one(tmp_path, gallery, model_file, pictures):
    other = Gallery.start(tmp_path / "other", model_file)
    other.add(pictures, commit=5)
    assert len(other._store.snapshot.segments) == 3
    for options in ({"exhaustive": True}, {"shortlist": 7, "top": 7}, {"scorer": "embedding"}):
        assert names_of(other.search(pictures[:4], **options)) == names_of(gallery.search(pictures[:4], **options))


def search_shard(folder, probes):
    return Gallery(folder).search(probes, top=6, exhaustive=True)


@pytest.mark.distributed
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
        np.testing.assert_allclose([m.score for m in matches], [m.score for m in expected], atol=1e-4)
    assert len({match.name for match in together[0]} & {picture.name for picture in pictures[:6]}) not in (0, 6)


def test_drawn_people_are_added_as_a_set(tmp_path, model_file):
    from tfnxc.datasets import synthetic

    gallery = Gallery.start(tmp_path / "index", model_file)
    assert gallery.add(set_pictures(synthetic(identities=2, shots=1))).added == 4
    assert gallery.cameras == {"0": 2, "1": 2}


def test_texts_for_a_table_can_be_printed_in_a_line():
    match = Match("a\nb\udcff\x1b[31m ü.png", 2.5, 0.5, None, "lift\udcff", 0.0)
    texts = match.texts()
    assert texts[:2] == ["0.5000", ""] and match._replace(probability=None).texts()[:2] == ["", "2.5000"]
    assert texts[3:] == ["lift\ufffd", "1970-01-01T00:00:00+00:00", "a\ufffdb\ufffd\ufffd[31m ü.png"]


def test_records_keep_names_that_are_not_utf8():
    records = Records(["a\udcff.png"], ["ä"], [None], [1.5], ["b\udcff.png"], ["12ab"])
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


@pytest.mark.parametrize("given", ["", " ", "\t\n", ".", "./", "..", "../..", "crops/..", "/", "//", "\0", "crops\0"])
def test_a_name_that_an_unset_variable_leaves_deletes_nothing(tmp_path, gallery, pictures, given, monkeypatch):
    (tmp_path / "crops").mkdir()
    monkeypatch.chdir(tmp_path / "crops" if ".." in given and "crops" not in given else tmp_path)
    gallery.add([pictures[0]._replace(name=str(tmp_path / "crops" / "0.png"))])
    for what in (given, [given], [pictures[1].name, given]):
        with pytest.raises(InputError, match=r"is no name to delete by: .* full path of a folder"):
            gallery.delete(what)
    assert len(gallery) == 13
    assert gallery.meant_by([tmp_path / "crops", pictures[2].name]) == [pictures[2].name, gallery.names[-1]]
    assert len(gallery) == 13 and gallery.delete([tmp_path / "crops"]) == 1


def test_a_picture_whose_name_is_like_a_folder_s_is_deleted_by_it(gallery, pictures):
    gallery.add([pictures[0]._replace(name=name) for name in (" ", ".")])
    assert gallery.delete([" ", "."]) == 2 and len(gallery) == 12


def test_a_run_gives_its_model(tmp_path, model_file, pictures):
    run = Run.start(
        tmp_path / "run", RunSettings("synthetic", "normxcorr", Recipe()), get_split("random-1-2", range(3))
    )
    with pytest.raises(InputError, match="no model yet; finish the training"):
        Gallery.start(tmp_path / "index", run)
    shutil.copy(model_file, run.model_path())
    with pytest.raises(InputError, match="Fit one with tfnxc embed fit"):
        Gallery.start(tmp_path / "index", run)
    embedding_of(model_file).save(run.folder)
    gallery = Gallery.start(tmp_path / "index", run)
    gallery.add(pictures[:2])
    assert len(Gallery.start(tmp_path / "index", run.folder)) == len(Gallery.start(tmp_path / "index", model_file)) == 2


def test_names_are_deleted_as_they_are(gallery):
    with pytest.raises(InputError, match="no picture synthetic"):
        gallery.delete_names(["synthetic/0000_a_00.png", "synthetic"])
    assert len(gallery) == 12
    gallery.delete_names(["synthetic/0000_a_00.png"])
    assert len(gallery) == 11 and "synthetic/0000_a_00.png" not in gallery.names
