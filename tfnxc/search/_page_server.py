"""A web server for one page, for this machine alone unless told otherwise."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from tfnxc.errors import InputError

LOCAL = ("127.0.0.1", "localhost")
"""Names by which only this machine reaches a server."""

_CONNECTIONS = 64  # at a time; what comes beyond is answered with 503


class PageServer:
    """Serves an ASGI application by uvicorn, and bounds what it is sent.

    On `127.0.0.1` it answers to that name and `localhost` only, so that no page of the web can have a browser ask it
    under another name.

    Use it with `with`, or call `serve`, which goes on until it is interrupted.

    Args:
        application: An ASGI application.
        host: The address to listen on. Defaults to `"127.0.0.1"`: this machine alone.
        port: Its port; 0 is any that is free. Defaults to `7860`.
        most_bytes: The largest request that is taken. Defaults to 17 MiB.

    Raises:
        InputError: If the port cannot be had.
    """

    def __init__(self, application, host="127.0.0.1", port=7860, most_bytes=17 * 2**20):
        import uvicorn
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        application = _Bounded(application, most_bytes)
        if host in LOCAL:
            application = TrustedHostMiddleware(application, list(LOCAL))
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family)
        except (OSError, UnicodeError) as error:  # the second of a name that is too long
            why = getattr(error, "strerror", None) or error
            raise InputError(f"{host}:{port}: cannot be listened on ({why}).") from None
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_level="warning",
                lifespan="on",
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=2,
            )
        )
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._socket.getsockname()[1]}/"

    def serve(self):
        """Serves until the process is interrupted."""
        with contextlib.closing(self._socket):
            self._server.run([self._socket])

    def __enter__(self):
        self._thread = threading.Thread(target=self.serve, daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()


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
