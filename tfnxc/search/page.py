"""A page for the browser: one drops a picture and sees where else the person may have been seen."""

import contextlib
import functools
import importlib.util
import os
import tempfile
from collections.abc import Callable

from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.search._page_server import PageServer
from tfnxc.search.gallery import SHORTLIST, Gallery
from tfnxc.search.picture import Picture, parse_time

MOST_BYTES = 16 * 2**20
"""Bytes of a picture that the page takes; `read_picture` bounds its pixels."""

MOST_FOUND = 50
"""The most pictures that a search on the page shows."""

_MOST_WAITING = 16  # searches, of which one runs at a time
_FONTS = ("system-ui", "sans-serif")  # of the machine: the page loads nothing from others


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
        shortlist: As in `Gallery.search`, at least 50. Defaults to `500`.
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
    """A page on which people are searched for in a gallery, as an ASGI application.

    What other processes add to the gallery or delete is noticed with the next search.

    Args:
        gallery: A `Gallery`; the names of its pictures are files, small copies of which are shown.
        folder: A folder of this page's own, which nobody else can read: dropped pictures lie there for an hour.
        examples: Files of pictures that a click searches for. Defaults to none.
        shortlist: As in `Gallery.search`, at least 50. Defaults to `500`.
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
        run_history=False,
        max_file_size=MOST_BYTES,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        theme=gradio.themes.Default(font=_FONTS, font_mono=("monospace",)),
    )


def check_gradio() -> None:
    """Raises `InputError` if gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise InputError('The page needs gradio. Install it with the extra: pip install "tfnxc[cpu,ui]"')


def find(gallery, path, cameras, since, until, top, *, shortlist):
    """What a search on the page finds: the probe's pixels, and a list of `Match`es.

    Without cameras those of any are found; times are texts, blank for any; `top` is 1 to 50. What does not fit is an
    `InputError`: a request need not come from the page.
    """
    if top not in range(1, MOST_FOUND + 1):  # what the slider allows
        raise InputError(f"1 to {MOST_FOUND} pictures are shown; got {str(top)[:20]}.")
    image = read_picture(path)
    top = int(top)  # 3.0 is in the range too
    first, last = (parse_time(text) if text and text.strip() else None for text in (since, until))
    gallery.refresh()
    probe = Picture("the dropped picture", image)
    [found] = gallery.search([probe], top, cameras=cameras or None, since=first, until=last, shortlist=shortlist)
    return image, found
