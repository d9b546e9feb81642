"""What the service answers."""

import asyncio
import json
import logging

import numpy as np
import pytest

from tests.embedding.small_calibration import calibration_of
from tests.service.conftest import png
from tfnxc.datasets.picture_file import MOST_PIXELS
from tfnxc.embedding import Embedding
from tfnxc.errors import InputError
from tfnxc.search import Gallery, Picture
from tfnxc.service import Settings, application
from tfnxc.service.admission import RateLimit
from tfnxc.service.engine import Engine
from tfnxc.service.problems import ProblemError
from tfnxc.service.watching import log_configuration

TOKEN = "correct-horse-battery-staple"
PNG = {"content-type": "image/png"}


def test_it_finds_what_the_gallery_finds(client, gallery, pictures, probe):
    asked = {"top": 3, "cameras": ["b"], "until": "1970-01-01T00:00:09Z"}
    expected = gallery.search([pictures[0]._replace(name="x")], 3, cameras=["b"], until=9.0)[0]
    for sent in ({"content": probe, "headers": PNG}, {"files": {"picture": probe}}):
        answer = client.post("/v1/search", params=asked, **sent)
        assert answer.status_code == 200
        assert answer.json()["matches"] == [match.to_dict() for match in expected] and len(expected) == 3
    assert answer.json()["pictures"] == 12 and answer.json()["left_out"] == []


