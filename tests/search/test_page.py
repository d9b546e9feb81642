"""The page of `tfnxc serve-ui`: what it finds, what it refuses, and how it looks to a browser."""

import functools
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import threading
import urllib.parse
import uuid
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.browser import browser, needs_browser
from tfnxc.errors import InputError
from tfnxc.search import Gallery, folder_pictures
from tfnxc.search.page import MOST_BYTES, find, search_page

pytest.importorskip("gradio", reason="no gradio: pip install gradio")


class Served(NamedTuple):
    """A running command: its process, the address of its page, its private folder, and what it says on the way."""

    process: subprocess.Popen
    address: str
    private: pathlib.Path
    log: pathlib.Path


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The command without an index: 100 drawn people. In a process of its own, as users have it."""
    folder = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "tfnxc", "serve-ui", "--port", "0"]
    environment, log = {**os.environ, "TMPDIR": str(folder)}, folder / "log"
    with open(log, "wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    try:
        line = process.stdout.readline()
        assert line.startswith("100 pictures. The page: http://127.0.0.1:"), line
        (private,) = folder.glob("tfnxc-page-*")
        yield Served(process, line.split()[4], private, log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def tab(served, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def asked(served, method, path, body=None, **headers):
    """Status and body of the answer to a request; a status of 0 where the server hangs up."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(served.address).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def upload(served, content, name="a.png", **headers):
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    return asked(served, "POST", "/gradio_api/upload", head.encode() + content + b"\r\n--b--\r\n", **form, **headers)


def test_it_finds_what_the_gallery_finds(gallery, pictures, crops):
    path = str(crops / "a" / "0001_a_00.png")
    image, found = find(gallery, path, ["b"], " ", "1970-01-01T00:00:09Z", 3, shortlist=50)
    np.testing.assert_array_equal(image, np.asarray(Image.open(path)))
    expected = gallery.search([pictures[0]._replace(name="x", image=image)], 3, cameras=["b"], until=9.0)[0]
    assert found == expected and len(found) == 3


def test_a_picture_that_is_gone_is_left_out_and_said(tmp_path, model_file, crops):
    gallery = Gallery.start(tmp_path / "paths", model_file, keep="paths")
    gallery.add(folder_pictures(crops / "a"))
    gone, *_ = sorted((crops / "a").iterdir())
    gone.unlink()
    lines = []
    probe = str(crops / "b" / "0000_b_00.png")
    _, found = find(gallery, probe, [], "", "", 10, shortlist=50, left_out=lines.append)
    assert len(found) == 5 and lines == [f"{gone}: no such file."]


@pytest.mark.parametrize("top", [0, 51, 10**9, 2.5, None, "10"])
def test_it_finds_no_more_than_it_shows(gallery, crops, top):
    with pytest.raises(InputError, match="1 to 50 pictures are shown"):
        find(gallery, str(crops / "a" / "0000_a_00.png"), [], "", "", top, shortlist=50)


def test_pictures_that_another_process_adds_are_found(gallery, crops):
    before = len(gallery)
    Gallery(gallery.folder).add(folder_pictures(crops / "a"))
    _, found = find(gallery, str(crops / "a" / "0000_a_00.png"), [], "", "", 50, shortlist=50)
    assert len(found) == before + 6


def test_a_shortlist_that_is_too_short_is_told(gallery, tmp_path):
    with pytest.raises(InputError, match="at least 50 pictures; got 49"):
        search_page(gallery, tmp_path, shortlist=49)


def test_it_answers_to_the_names_of_this_machine_only(served):
    assert asked(served, "GET", "/")[0] == 200
    assert asked(served, "GET", "/", Host="localhost")[0] == 200
    assert asked(served, "GET", "/", Host="pictures.example.com")[0] == 400


def test_a_picture_is_taken_up_to_a_size(served):
    status, paths = upload(served, b"x" * 100)
    assert status == 200 and str(served.private) in paths.decode()
    for size in (MOST_BYTES + 1, 20 * 2**20):  # more than a picture may have, and than any request may
        assert upload(served, bytes(size))[0] in (413, 0)
    assert max(path.stat().st_size for path in served.private.rglob("*") if path.is_file()) < MOST_BYTES


