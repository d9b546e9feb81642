"""scripts/serving_client.py against a stand-in for TensorFlow Serving."""

import importlib.util
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from tests.serving import stand_in
from tests.serving.sent_pictures import encoded
from tests.serving.small_export import SHAPE, images, small_embedding, small_model
from tfnxc.serving import export_model

pytestmark = pytest.mark.slow

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "serving_client.py"
PICTURES = 35  # more than a request holds


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("serving_client", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    model = small_model()
    return export_model(
        model, tmp_path_factory.mktemp("models") / "campus", version=3, embedding=small_embedding(model)
    )


@pytest.fixture
def served(path):
    return stand_in.StandIn(path.parent)


@pytest.fixture
def gallery(tmp_path, rng):
    folder = tmp_path / "gallery"
    folder.mkdir()
    for number in range(PICTURES):
        kind = ("PNG", "png") if number % 2 else ("JPEG", "jpg")
        picture = encoded(rng.integers(0, 256, (50, 30, 3), np.uint8), kind[0])
        (folder / f"{number:02d}.{kind[1]}").write_bytes(picture)
    (folder / "notes.txt").write_text("no picture")
    return folder


def expected_ranking(path, probe, gallery):
    files = sorted(each for each in gallery.iterdir() if each.suffix != ".txt")
    pairs = {"probe_bytes": [probe.read_bytes()] * len(files), "gallery_bytes": [each.read_bytes() for each in files]}
    asked = tf.saved_model.load(str(path)).signatures["match_bytes"]
    same = asked(**{name: tf.constant(value) for name, value in pairs.items()})["same"].numpy()
    return [(files[index].name, same[index]) for index in np.argsort(-same, kind="stable")]


def vectors_of(path, files):
    asked = tf.saved_model.load(str(path)).signatures["embed_vector_bytes"]
    return asked(image_bytes=tf.constant([each.read_bytes() for each in files]))["vector"].numpy()


def check_ranking(printed, expected, score="probability"):
    title, *rows = printed.splitlines()
    assert title.split() == ["rank", score, "picture"]
    for number, (row, (name, same)) in enumerate(zip(rows, expected, strict=True), start=1):
        rank, probability, picture = row.split()
        assert (int(rank), picture) == (number, name) and abs(float(probability) - same) < 1e-4


SERVERS = {"rest": (stand_in.rest, []), "grpc": (stand_in.grpc_, ["--grpc"])}


@pytest.fixture(params=SERVERS)
def ask(request, served, client, capsys):
    """Runs the client against the stand-in; gives what it prints."""
    if request.param == "grpc":
        reason = "tensorflow-serving-api is not installed: pip install --no-deps tensorflow-serving-api"
        pytest.importorskip("tensorflow_serving.apis.predict_pb2", reason=reason)
    server, options = SERVERS[request.param]
    with server(served) as address:

        def run(*arguments):
            client.main([*map(str, arguments), "--model", "campus", "--server", address, *options])
            return capsys.readouterr().out

        yield run


def test_a_probe_and_a_folder_become_a_ranking(ask, served, path, gallery):
    probe = gallery / "05.png"
    expected = expected_ranking(path, probe, gallery)
    check_ranking(ask("rank", probe, gallery, "--top", 100), expected)
    assert served.requests == [("match_bytes", 32), ("match_bytes", PICTURES - 32)]
    check_ranking(ask("rank", probe, gallery, "--top", 4, "--version", 3), expected[:4])


def test_a_folder_is_ranked_by_vectors_each_picture_sent_once(ask, served, path, gallery):
    files = sorted(each for each in gallery.iterdir() if each.suffix != ".txt")
    cosines = vectors_of(path, files) @ vectors_of(path, files[5:6])[0]
    expected = [(files[index].name, cosines[index]) for index in np.argsort(-cosines, kind="stable")]
    check_ranking(ask("rank", gallery / "05.png", gallery, "--by", "vectors", "--top", 100), expected, "cosine")
    name = "embed_vector_bytes"
    assert served.requests == [(name, 1), (name, 32), (name, PICTURES - 32)]


def test_pictures_and_images_become_lines_of_vectors(ask, served, path, gallery, tmp_path):
    files = sorted(each for each in gallery.iterdir() if each.suffix != ".txt")
    lines = [json.loads(line) for line in ask("embed", gallery).splitlines()]
    assert [line["picture"] for line in lines] == [each.name for each in files]
    np.testing.assert_allclose([line["vector"] for line in lines], vectors_of(path, files), atol=1e-6)
    (line,) = map(json.loads, ask("embed", files[2]).splitlines())
    np.testing.assert_allclose(line["vector"], lines[2]["vector"], atol=1e-5)

    np.save(tmp_path / "images.npy", images(33, 8).astype("float64"))
    served.requests.clear()
    lines = [json.loads(line) for line in ask("embed", tmp_path / "images.npy").splitlines()]
    assert served.requests == [("embed_vector", 32), ("embed_vector", 1)]
    asked = tf.saved_model.load(str(path)).signatures["embed_vector"]
    expected = asked(image=tf.constant(images(33, 8)))["vector"]
    assert [line["picture"] for line in lines] == list(range(33))
    np.testing.assert_allclose([line["vector"] for line in lines], expected, atol=1e-5)
    np.save(tmp_path / "images.npy", np.zeros((2, *SHAPE), np.uint8))
    with pytest.raises(SystemExit, match=r"expected floats \(images, height, width, 3\); got uint8"):
        ask("embed", tmp_path / "images.npy")


def test_an_export_without_vectors_says_so(client, tmp_path, gallery):
    export_model(small_model(), tmp_path / "campus")
    with stand_in.rest(stand_in.StandIn(tmp_path / "campus")) as address:
        with pytest.raises(SystemExit, match='"embed_vector_bytes" not found in signature def'):
            client.main(["embed", str(gallery), "--model", "campus", "--server", address])


def test_two_pictures_become_a_probability(ask, path, gallery):
    probe, other = gallery / "05.png", gallery / "06.jpg"
    expected = dict(expected_ranking(path, probe, gallery))[other.name]
    check_ranking(ask("match", probe, other), [(other.name, expected)])


def test_a_bad_picture_is_named_by_its_file(ask, gallery):
    (gallery / "33.png").write_bytes((gallery / "33.png").read_bytes()[:900])
    (gallery / "bad.png").write_text("hello")
    with pytest.raises(SystemExit, match=r"^Error: \S*bad\.png: not a JPEG or PNG picture$"):
        ask("match", gallery / "bad.png", gallery / "05.png")
    for words in (["match", gallery / "05.png"], ["embed"], ["rank", "--by", "vectors", gallery / "33.png", gallery]):
        with pytest.raises(SystemExit, match=r"^Error: \S*33\.png: broken picture$"):
            ask(*words, *([] if words[0] == "rank" else [gallery / "33.png"]))
    with pytest.raises(SystemExit, match=r"^Error: \S*33\.png: broken picture$"):
        ask("rank", gallery / "33.png", gallery)  # as a probe it is no picture of the folder


@pytest.mark.parametrize("by", ["pairs", "vectors"])
def test_broken_pictures_of_a_folder_are_named_and_the_rest_is_ranked(ask, gallery, by, capsys):
    expected = ask("rank", gallery / "05.png", gallery, "--top", 100, "--by", by).splitlines()
    (gallery / ".hidden.png").write_text("not looked at")
    (gallery / "._05.png").write_text("what macOS leaves")
    (gallery / "folder.png").mkdir()
    (gallery / "a.png").write_text("hello")
    (gallery / "b.jpg").write_bytes(b"")
    (gallery / "gone.png").symlink_to(gallery / "nowhere.png")
    (gallery / "a.webp").touch()
    os.mkfifo(gallery / "pipe.png")  # waited for, it would never end
    whole = (gallery / "33.png").read_bytes()
    (gallery / "33.png").write_bytes(whole[:900])
    with pytest.raises(SystemExit) as ended:
        ask("rank", gallery / "05.png", gallery, "--top", 100, "--by", by)
    assert ended.value.code == 1
    found, told = capsys.readouterr()
    names = [line.split()[2] for line in expected if not line.endswith("33.png")]
    assert [line.split()[2] for line in found.splitlines()] == names
    passed, left_out = ([line for line in told.splitlines() if line.startswith(of)] for of in ("Passed", "Left out"))
    assert sorted(line.split(": ")[1] for line in left_out) == [
        str(gallery / name) for name in ("33.png", "a.png", "b.jpg", "gone.png", "pipe.png")
    ]
    assert passed == [
        f"Passed over: {gallery}: 1 folders in it (folder.png)",
        f"Passed over: {gallery}: 2 files of other formats (a.webp, notes.txt)",
    ]


def test_a_folder_of_broken_pictures_is_an_error(ask, gallery, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("a.png", "b.png"):
        (broken / name).write_text("hello")
    for words in (["rank", gallery / "05.png"], ["embed"]):
        with pytest.raises(SystemExit, match=r"broken: none of its pictures can be read\.$"):
            ask(*words, broken)
        told = capsys.readouterr().err.splitlines()
        assert told == [f"Left out: {broken / name}: not a JPEG or PNG picture" for name in ("a.png", "b.png")]


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/models", "/v1/models/"])
def test_addresses_are_taken_as_people_write_them(client, served, gallery, capsys, ending):
    words = ["match", str(gallery / "05.png"), str(gallery / "06.jpg"), "--model", "campus", "--server"]
    with stand_in.rest(served) as address:
        for server in (address, address.removeprefix("http://"), address.replace("127.0.0.1", "localhost")):
            client.main([*words, server + ending])
            assert "06.jpg" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("host", ("http", "host", "")),
        ("localhost:8501", ("http", "localhost:8501", "")),
        ("host:8501/", ("http", "host:8501", "")),
        ("https://host/serving/", ("https", "host", "/serving")),
        ("[::1]:8501", ("http", "[::1]:8501", "")),
    ],
)
def test_the_parts_of_an_address(client, server, expected):
    assert client.address_of(server) == expected