@pytest.mark.parametrize("scorer", ["both", "head", "embedding"])
def test_scorers(standing, probe, scorer):
    answer = standing.post("/v1/search", params={"scorer": scorer}, content=probe, headers=PNG).json()
    assert len(answer["matches"]) == 10
    assert all((match["probability"] is None) == (scorer == "embedding") for match in answer["matches"])


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"camera": "b"}, 422, "camera: Extra inputs"),  # mistyped, it would filter nothing
        ({"top": 0}, 422, "top: Input should be greater"),
        ({"top": "many"}, 422, "top: Input should be a valid integer"),
        ({"scorer": "none"}, 422, "scorer: Input should be 'both'"),
        ({"since": "yesterday"}, 422, "'yesterday' is no time"),
        ({"cameras": "roof"}, 404, "no picture of the camera roof"),
        ({"scorer": "embedding", "shortlist": 100}, 422, "compares no pairs"),
    ],
)
def test_what_cannot_be_asked_is_told(standing, probe, asked, status, said):
    answer = standing.post("/v1/search", params=asked, content=probe, headers=PNG)
    assert answer.status_code == status and said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"content": b"no picture", "headers": PNG}, 422, "the picture: not a picture"),
        ({"content": b"", "headers": PNG}, 422, "the picture: not a picture"),
        ({"content": b"{}", "headers": {"content-type": "application/json"}}, 415, "Send multipart/form-data"),
        ({"content": b"{}"}, 415, "Send multipart/form-data"),
        ({"files": {"other": b"x"}}, 422, "no file of this name"),
        ({"data": {"picture": "x"}, "files": {"other": b"x"}}, 422, "no file of this name"),
        ({"files": [("picture", b"x"), ("picture", b"x")]}, 400, "Too many files"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "Missing boundary"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "multipart"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/search", "/v1/pictures?name=new"])
def test_what_is_no_picture_is_refused(standing, path, sent, status, said):
    answer = standing.post(path, **sent)
    assert answer.status_code == status and said in answer.json()["detail"]


def test_a_picture_has_the_bounds_of_any_other(standing):
    side = int(MOST_PIXELS**0.5) + 1
    answer = standing.post("/v1/search", content=png(np.zeros((side, side), np.uint8)), headers=PNG)
    assert answer.status_code == 422 and "pixels read" in answer.json()["detail"]


def test_a_picture_is_added_found_and_deleted(client, gallery, probe):
    asked = {"name": "door/1", "camera": "door", "identity": "7", "time": "1970-01-02"}
    first = client.post("/v1/pictures", params=asked, content=probe, headers=PNG)
    assert (first.status_code, first.json()) == (201, {"name": "door/1", "state": "added"})
    again = client.post("/v1/pictures", params=asked, files={"picture": probe})
    assert (again.status_code, again.json()["state"]) == (200, "known")
    [match] = client.post("/v1/search?cameras=door", content=probe, headers=PNG).json()["matches"]
    assert (match["name"], match["identity"], match["time"]) == ("door/1", "7", "1970-01-02T00:00:00+00:00")
    assert client.get("/v1/index").json()["cameras"] == {"a": 6, "b": 6, "door": 1}
    assert "door/1" in Gallery(gallery.folder).names
    assert client.delete("/v1/pictures?name=door/1").json() == {"deleted": 1}
    assert "door/1" not in Gallery(gallery.folder).names
    assert client.delete("/v1/pictures?name=door/1").status_code == 404


def test_cameras_are_compared_as_in_any_search(client, probe):
    client.post("/v1/pictures", params={"name": "x", "camera": "7"}, content=probe, headers=PNG)
    client.post("/v1/pictures", params={"name": "y", "camera": "T\u00fcr"}, content=probe, headers=PNG)
    for camera, name in (("07", "x"), ("Tu\u0308r", "y")):
        [match] = client.post("/v1/search", params={"cameras": camera}, content=probe, headers=PNG).json()["matches"]
        assert match["name"] == name


def test_another_picture_of_a_name_is_taken_if_that_is_asked(client, pictures, probe):
    path, other = "/v1/pictures?name=synthetic/0000_a_00.png", png(pictures[5].image)
    assert client.post(path, content=probe, headers=PNG).json()["state"] == "known"
    refused = client.post(path, content=other, headers=PNG)
    assert refused.status_code == 409 and "update=true" in refused.json()["detail"]
    assert client.post(f"{path}&update=true", content=other, headers=PNG).json()["state"] == "updated"


def test_a_picture_is_deleted_by_its_exact_name_alone(client, gallery):
    for name in ("synthetic", "synthetic/", "", "/", ".", "synthetic/0000_a_00.pn"):
        assert client.delete("/v1/pictures", params={"name": name}).status_code in (404, 422)
    assert len(Gallery(gallery.folder)) == 12


@pytest.mark.parametrize("name", ["/etc/picture.png", "\\picture.png", "a\nb", ""])
def test_no_name_is_that_of_a_file_of_the_server(standing, probe, name):
    answer = standing.post("/v1/pictures", params={"name": name}, content=probe, headers=PNG)
    assert answer.status_code == 422 and answer.json()["detail"].startswith("name: ")


def test_another_method_is_told_which_there_are(standing):
    answer = standing.patch("/v1/pictures")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, POST")
    assert standing.post("/openapi.json").headers["allow"] == "GET"


def test_read_only_changes_nothing(asking, probe):
    client = asking(read_only=True)
    assert client.post("/v1/pictures?name=a", content=probe, headers=PNG).status_code == 404
    assert client.post("/v1/search", content=probe, headers=PNG).status_code == 200


def test_an_index_of_paths_takes_no_pictures(tmp_path, model_file, asking, probe):
    gallery = Gallery.start(tmp_path / "paths", model_file, keep="paths")
    from fastapi.testclient import TestClient

    with TestClient(application(gallery)) as client:
        answer = client.post("/v1/pictures?name=a", content=probe, headers=PNG)
        assert answer.status_code == 409 and "keeps paths" in answer.json()["detail"]
        assert client.post("/v1/search", content=probe, headers=PNG).json()["matches"] == []


def test_what_another_process_writes_is_found_and_its_lock_respected(client, gallery, pictures, probe):
    other = Gallery(gallery.folder)
    other.add([Picture("late", pictures[0].image)])
    assert client.post("/v1/search?top=1", content=probe, headers=PNG).json()["matches"][0]["name"] in (
        "late",
        pictures[0].name,
    )
    with other._store.writing():
        for answer in (
            client.post("/v1/pictures?name=a", content=probe, headers=PNG),
            client.delete("/v1/pictures?name=late"),
        ):
            assert answer.status_code == 409 and "Another process" in answer.json()["detail"]
        assert client.post("/v1/search", content=probe, headers=PNG).status_code == 200


def test_a_damaged_index_is_told_and_not_ready(client, gallery, probe, caplog):
    assert client.get("/readyz").json() == {"status": "ready"}
    manifest = gallery.folder / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-9])
    caplog.clear()
    answer = client.post("/v1/search", content=probe, headers=PNG)
    assert answer.status_code == 500 and "the log of the server" in answer.json()["detail"]
    (line,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert "The index is damaged" in line.getMessage() and line.exc_info is None
    assert client.get("/readyz").status_code == 503 and client.get("/healthz").status_code == 200
    manifest.write_bytes(whole)
    assert client.get("/readyz").status_code == 200


def test_a_token_is_needed(asking, probe):
    client = asking(token=TOKEN)
    for path in ("/v1/index", "/metrics", "/openapi.json"):
        for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
            answer = client.get(path, headers=given)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert client.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.post("/v1/search", content=probe, headers=PNG).status_code == 401
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_more_requests_than_agreed_are_refused(asking):
    client = asking(requests_per_minute=2)
    assert [client.get("/v1/index").status_code for _ in range(2)] == [200, 200]
    answer = client.get("/v1/index")
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
    assert client.get("/healthz").status_code == 200


def test_the_rate_is_even():
    now = 0.0
    limit = RateLimit(60, lambda: now)
    assert [limit.seconds_to_wait("a") for _ in range(61)] == [0] * 60 + [1]
    assert limit.seconds_to_wait("b") == 0
    now = 2.0
    assert [limit.seconds_to_wait("a") for _ in range(3)] == [0, 0, 1]


def test_a_request_is_bounded(asking, probe):
    client = asking(most_bytes=100)
    for content in (bytes(101), iter([bytes(60), bytes(60)])):
        answer = client.post("/v1/search", content=content, headers=PNG)
        assert answer.status_code == 413 and "at most 100 bytes" in answer.json()["detail"]


def test_no_more_wait_than_agreed():
    import threading

    engine, started, end = Engine(None, 1, None), threading.Event(), threading.Event()

    def wait():
        started.set()
        return end.wait(60)

    async def ask():
        calls = [asyncio.ensure_future(engine.run(wait)) for _ in range(2)]
        await asyncio.to_thread(started.wait, 60)
        with pytest.raises(ProblemError, match="waiting already") as refused:
            await engine.run(wait)
        end.set()
        return refused.value, await asyncio.gather(*calls)

    refused, done = asyncio.run(ask())
    assert refused.status == 503 and refused.headers == {"Retry-After": "1"} and done == [True, True]
    engine.close()


def test_metrics_count_what_was_done(client, probe):
    client.post("/v1/search", content=probe, headers=PNG)
    client.post("/v1/pictures?name=a", content=probe, headers=PNG)
    client.delete("/v1/pictures?name=a")
    client.get("/nonesuch")
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'tfnxc_requests_total{method="POST",route="/v1/search",status="200"} 1.0',
        'tfnxc_requests_total{method="any",route="other",status="404"} 1.0',
        'tfnxc_answered_total{action="search"} 1.0',
        'tfnxc_answered_total{action="add"} 1.0',
        'tfnxc_answered_total{action="delete"} 1.0',
        'tfnxc_request_seconds_count{route="/v1/search"} 1.0',
        "tfnxc_pictures 12.0",
        "tfnxc_requests_in_flight 1.0",
    ):
        assert line in lines, line


