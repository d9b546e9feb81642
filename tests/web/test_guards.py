"""What stands before an application, asked as a server asks it."""

import asyncio
import json

import pytest

from tfnxc.web.guards import BoundedBody, OneLineErrors, OwnPagesOnly


async def echo(scope, receive, send):
    """Answers with what was sent."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("gone")
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asked(application, *parts, method="POST", **headers):
    """Status and body of the answer to a request whose body comes in parts."""
    coming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    coming += [{"type": "http.request", "body": b"", "more_body": False}]
    sent = []
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive():
        return coming.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/\x1b[31m", "headers": given}
    asyncio.run(application(scope, receive, send))
    start, body = sent
    return start["status"], body["body"]


NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 200),
        ("POST", {"origin": "http://localhost:7860", "sec_fetch_site": "same-origin"}, 200),
        ("GET", {"sec_fetch_site": "none", **NAVIGATION}, 200),
        ("GET", {"sec_fetch_site": "cross-site", **NAVIGATION}, 200),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, 403),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, 403),
        ("POST", {"sec_fetch_site": "cross-site", **NAVIGATION}, 403),
        ("POST", {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"}, 403),
        ("POST", {"origin": "http://example.com"}, 403),
        ("POST", {"origin": "http://localhost:8000"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"origin": "http://["}, 403),
        ("GET", {"origin": "http://example.com"}, 403),
    ],
)
def test_pages_of_other_sites_may_only_link(method, headers, status):
    found, _ = asked(OwnPagesOnly(echo), method=method, host="localhost:7860", **headers)
    assert found == status


def test_a_request_is_taken_up_to_a_size():
    bounded = BoundedBody(echo, 5)
    assert asked(bounded, b"abc", b"de") == (200, b"abcde")
    for refused in (asked(bounded, b"abc", b"def"), asked(bounded, content_length="6")):
        assert refused == (413, b'{"detail": "A request has at most 5 bytes."}')
    assert asked(bounded, content_length="9" * 5000)[0] == 413


def test_a_failure_costs_one_line(caplog):
    async def fails(scope, receive, send):
        raise RuntimeError("of\ntwo lines")

    status, body = asked(OneLineErrors(fails))
    assert status == 500 and "the log of the server" in json.loads(body)["detail"]
    (record,) = caplog.records
    assert record.getMessage() == "POST /\ufffd[31m: RuntimeError: of\ufffdtwo lines" and record.exc_info is None