@pytest.mark.parametrize(
    "server",
    ["ftp://host", "http://", "http://host:port", "host?model=1", "http://[::1", "http://#", "", "anna:secret@host"],
)
def test_what_is_no_address_is_told(client, gallery, server):
    words = ["match", str(gallery / "05.png"), str(gallery / "06.jpg"), "--server", server]
    with pytest.raises(SystemExit, match="no address of a server") as found:
        client.main(words)
    assert "secret" not in str(found.value)


@pytest.mark.parametrize("ending", ["/v1/models/campus", "/v1/models/campus:predict", "/v1/models/campus/versions/3"])
def test_the_address_of_a_model_is_refused(client, ending):
    with pytest.raises(client.RefusedError, match="the address of a model; give that of the server, and the model as"):
        client.address_of(f"http://host:8501{ending}")


def test_grpc_takes_a_host_and_a_port(client, gallery):
    pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    words = ["match", str(gallery / "05.png"), str(gallery / "06.jpg"), "--grpc", "--server", "https://host/below"]
    with pytest.raises(SystemExit, match="--grpc takes a host and a port"):
        client.main(words)


def test_what_is_not_served_is_said(ask, gallery):
    with pytest.raises(SystemExit, match="Servable not found"):
        ask("match", gallery / "05.png", gallery / "06.jpg", "--version", 9)


