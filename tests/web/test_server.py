"""A port on which an application is served: whom it answers, and for whom it does not wait."""

import contextlib
import http.client
import socket
import subprocess
import sys

import pytest

from tfnxc.errors import InputError
from tfnxc.web import Server

pytest.importorskip("uvicorn", reason="no uvicorn: pip install uvicorn")

PROGRAM = """
import sys
from tfnxc.web import Server, connection

async def application(scope, receive, send):
    if scope["type"] == "http":
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.request":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
    else:
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})

connection.HEADERS, connection.BODY = float(sys.argv[1]), float(sys.argv[2])
server = Server()
print(server.address, flush=True)
server.serve(application, 100)
"""


@contextlib.contextmanager
def serving(headers, body):
    """The port of a server in a process of its own, with these seconds for headers and bodies."""
    command = [sys.executable, "-c", PROGRAM, str(headers), str(body)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def status_of(port, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers=headers)
        return connection.getresponse().status


def half_open(port, sent=b""):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(sent)
    return connection


def test_those_that_send_nothing_keep_nobody_out():
    with serving(1000, 1000) as port, contextlib.ExitStack() as stack:
        for number in range(70):
            stack.enter_context(half_open(port, b"GET / HTTP/1.1\r\n" if number % 2 else b""))
        assert status_of(port) == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: 3\r\n\r\na",  # is answered before it has ended
    ],
)
def test_who_is_too_slow_is_hung_up_on(sent):
    with serving(0.2, 0.2) as port, half_open(port, sent) as connection:
        with contextlib.suppress(ConnectionError):
            while connection.recv(1000):
                pass
        assert status_of(port) == 200


def test_it_answers_to_the_names_of_this_machine_only():
    with serving(1000, 1000) as port:
        assert status_of(port, Host="localhost") == 200
        assert status_of(port, Host="pictures.example.com") == 400


def test_a_port_that_is_taken_is_told():
    first = Server()
    port = int(first.address.rsplit(":", 1)[1].strip("/"))
    with contextlib.closing(first), pytest.raises(InputError, match=f"127.0.0.1:{port}: cannot be listened on"):
        Server(port=port)
    for host in ("...", "a" * 70):
        with pytest.raises(InputError, match="cannot be listened on"):
            Server(host)


def test_a_certificate_that_is_none_is_told(tmp_path):
    path = tmp_path / "certificate.pem"
    path.write_text("none")
    with pytest.raises(InputError, match=r"certificate\.pem: no certificate with its key"):
        Server(certfile=path).serve(None, 100)
    with pytest.raises(InputError, match="a key needs its certificate"):
        Server(keyfile=path)
