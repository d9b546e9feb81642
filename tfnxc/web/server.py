"""A port on which an ASGI application is served, within bounds."""

import contextlib
import ipaddress
import os
import socket
from typing import Any

from tfnxc.errors import InputError
from tfnxc.web.guards import BoundedBody, OneLineErrors, OwnPagesOnly

LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")
"""Names by which only this machine reaches a server."""

MOST_CONNECTIONS = 64  # at a time; requests beyond are answered with 503


class Server:
    """A port that is listened on, to serve an ASGI application there, with bounds on what it is sent.

    On an address of this machine alone it answers to the names of `LOCAL` and that address only, so that no page of the
    web can have a browser ask it under another name. What pages of other sites have a browser send is refused
    everywhere. The headers of a request have 10 seconds to come in, its body 60.

    Args:
        host: Address or name to listen on. Defaults to `"127.0.0.1"`.
        port: Its port; 0 is any that is free. Defaults to `0`.
        certfile: PEM file of a certificate, for TLS. Defaults to `None`: no TLS.
        keyfile: PEM file of its key. Defaults to `None`: the key is in `certfile`.

    Raises:
        InputError: If the port cannot be had, or a key is given without a certificate.

    Example:
        >>> server = Server()
        >>> server.loopback, server.address.startswith("http://127.0.0.1:")
        (True, True)
        >>> server.close()
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        certfile: str | os.PathLike | None = None,
        keyfile: str | os.PathLike | None = None,
    ):
        if keyfile is not None and certfile is None:
            raise InputError(f"{keyfile}: a key needs its certificate; give that too.")
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((host, port), family=family)
        except (OSError, UnicodeError) as error:  # the second of a name that is too long
            why = getattr(error, "strerror", None) or error
            raise InputError(f"{host}:{port}: cannot be listened on ({why}).") from None
        self._host = host
        self._tls: dict[str, Any] = {"ssl_certfile": certfile, "ssl_keyfile": keyfile} if certfile else {}
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http{'s' if certfile else ''}://{shown}:{self._socket.getsockname()[1]}/"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self._socket.getsockname()[0]).is_loopback

    def close(self) -> None:
        """Gives the port up, where nothing is served."""
        self._socket.close()

    def serve(self, application: Any, most_bytes: int, patience: int = 2, log: dict[str, Any] | None = None) -> None:
        """Serves an ASGI application until the process is interrupted or told to end.

        Args:
            application: The application.
            most_bytes: Bytes of a request, at most.
            patience: Seconds that running requests have at the end. Defaults to `2`.
            log: A configuration for `logging.config.dictConfig`. Defaults to `None`: that of uvicorn, warnings only.

        Raises:
            InputError: If certificate or key cannot be used.
        """
        import uvicorn
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        from tfnxc.web.connection import ImpatientConnection

        application = OwnPagesOnly(BoundedBody(application, most_bytes))
        if self.loopback:
            application = TrustedHostMiddleware(application, [*LOCAL, self._host])
        bounds: dict[str, Any] = {"limit_concurrency": MOST_CONNECTIONS, "timeout_graceful_shutdown": patience}
        logs: dict[str, Any] = {"log_level": "warning"} if log is None else {"log_config": log, "access_log": False}
        config = uvicorn.Config(
            OneLineErrors(application),
            http=ImpatientConnection,
            ws="none",
            lifespan="on",
            **bounds,
            **logs,
            **self._tls,
        )
        with contextlib.closing(self._socket):
            try:
                config.load()
            except OSError as error:  # ssl.SSLError is one
                files = " and ".join(str(each) for each in self._tls.values() if each)
                raise InputError(f"{files}: no certificate with its key, in PEM ({error}).") from None
            uvicorn.Server(config).run([self._socket])