def test_without_a_server_or_pictures_the_message_says_so(client, gallery, tmp_path):
    nobody = ["--server", "http://127.0.0.1:9", "--timeout", "5"]
    with pytest.raises(SystemExit, match="no answer of TensorFlow Serving"):
        client.main(["match", str(gallery / "05.png"), str(gallery / "06.jpg"), *nobody])
    for options in (["--server", "localhost"], ["--model", "two words"]):
        with pytest.raises(SystemExit, match="no answer of TensorFlow Serving"):
            client.main(["match", str(gallery / "05.png"), str(gallery / "06.jpg"), *nobody, *options])
    with pytest.raises(SystemExit, match="no JPEG or PNG picture here"):
        (tmp_path / "empty").mkdir()
        client.main(["rank", str(gallery / "05.png"), str(tmp_path / "empty"), *nobody])


def test_jpeg_has_other_names_too(client, tmp_path):
    for name in ("a.jpe", "b.JFIF"):
        (tmp_path / name).touch()
    assert [each.name for each in client.pictures_of(tmp_path)] == ["a.jpe", "b.JFIF"]


def test_a_console_without_a_letter_shows_a_replacement(client, served, gallery, monkeypatch):
    (gallery / "05.png").rename(gallery / "caf\u00e9.png")
    (gallery / "bad\u00e9.png").write_text("hello")
    streams = [io.TextIOWrapper(io.BytesIO(), "ascii") for _ in range(2)]
    for name, stream in zip(("stdout", "stderr"), streams, strict=True):
        monkeypatch.setattr(sys, name, stream)
    with stand_in.rest(served) as address:
        words = ["rank", gallery / "06.jpg", gallery, "--model", "campus", "--server", address, "--top", 100]
        with pytest.raises(SystemExit):
            client.main(list(map(str, words)))
    out, told = ((stream.flush(), stream.buffer.getvalue().decode())[1] for stream in streams)
    assert "caf?.png\n" in out and len(out.splitlines()) == 1 + PICTURES and "bad?.png: not a JPEG" in told


def test_a_name_that_is_not_utf_8_is_shown(client):
    assert client.shown("caf\udce9.png") == "caf\ufffd.png"


def test_what_does_not_speak_http_is_no_traceback(client, gallery):
    with socket.create_server(("127.0.0.1", 0)) as server:  # as the port of gRPC would

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(2**20)
                connection.sendall(b"\x00\x00\x12\x04 nothing of HTTP\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SystemExit, match="no answer of TensorFlow Serving"):
            client.main(["match", str(gallery / "05.png"), str(gallery / "06.jpg"), "--server", address])


def test_rest_needs_python_alone():
    """Neither site packages nor the checkout are there."""
    found = subprocess.run([sys.executable, "-I", "-S", SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert "gRPC needs" in found.stdout


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"probe_bytes": ["aGk="], "gallery_bytes": ["aGk="]}, "signature_name": "match_bytes"},
        {"inputs": {"probe_bytes": [{"b64": "aGk="}]}, "signature_name": "match_bytes"},
        {"inputs": {}, "signature_name": "mach_bytes"},
        {"instances": []},
    ],
)
def test_the_stand_in_refuses_what_the_server_would(body, served):
    with pytest.raises(ValueError):
        stand_in.answer(served, "/v1/models/campus:predict", body)
