"""The command `tfnxc serve`, in a process of its own: how it starts, and how it ends."""

import contextlib
import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from tfnxc.cli import main
from tfnxc.search import Gallery

PNG = {"Content-Type": "image/png"}


class Served(NamedTuple):
    """A running command: its process, where it listens, and the file with its log."""

    process: subprocess.Popen
    port: int
    log: str


@contextlib.contextmanager
def serving(index, *options):
    temporary = index.parent / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "tfnxc", "serve", str(index), "--port", "0", *options]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    environment.pop("TFNXC_TOKEN", None)
    with open(index.parent / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        line = process.stdout.readline()
        assert " pictures at http://127.0.0.1:" in line, line
        yield Served(process, urllib.parse.urlsplit(line.split()[3]).port, log.name)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def asked(served, method, path, body=None, **headers):
    """Status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_it_answers_until_it_is_told_to_end_and_finishes_what_runs(gallery, probe):
    page = importlib.util.find_spec("gradio") is not None
    with serving(gallery.folder, *(["--page"] if page else [])) as served:
        status, found = asked(served, "POST", "/v1/search?top=1", probe, **PNG)
        assert status == 200 and len(json.loads(found)["matches"]) == 1
        assert asked(served, "POST", "/v1/search", probe, **PNG, Origin="http://example.com")[0] == 403
        assert asked(served, "GET", "/healthz", Host="pictures.example.com")[0] == 400
        if page:
            assert b"<html" in asked(served, "GET", "/page/")[1]
        with socket.create_connection(("127.0.0.1", served.port), timeout=120) as running:
            head = ["POST /v1/search HTTP/1.1", "Host: localhost", "Content-Type: image/png", "Expect: 100-continue"]
            running.sendall("\r\n".join([*head, f"Content-Length: {len(probe)}", "", ""]).encode())
            assert running.recv(1000).startswith(b"HTTP/1.1 100 ")
            served.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(ConnectionError):
                while True:  # until it takes no new ones
                    socket.create_connection(("127.0.0.1", served.port), timeout=120).close()
            running.sendall(probe)
            assert running.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert served.process.wait(120) == 0
        with open(served.log, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if line.startswith("{")]
        requests = [(line["path"], line["status"]) for line in lines if "path" in line]
        assert requests[0] == requests[-1] == ("/v1/search", 200)
        assert os.listdir(gallery.folder.parent / "temporary") == []


def test_a_kill_loses_nothing_that_was_acknowledged(gallery, probe):
    acknowledged, enough = [], threading.Event()
    with serving(gallery.folder, "--requests-per-minute", "0") as served:

        def add():
            with contextlib.suppress(OSError, http.client.HTTPException):
                for number in range(10_000):
                    status, _ = asked(served, "POST", f"/v1/pictures?name=new/{number}", probe, **PNG)
                    assert status == 201
                    acknowledged.append(f"new/{number}")
                    if number == 4:
                        enough.set()

        adding = threading.Thread(target=add)
        adding.start()
        assert enough.wait(120)
        served.process.kill()
        adding.join()
    found = Gallery(gallery.folder)
    assert {*acknowledged} <= {*found.names} and len(found) in (12 + len(acknowledged), 13 + len(acknowledged))
    assert found.check() == len(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "others could reach it, and there is no token"),
        (["--token-file", "nonesuch"], "no token can be read here"),
        (["--ssl-keyfile", "key.pem"], "a key needs its certificate"),
        ([], "no index here"),
    ],
)
def test_what_cannot_be_served_is_told(tmp_path, monkeypatch, options, said):
    monkeypatch.delenv("TFNXC_TOKEN", raising=False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    result = CliRunner().invoke(main, ["serve", str(tmp_path), "--port", "0", *options])
    assert result.exit_code == 1 and said in result.output and len(result.output.splitlines()) == 1
