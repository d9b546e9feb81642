"""What stands before an ASGI application: foreign pages and long requests are refused, a failure costs one line."""

import json
import logging
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tfnxc.console import readable

LOG = logging.getLogger("uvicorn.error")
_LONGEST = 300  # letters of a message in the log


class Refusal(NamedTuple):
    """An answer in place of the application's.

    Args:
        status: Of HTTP.
        why: A line for whoever asked.
        headers: More of them, as pairs of bytes. Defaults to none.
    """

    status: int
    why: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def refuse(send: Any, refusal: Refusal) -> None:
    """Sends a `Refusal` as `{"detail": why}`, and closes the connection: the rest of the request is not read."""
    body = json.dumps({"detail": refusal.why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close"), *refusal.headers]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class OneLineErrors:
    """Has a failure of an application cost one line of log and no traceback, which strangers could fill a disk with."""

    def __init__(self, application: Any):
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on, and what fails with it to the log."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        started = False

        async def noting(message):
            nonlocal started
            started = True
            await send(message)

        try:
            await self._application(scope, receive, noting)
        except Exception as error:
            log_failure(f"{scope['method']} {scope['path']}", error)
            if not started:
                await refuse(send, Refusal(500, "The request failed; the log of the server has why."))


def log_failure(what: str, error: BaseException) -> None:
    """Logs in one line that something failed, and why."""
    said = f"{what}: {type(error).__name__}: {error}"
    LOG.error("%s", readable(said[:_LONGEST], in_line=True))


class OwnPagesOnly:
    """Refuses what pages of other sites have a browser ask: they may link to an application, and no more.

    A browser says where a request comes from in `Sec-Fetch-Site` and `Origin`; who asks without a browser says neither.
    A proxy in front has to pass `Host` on.
    """

    def __init__(self, application: Any):
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "http" and _foreign(scope["method"], dict(scope["headers"])):
            await refuse(send, Refusal(403, "A page of another site may not ask this."))
        else:
            await self._application(scope, receive, send)


def _foreign(method, headers):
    if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        follows_link = headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"
        return method != "GET" or not follows_link
    origin = headers.get(b"origin")
    return origin is not None and _place(origin) != headers.get(b"host", b"").lower()


def _place(origin):
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


class BoundedBody:
    """Refuses requests of more bytes than the given, by what their headers say or else as they come in."""

    def __init__(self, application: Any, most: int):
        self._application, self._most = application, most
        self._refusal = Refusal(413, f"A request has at most {most} bytes.")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > self._most:
            await refuse(send, self._refusal)
            return
        taken, started = 0, False

        async def bounded():
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # As if the sender had gone: in the middle of a request an application is told nothing else.
            return message if taken <= self._most else {"type": "http.disconnect"}

        async def unless_refused(message):
            nonlocal started
            if started or taken <= self._most:
                started = True
                await send(message)

        try:
            await self._application(scope, bounded, unless_refused)
        except Exception:
            if taken <= self._most:
                raise
        if taken > self._most and not started:
            await refuse(send, self._refusal)