def test_a_request_that_does_not_say_how_long_it_is_ends_at_the_bound(served):
    def files():
        for number in range(64):
            yield f'--b\r\nContent-Disposition: form-data; name="files"; filename="{number}"\r\n\r\n'.encode()
            yield b"x" * 2**20 + b"\r\n"
        yield b"--b--\r\n"

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert asked(served, "POST", "/gradio_api/upload", files(), **form)[0] != 200
    assert sum(path.stat().st_size for path in served.private.rglob("*") if path.is_file()) < 32 * 2**20
    assert asked(served, "GET", "/")[0] == 200


def test_nothing_outside_the_page_is_shown(served, crops):
    for path in (crops / "b" / "broken.png", "/etc/passwd"):
        assert asked(served, "GET", f"/gradio_api/file={path}")[0] in (403, 404)
    for path in ("/openapi.json", "/docs", "/monitoring", "/gradio_api/monitoring"):
        assert asked(served, "GET", path)[0] in (403, 404), path


def searched(served, values):
    """What the page answers to a request that it has not made itself."""
    config = json.loads(asked(served, "GET", "/config")[1])
    (number,) = [each["id"] for each in config["dependencies"] if each["api_name"] == "search"]
    session = {"session_hash": uuid.uuid4().hex, "fn_index": number}
    form = {"Content-Type": "application/json"}
    assert asked(served, "POST", "/gradio_api/queue/join", json.dumps({**session, "data": values}), **form)[0] == 200
    answer = asked(served, "GET", f"/gradio_api/queue/data?session_hash={session['session_hash']}")[1].decode()
    messages = [json.loads(line[len("data:") :]) for line in answer.splitlines() if line.startswith("data:")]
    (done,) = [each for each in messages if each["msg"] == "process_completed"]
    return done


def as_file(path):
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("place", [0, 2])
def test_no_file_but_a_dropped_one_is_taken(served, crops, place):
    secret = crops / "a" / "0001_a_00.png"
    status, dropped = upload(served, secret.read_bytes())
    values = [as_file(json.loads(dropped)[0]), [], "", "", 3.0]
    assert status == 200 and searched(served, values)["success"]
    for path, message in (
        (secret, "does not send this"),
        ("https://example.com/a.png", "Only a picture that is dropped"),
    ):
        values[place] = as_file(path)
        done = searched(served, values)
        assert not done["success"] and message in done["output"]["error"]
        assert not list(served.private.rglob(secret.name))


def test_a_search_leaves_no_empty_file(served, crops):
    _, dropped = upload(served, (crops / "a" / "0001_a_00.png").read_bytes())
    assert searched(served, [as_file(json.loads(dropped)[0]), [], "", "", 3.0])["success"]
    assert all(path.stat().st_size for path in (served.private / "dropped").rglob("*") if path.is_file())


def test_a_page_of_another_site_cannot_drop_a_picture(served):
    for foreign in ({"Origin": "http://example.com"}, {"Sec-Fetch-Site": "cross-site"}):
        assert upload(served, b"x" * 100, **foreign)[0] == 403
    assert upload(served, b"x" * 100, Origin=served.address.rstrip("/"))[0] == 200


def test_nothing_is_kept_outside_the_folder(served):
    assert asked(served, "POST", "/gradio_api/process_recording", b"x")[0] == 404


def test_a_name_that_is_no_path_shows_no_file(tmp_path):
    Image.new("RGB", (9, 9), "red").save(tmp_path / "secret.png")
    shown = "[_copy(name).getpixel((0, 0)) for name in ('secret.png', os.path.abspath('secret.png'))]"
    program = f"import os; from tfnxc.search._page_layout import _copy; print({shown})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    assert said.stdout.decode().strip() == "[(128, 128, 128), (255, 0, 0)]"


def test_messages_are_text(served):
    _, dropped = upload(served, b"no picture", name="<img src=x>.png")
    done = searched(served, [as_file(json.loads(dropped)[0]), [], "<b>now</b>", "", 3.0])
    assert "<" not in done["output"]["error"]
    _, dropped = upload(served, b"no picture")
    done = searched(served, [as_file(json.loads(dropped)[0]), [], "<b>now</b>", "", 3.0])
    assert "not a picture" in done["output"]["error"]


