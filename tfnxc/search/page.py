"""A page for the browser: one drops a picture and sees where else the person may have been seen."""

import contextlib
import functools
import importlib.util
import os
import socket
import tempfile
from collections.abc import Callable

from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.search.gallery import SHORTLIST, Gallery
from tfnxc.search.picture import Picture

LOCAL = ("127.0.0.1", "localhost")  # names by which only this machine reaches a server
_CONNECTIONS = 64  # at a time; what comes beyond is answered with 503
MOST_BYTES = 16 * 2**20  # bytes of a picture that the page takes; `read_picture` bounds its pixels
MOST_FOUND = 50  # the most pictures that a search on the page shows
_MOST_WAITING = 16  # searches, of which one runs at a time
_FONTS = ("system-ui", "sans-serif")  # of the machine: the page loads nothing from others


class PageServer:
    """A port that is listened on, to serve an ASGI application there, with bounds on what it is sent.

    On `127.0.0.1` it answers to that name and `localhost` only, so that no page of the web can have a browser ask it
    under another name.
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


def serve_page(
    gallery: Gallery | str | os.PathLike | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    shortlist: int = SHORTLIST,
    ready: Callable[[str, Gallery], object] | None = None,
) -> None:
    """Serves a page on which people are searched for in a gallery, until the process is interrupted.

    Whoever reaches the address can search and see what is found: there is no password. A picture may have 16 MiB and
    4096 x 4096 pixels; a search shows 50 pictures at most. The page needs the extra `ui`.

    Args:
        gallery: A `Gallery` or its folder. Defaults to `None`: 100 synthetic people, with the model that comes with
            tfnxc, and ten probes to try.
        host: Address to listen on. Defaults to `"127.0.0.1"`: this machine alone.
        port: Its port; 0 is any that is free. Defaults to `7860`.
        shortlist: As in `Gallery.search`, at least 50. Defaults to `250`.
        ready: Called with the address of the page and the `Gallery` once it is about to be served. Defaults to `None`.

    Raises:
        InputError: If gradio is not installed, the port cannot be had, `shortlist` is below 50, or the gallery cannot
            be opened.

    Example:
        >>> serve_page("index", port=8080)  # doctest: +SKIP
    """
    check_gradio()
    server = PageServer(host, port)
    with tempfile.TemporaryDirectory(prefix="tfnxc-page-") as private, contextlib.suppress(KeyboardInterrupt):
        if gallery is None:
            from tfnxc.search.synthetic_people import synthetic_gallery

            opened, examples = synthetic_gallery(private)
        else:
            opened, examples = gallery if isinstance(gallery, Gallery) else Gallery(gallery), []
        page = search_page(opened, private, examples, shortlist)
        if ready is not None:
            ready(server.address, opened)
        server.serve(page)


def search_page(gallery, folder, examples=(), shortlist=SHORTLIST):
    """The page of a `Gallery`, whose names are files, as an ASGI application; each search sees its latest changes.

    Dropped pictures lie for an hour in `folder`, which nobody else can read; a click searches for the files `examples`.
    """
    check_gradio()
    if shortlist < MOST_FOUND:
        raise InputError(f"a shortlist for the page has at least {MOST_FOUND} pictures; got {shortlist!r}.")
    # Both are read when gradio is imported or a part is made: it tells its makers of its use otherwise, and keeps
    # pictures in a folder that all users of the machine share.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = os.fspath(folder)
    import fastapi
    import gradio

    from tfnxc.search._page_layout import layout

    of_gallery = functools.partial(find, gallery, shortlist=shortlist)
    page = layout(of_gallery, gallery.cameras, MOST_FOUND, [os.fspath(each) for each in examples])
    page.queue(max_size=_MOST_WAITING, default_concurrency_limit=1)
    return gradio.mount_gradio_app(
        fastapi.FastAPI(openapi_url=None),
        page,
        "/",
        app_kwargs={"openapi_url": None},
        footer_links=[],
        max_file_size=MOST_BYTES,
        theme=gradio.themes.Default(font=_FONTS, font_mono=("monospace",)),
        **dict.fromkeys(("run_history", "enable_monitoring", "mcp_server", "ssr_mode", "pwa"), False),
    )


def check_gradio() -> None:
    """Raises `InputError` if gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise InputError('The page needs gradio. Install it with the extra: pip install "tfnxc[cpu,ui]"')


def find(gallery, path, cameras, since, until, top, *, shortlist, left_out=None):
    """The probe's pixels and its `Match`es; texts are times, or blank. A request need not come from the page.

    `left_out` is that of `Gallery.search`.
    """
    if top not in range(1, MOST_FOUND + 1):  # what the slider allows
        raise InputError(f"1 to {MOST_FOUND} pictures are shown; got {str(top)[:20]}.")
    image = read_picture(path)
    top = int(top)  # 3.0 is in the range too
    first, last = (text if text and text.strip() else None for text in (since, until))
    gallery.refresh()
    probe = Picture("the dropped picture", image)
    asked = {"cameras": cameras or None, "since": first, "until": last, "shortlist": shortlist}
    [found] = gallery.search([probe], top, left_out=left_out, **asked)
    return image, found
