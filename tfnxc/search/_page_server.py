"""A web server for one page, for this machine alone unless told otherwise."""

import contextlib
import socket

from tfnxc.errors import InputError

LOCAL = ("127.0.0.1", "localhost")
"""Names by which only this machine reaches a server."""

_CONNECTIONS = 64  # at a time; what comes beyond is answered with 503


class PageServer:
    """A port that is listened on, to serve an ASGI application there by uvicorn, with bounds on what it is sent.

    On `127.0.0.1` it answers to that name and `localhost` only, so that no page of the web can have a browser ask it
    under another name. A port that cannot be had is an `InputError`.
    """

    def __init__(self, host="127.0.0.1", port=7860):
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family)
        except (OSError, UnicodeError) as error:  # the second of a name that is too long
            why = getattr(error, "strerror", None) or error
            raise InputError(f"{host}:{port}: cannot be listened on ({why}).") from None
        self._host = host
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._socket.getsockname()[1]}/"

    def serve(self, application, most_bytes=17 * 2**20):
        """Serves an ASGI application, which is sent requests of at most so many bytes, until it is interrupted."""
        import uvicorn
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        application = _Bounded(application, most_bytes)
        if self._host in LOCAL:
            application = TrustedHostMiddleware(application, list(LOCAL))
        bounds = {"limit_concurrency": _CONNECTIONS, "timeout_graceful_shutdown": 2}
        config = uvicorn.Config(application, log_level="warning", lifespan="on", **bounds)
        with contextlib.closing(self._socket):
            uvicorn.Server(config).run([self._socket])


class _Bounded:
    """Refuses requests of more bytes than the given, by what their headers say or else as they come in."""

    def __init__(self, application, most):
        self._application, self._most = application, most

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._most:
            await send({"type": "http.response.start", "status": 413, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": f"at most {self._most} bytes".encode()})
            return
        taken = 0

        async def bounded():
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # As if the sender had gone: in the middle of a request an application can be given no other answer.
            return message if taken <= self._most else {"type": "http.disconnect"}

        await self._application(scope, bounded, send)
