"""The service as an application, and served until it is told to end."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from tfnxc.errors import InputError
from tfnxc.search import Gallery
from tfnxc.search.dropped import private_folder
from tfnxc.search.page import MOST_REQUEST
from tfnxc.service.settings import TOKEN_VARIABLE, Settings
from tfnxc.web import Server

if TYPE_CHECKING:
    import fastapi

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
_PATIENCE = 30  # seconds that running requests have at the end


def application(
    gallery: Gallery | str | os.PathLike, settings: Settings | None = None, folder: str | os.PathLike | None = None
) -> fastapi.FastAPI:
    """The search service as a FastAPI application, for a server of your own or for tests.

    It searches and changes the index in one thread, one call after the other, and takes note before each of what other
    processes have written. `serve` adds what a server has to do: time limits, TLS, and the refusal of foreign pages.

    Args:
        gallery: A `Gallery` or its folder.
        settings: What it allows. Defaults to `None`: `Settings()`.
        folder: A folder that nobody else can read, for what is dropped on the page. Defaults to `None`: no page.

    Raises:
        InputError: If the extra `service` is not installed, the gallery cannot be opened, or `settings.page` is asked
            for without a folder.

    Example:
        >>> from fastapi.testclient import TestClient
        >>> gallery, probes = tfnxc.search.synthetic_gallery("served", identities=3, probes=1)
        >>> with TestClient(application(gallery)) as client:
        ...     answer = client.post("/v1/search?top=2", files={"picture": probes[0].read_bytes()})
        >>> answer.status_code, len(answer.json()["matches"])
        (200, 2)
    """
    for module in _NEEDED:
        if importlib.util.find_spec(module) is None:
            raise InputError(
                'The service needs FastAPI and others. Install the extra: pip install "tfnxc[cpu,service]"'
            )
    from tfnxc.service.api import build

    settings = Settings() if settings is None else settings
    if settings.page and folder is None:
        raise InputError("the page needs a folder for what is dropped on it; give one.")
    return build(gallery if isinstance(gallery, Gallery) else Gallery(gallery), settings, folder)


def serve(
    gallery: Gallery | str | os.PathLike,
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    certfile: str | os.PathLike | None = None,
    keyfile: str | os.PathLike | None = None,
    ready: Callable[[str, Gallery], object] | None = None,
) -> None:
    """Serves the search service until the process is told to end; what is running then has 30 seconds.

    Args:
        gallery: A `Gallery` or its folder.
        settings: What it allows. Defaults to `None`: `Settings()`.
        host: Address to listen on; without a token it has to be of this machine alone. Defaults to `"127.0.0.1"`.
        port: Its port; 0 is any that is free. Defaults to `8000`.
        certfile: PEM file of a certificate, for TLS. Defaults to `None`: no TLS.
        keyfile: PEM file of its key. Defaults to `None`: the key is in `certfile`.
        ready: Called with the address and the `Gallery` once it is about to be served. Defaults to `None`.

    Raises:
        InputError: As from `application`; if the port cannot be had, others could reach it and there is no token, or
            certificate and key cannot be used.

    Example:
        >>> serve("index", Settings(read_only=True), port=8080)  # doctest: +SKIP
    """
    settings = Settings() if settings is None else settings
    server = Server(host, port, certfile, keyfile)
    with contextlib.ExitStack() as stack:
        stack.callback(server.close)
        if settings.token is None and not server.loopback:
            remedy = f"Give one (--token-file FILE or {TOKEN_VARIABLE}), or listen on 127.0.0.1"
            raise InputError(f"{host}: others could reach it, and there is no token. {remedy}.")
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        opened = gallery if isinstance(gallery, Gallery) else Gallery(gallery)
        folder: pathlib.Path | None = stack.enter_context(private_folder()) if settings.page else None
        served = application(opened, settings, folder)
        from tfnxc.service.watching import log_configuration

        if ready is not None:
            ready(server.address, opened)
        most = max(settings.most_bytes, MOST_REQUEST if settings.page else 0)
        server.serve(served, most, _PATIENCE, log_configuration(settings.log))