@pytest.mark.parametrize(
    "values",
    [[], [None] * 9, [1, 2, 3, 4, 5], [{"path": 3}, {}, [], {}, {}], [None, "none", 1, 2, "3"], [[], [[]], {}, "", []]],
)
def test_a_request_that_the_page_does_not_send_costs_a_line(served, values):
    before = served.log.stat().st_size
    assert searched(served, values)["success"] in (False, values[:1] == [None])
    said = served.log.read_bytes()[before:].decode()
    assert len(said.splitlines()) <= 1 and "Traceback" not in said


def test_what_is_dropped_lies_where_nobody_else_can_read_it(served):
    assert stat.S_IMODE(served.private.stat().st_mode) == 0o700
    assert not (served.private.parent / "gradio").exists()  # where gradio would put it


@needs_browser
def test_a_dropped_picture_is_searched_for(served, tab):
    probe = served.private / "probes" / "a" / "person-0003.png"
    _, found = find(Gallery(served.private / "index"), str(probe), [], "", "", 10, shortlist=500)
    assert pathlib.Path(found[0].name).name == probe.name  # the model knows drawn people
    pathlib.Path(found[1].name).unlink()  # is shown grey
    tab.open(served.address, 1200)
    tab.wait_for("document.querySelector('input[type=file]') != null")
    tab.choose_file("input[type=file]", probe)
    tab.wait_for(f"document.body.innerText.includes({found[-1].name!r})")
    text = tab.evaluate("document.body.innerText")
    shown = re.findall(r"^(\d+)\s+(0\.\d{4}|1\.0000)$", text, re.MULTILINE)
    assert shown == [(str(rank), f"{match.probability:.4f}") for rank, match in enumerate(found, start=1)]
    assert all(f"{rank}: {match.probability:.2f}" in text for rank, match in enumerate(found, start=1))
    requested = [url for url in tab.requests() if not url.startswith(("data:", "blob:"))]
    assert requested and all(url.startswith(served.address) for url in requested)


@needs_browser
def test_a_probe_to_try_is_a_click_away(served, tab):
    tab.open(served.address, 1200)
    tab.wait_for("document.querySelectorAll('.thumbnail-item').length == 10")
    tab.evaluate("document.querySelectorAll('.thumbnail-item')[4].click()")
    tab.wait_for("document.body.innerText.includes('gallery/b/person-0004.png')")


@needs_browser
def test_a_broken_picture_is_told_by_its_name(served, tab, crops):
    tab.open(served.address, 360)
    tab.wait_for("document.querySelector('input[type=file]') != null")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.choose_file("input[type=file]", crops / "b" / "broken.png")
    tab.wait_for("document.body.innerText.includes('broken.png: ')")
    assert served.private.name not in tab.evaluate("document.body.innerText")


@needs_browser
def test_a_name_with_markup_is_shown_as_text(served, tab, tmp_path):
    picture = tmp_path / "<img src=x onerror=document.title='taken'><b>a.png"
    picture.write_bytes(b"no picture")
    tab.open(served.address, 1200)
    tab.wait_for("document.querySelector('input[type=file]') != null")
    tab.choose_file("input[type=file]", picture)
    tab.wait_for("document.body.innerText.includes('not a picture')")
    assert tab.evaluate("document.title") != "taken"
    assert tab.evaluate("document.querySelectorAll('img[src=x]').length") == 0


@needs_browser
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_from_elsewhere_uploads_nothing(served, tab, tmp_path, host):
    (tmp_path / "index.html").write_text("<p>elsewhere</p>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer((host, 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        tab.open(f"http://{host}:{other.server_address[1]}/", 1200)
        before = sorted(served.private.rglob("*"))
        sent = """(async () => {
            const form = new FormData();
            form.append("files", new Blob(["x"]), "planted.png");
            const answer = await fetch("ADDRESS/gradio_api/upload", {method: "POST", body: form, mode: "no-cors"});
            return answer.type;
        })()"""
        # Sent, and answered with what the page may not see.
        assert tab.evaluate(sent.replace("ADDRESS", served.address.rstrip("/"))) == "opaque"
        other.shutdown()
    assert sorted(served.private.rglob("*")) == before
    answers = [parameters["response"] for name, parameters in tab.events if name == "Network.responseReceived"]
    assert 403 in [each["status"] for each in answers if each["url"].startswith(served.address)]


def test_the_command_leaves_nothing_behind(served):
    """The last, because it ends the page."""
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0
    assert not served.private.exists()