def test_a_request_is_a_line_of_log_without_names(client, probe, caplog):
    caplog.set_level(logging.INFO, "tfnxc.service")
    client.post("/v1/pictures?name=somebody", content=probe, headers={**PNG, "authorization": f"Bearer {TOKEN}"})
    (record,) = [each for each in caplog.records if each.name == "tfnxc.service"]
    formatter = log_configuration("json")["formatters"]["lines"]["()"]()
    line = json.loads(formatter.format(record))
    assert set(line) == {"time", "level", "client", "method", "path", "status", "seconds"}
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/pictures", 201)
    text = log_configuration("text")["formatters"]["lines"]["()"]().format(record)
    assert "POST /v1/pictures 201" in text and "somebody" not in text and TOKEN not in text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"token": "short"}, "16 to 512 letters"),
        ({"token": TOKEN, "page": True}, "no place for a token"),
        ({"requests_per_minute": 0}, "requests_per_minute must be"),
        ({"waiting": -1}, "waiting must be"),
        ({"log": "xml"}, "log must be one of json, text"),
    ],
)
def test_settings_that_cannot_be_are_told(settings, said):
    with pytest.raises(InputError, match=said):
        Settings(**settings)


def test_the_token_is_not_shown():
    assert TOKEN not in repr(Settings(token=TOKEN))


def test_the_audit_log_says_which_address_asked(asking, gallery, probe):
    gallery.start_audit()
    client = asking()
    assert client.post("/v1/search", params={"top": 2}, content=probe, headers=PNG).status_code == 200
    assert client.post("/v1/pictures", params={"name": "new"}, content=probe, headers=PNG).status_code == 201
    assert client.delete("/v1/pictures", params={"name": "new"}).status_code == 200
    entries = list(gallery.audit.entries())
    assert [(each.who, each.what) for each in entries] == [("testclient", what) for what in ("search", "add", "delete")]
    assert len(entries[0].contents) == 3


def test_without_its_entry_nothing_is_answered(asking, gallery, probe):
    gallery.start_audit().path.unlink()
    answer = asking().post("/v1/search", content=probe, headers=PNG)
    assert answer.status_code == 500 and "matches" not in answer.json()


def test_confident_matches(asking, gallery, probe):
    answer = asking().post("/v1/search", params={"false_matches": 1}, content=probe, headers=PNG)
    assert answer.status_code == 422 and "no thresholds" in answer.json()["detail"]
    calibration_of(Embedding.load(gallery.folder), (1e3, 0.0, -1e3)).save(gallery.folder)
    client = asking()
    for rate, count in ((1, 0), (300, 10)):
        found = client.post("/v1/search", params={"false_matches": rate}, content=probe, headers=PNG).json()
        assert len(found["matches"]) == count and found["confident"] == (count > 0)
    assert client.post("/v1/search", content=probe, headers=PNG).json()["confident"] is None
    assert client.post("/v1/search", params={"false_matches": 0}, content=probe, headers=PNG).status_code == 422
