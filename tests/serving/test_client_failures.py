"""scripts/serving_client.py where servers, files and names are not as they should be; no model is needed for it."""

import contextlib
import http.server
import importlib.util
import json
import os
import pathlib
import socket
import threading

import numpy as np
import pytest

from tests.serving.local_server import listening

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "serving_client.py"
PICTURES = 40  # more than a request holds
STEERING = "\x1b]0;owned\x07\x9b2J\x7f\u202e"


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("serving_client", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def serving(answer):
    """Gives the address of a server: `answer(path, body)` gives the status and what is sent, bytes or data for JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, reply = answer(self.path, body)
            self.send_response(status)
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may have gone
                self.wfile.write(reply if isinstance(reply, bytes) else json.dumps(reply).encode())

    with listening(Handler) as port:
        yield f"127.0.0.1:{port}"


def sound(_, body):
    """A probability or a vector for each picture."""
    inputs = body["inputs"]
    if body["signature_name"] == "match_bytes":
        return 200, {"outputs": {"same": [0.5] * len(inputs["gallery_bytes"]), "probabilities": []}}
    return 200, {"outputs": [[0.6, 0.8]] * len(next(iter(inputs.values())))}


@pytest.fixture
def gallery(tmp_path):
    folder = tmp_path / "gallery"
    folder.mkdir()
    for number in range(PICTURES):
        (folder / f"{number:02d}.png").write_bytes(b"for the server to read")
    return folder


def ended(client, *words):
    """What the program ends with: a status, or the text of an error."""
    with pytest.raises(SystemExit) as found:
        client.main(list(map(str, words)))
    return found.value.code


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.parametrize("name", ["pipe.png", "pipe.npy"])
def test_a_pipe_is_refused_and_not_waited_for(client, tmp_path, name):
    os.mkfifo(tmp_path / name)
    with serving(sound) as server:
        assert "not a file" in ended(client, "embed", tmp_path / name, "--server", server)
        (tmp_path / "gallery").mkdir()
        (tmp_path / "gallery" / "a.png").touch()
        assert "not a file" in ended(client, "rank", tmp_path / name, tmp_path / "gallery", "--server", server)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"same": [0.5]}, "expected 2 results under same; the server answered 1 results"),
        ({"same": [0.5] * 3}, "expected 2 results under same; the server answered 3 results"),
        ({"same": []}, "answered 0 results"),
        ({"same": 0.5}, "answered no list"),
        ({"other": [0.5, 0.5]}, "answered no list"),
        ([0.5, 0.5], "answered no list"),
    ],
)
def test_an_answer_that_is_too_short_or_no_answer_is_told(client, gallery, outputs, message):
    with serving(lambda *_: (200, {"outputs": outputs})) as server:
        for number in range(2, PICTURES):
            (gallery / f"{number:02d}.png").unlink()
        assert message in ended(client, "rank", gallery / "00.png", gallery, "--server", server)


@pytest.mark.parametrize(
    "wrong", ["NaN", "Infinity", '"high"', "null", "[0.5]", "true", "1e999", "1" * 400, "1.001", "-0.1"]
)
def test_what_is_no_probability_is_left_out(client, gallery, wrong, capsys):
    same = ", ".join(["0.5", wrong, *["0.25"] * 30])
    answers = iter([f'{{"outputs": {{"same": [{same}]}}}}', json.dumps({"outputs": {"same": [0.125] * 8}})])
    with serving(lambda *_: (200, next(answers).encode())) as server:
        assert ended(client, "rank", gallery / "00.png", gallery, "--server", server, "--top", 100) == 1
    out, told = capsys.readouterr()
    assert told == f"Left out: {gallery / '01.png'}: the server answered no number from 0 to 1\n"
    assert len(out.splitlines()) == PICTURES and "01.png" not in out


@pytest.mark.parametrize("by", ["pairs", "vectors"])
def test_what_was_found_before_a_failure_is_kept(client, gallery, by, capsys):
    asked = []

    def answer(path, body):
        asked.append(body)
        return sound(path, body) if len(asked) < (2 if by == "pairs" else 3) else (503, b"overloaded")

    with serving(answer) as server:
        told = ended(client, "rank", gallery / "00.png", gallery, "--by", by, "--server", server, "--top", 100)
    assert "(status 503: overloaded)" in told and told.endswith("holds the 32 pictures that were compared before.")
    assert len(capsys.readouterr().out.splitlines()) == 33


def test_vectors_before_a_failure_are_printed_and_a_bad_one_is_named(client, gallery, tmp_path, capsys):
    np.save(tmp_path / "images.npy", np.zeros((PICTURES, 4, 2, 3), np.float32))

    def answer(path, body):
        outputs = sound(path, body)[1]["outputs"]
        return (200, {"outputs": [outputs[0], [], *outputs[2:]]}) if len(outputs) == 32 else (400, {"error": "no"})

    with serving(answer) as server:
        assert ended(client, "embed", tmp_path / "images.npy", "--server", server) == "Error: no"
        out, told = capsys.readouterr()
        assert [json.loads(line)["picture"] for line in out.splitlines()] == [0, *range(2, 32)]
        left_out = f"{tmp_path / 'images.npy'}, image 1: the server answered something other than finite numbers"
        assert told == f"Left out: {left_out}\n"


def test_a_position_in_the_requests_of_others_is_told(client, gallery):
    with serving(lambda *_: (400, {"error": "gallery_bytes, picture 40: broken picture"})) as server:
        told = ended(client, "rank", gallery / "00.png", gallery, "--server", server)
    assert "refused was picture 40 of 32 that were sent" in told and "without batching" in told


def test_a_picture_that_is_taken_alone_is_not_left_out(client, gallery, capsys):
    def answer(path, body):
        if len(body["inputs"]["gallery_bytes"]) == 8:
            return 400, {"error": "gallery_bytes, picture 3: broken picture"}
        return sound(path, body)

    with serving(answer) as server:
        told = ended(client, "rank", gallery / "00.png", gallery, "--server", server)
    assert f"{gallery / '35.png'}: refused among others, taken alone: the server puts requests" in told
    assert "holds the 32 pictures" in told and capsys.readouterr().err == ""


def test_vectors_of_two_lengths_are_told(client, gallery):
    lengths = iter([2, 3])

    def answer(_, body):
        return 200, {"outputs": [[1.0] * next(lengths)] * len(body["inputs"]["image_bytes"])}

    with serving(answer) as server:
        told = ended(client, "rank", gallery / "00.png", gallery, "--by", "vectors", "--server", server)
    assert "00.png: a vector of 3 numbers; that of the probe has 2" in told


def test_a_server_that_drips_is_not_waited_for(client, gallery):
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not done.wait(0.01):
                    connection.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        try:
            told = ended(client, "match", gallery / "00.png", gallery / "01.png", "--server", address, "--timeout", 0.2)
        finally:
            done.set()
            thread.join()
    assert "not answered within 0.2 s" in told


def test_a_connection_of_many_addresses_is_not_waited_for(client, gallery, monkeypatch):
    done = threading.Event()

    def connect(*_, **__):
        done.wait()
        raise OSError("none of them")

    monkeypatch.setattr(socket, "create_connection", connect)
    try:
        told = ended(client, "match", gallery / "00.png", gallery / "01.png", "--server", "host", "--timeout", 0.2)
    finally:
        done.set()
    assert "not answered within 0.2 s" in told


@pytest.mark.parametrize("status", [200, 500])
def test_a_long_answer_is_not_read_to_its_end(client, gallery, monkeypatch, status):
    monkeypatch.setattr(client, "LARGEST_ANSWER", 1000)
    with serving(lambda *_: (status, b" " * 2000)) as server:
        told = ended(client, "match", gallery / "00.png", gallery / "01.png", "--server", server)
    assert "no answer of TensorFlow Serving (more than 1000 bytes)" in told


@pytest.mark.parametrize(
    "reply",
    [b"", b"\xff", b"[1]", b"[" * 100000, b'{"outputs"', b'{"error": "no"}', b"1" * 5000],
    ids=["nothing", "no UTF-8", "a list", "deep", "cut off", "an error", "a long number"],
)
@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_of_another_kind_is_told(client, gallery, reply, status):
    with serving(lambda *_: (status, reply)) as server:
        told = ended(client, "match", gallery / "00.png", gallery / "01.png", "--server", server)
    if (status, reply) == (404, b'{"error": "no"}'):
        assert told == "Error: no"
    else:
        assert f"no answer of TensorFlow Serving (status {status}: " in told and len(told) < 400


def test_nothing_that_steers_a_terminal_is_printed(client, gallery, tmp_path, capsys):
    for name in (f"a{STEERING}.png", f"b{STEERING}.png", f"c{STEERING}.txt"):
        (gallery / name).write_bytes(b"")
    (gallery / f"{STEERING} folder").mkdir()

    def answer(path, body):
        inputs = body["inputs"].get("gallery_bytes", body["inputs"].get("image_bytes"))
        if body["signature_name"] == "match_bytes" and len(inputs) in (1, 10):
            return 400, {"error": f"gallery_bytes, picture {8 if len(inputs) == 10 else 0}: {STEERING}"}
        return sound(path, body)

    outcomes = []
    with serving(answer) as server:
        outcomes.append(ended(client, "rank", gallery / "00.png", gallery, "--server", server, "--top", 100))
        client.main(["embed", str(gallery), "--server", server])
        out, told = capsys.readouterr()
    names = [json.loads(line)["picture"] for line in out.splitlines() if line.startswith("{")]
    assert names[-2:] == [f"a{STEERING}.png", f"b{STEERING}.png"]
    assert "Left out" in told and "folders in it" in told and "files of other formats" in told
    with serving(lambda *_: (500, {"error": f"no{STEERING}"})) as server:
        outcomes.append(ended(client, "match", gallery / "00.png", gallery / "01.png", "--server", server))
    with serving(lambda *_: (500, STEERING.encode())) as server:
        outcomes.append(ended(client, "match", gallery / "00.png", gallery / "01.png", "--server", server))
    outcomes.append(ended(client, "match", f"{tmp_path}/{STEERING}", gallery / "01.png", "--server", "host"))
    outcomes.append(ended(client, "match", gallery / "00.png", gallery / "01.png", "--server", f"host/{STEERING}:a"))
    ended(client, "match", gallery / "00.png", gallery / "01.png", f"more{STEERING}")
    shown = [out, told, *capsys.readouterr(), *map(str, outcomes)]
    assert "more" in shown[3] and not set("".join(shown)) & set(STEERING) - set("]0;owned2J")


def test_a_version_is_asked_for_by_its_label(client, gallery, capsys):
    paths = []

    def answer(path, body):
        paths.append(path)
        return sound(path, body)

    with serving(answer) as server:
        words = ["match", str(gallery / "00.png"), str(gallery / "01.png"), "--model", "campus", "--server", server]
        client.main([*words, "--label", "canary"])
        client.main([*words, "--version", "3"])
        assert ended(client, *words, "--version", "3", "--label", "canary") == 2
    assert paths == ["/v1/models/campus/labels/canary:predict", "/v1/models/campus/versions/3:predict"]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9"])
def test_a_time_out_that_cannot_be_is_told(client, gallery, seconds, capsys):
    assert ended(client, "match", gallery / "00.png", gallery / "01.png", f"--timeout={seconds}") == 2
    assert "--timeout takes seconds above 0, at most 86400" in capsys.readouterr().err


def test_a_folder_is_no_probe(client, gallery, capsys):
    assert ended(client, "rank", gallery, gallery, "--by", "vectors") == 2
    assert "the probe is one picture; got a folder" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04 no zip", b"text"])
def test_what_is_no_array_is_told(client, tmp_path, content):
    (tmp_path / "images.npy").write_bytes(content)
    assert "no .npy file of numbers" in ended(client, "embed", tmp_path / "images.npy", "--server", "host")


def test_a_server_of_grpc_that_says_nothing_is_not_waited_for(client, gallery):
    pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    with socket.create_server(("127.0.0.1", 0)) as server:  # connects, and never answers
        words = ["--grpc", "--server", f"127.0.0.1:{server.getsockname()[1]}", "--timeout", 0.2]
        assert "DEADLINE_EXCEEDED" in ended(client, "match", gallery / "00.png", gallery / "01.png", *words)
