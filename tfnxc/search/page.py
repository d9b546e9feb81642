"""A page for the browser: one drops a picture and sees where else the person may have been seen."""

from __future__ import annotations

import functools
import importlib.util
import os

from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.search.gallery import SHORTLIST
from tfnxc.search.picture import Picture, parse_time

MOST_BYTES = 16 * 2**20
"""Bytes of a picture that the page takes; `read_picture` bounds its pixels."""

MOST_FOUND = 50
"""The most pictures that a search on the page shows."""

_MOST_WAITING = 16  # searches, of which one runs at a time
_FONTS = ("system-ui", "sans-serif")  # of the machine: the page loads nothing from others


def search_page(gallery, folder, examples=(), shortlist=SHORTLIST):
    """A page on which people are searched for in a gallery, as an application for `PageServer`.

    What other processes add to the gallery or delete is noticed with the next search. A picture may have 16 MiB and
    4096 x 4096 pixels; a search shows 50 pictures at most.

    Args:
        gallery: A `Gallery`; the names of its pictures are files, small copies of which are shown.
        folder: A folder of this page's own, which nobody else can read: dropped pictures lie there for an hour.
        examples: Files of pictures that a click searches for. Defaults to none.
        shortlist: As in `Gallery.search`, at least 50. Defaults to `500`.

    Returns:
        An ASGI application.

    Raises:
        InputError: If gradio is not installed, `shortlist` is below 50, or an example cannot be read.

    Example:
        >>> PageServer(port=8080).serve(search_page(Gallery("index"), "private"))
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


def check_gradio():
    """Raises `InputError` if gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise InputError('The page needs gradio. Install it with the extra: pip install "tfnxc[cpu,ui]"')


def find(gallery, path, cameras, since, until, top, *, shortlist):
    """What a search on the page finds.

    Args:
        gallery: A `Gallery`.
        path: File of the probe.
        cameras: Only pictures of these cameras; of any if it is empty.
        since: Only pictures of this time or later, as a text; blank for any.
        until: Only pictures of this time or earlier, as a text.
        top: How many are found at most: 1 to 50.
        shortlist: As in `Gallery.search`.

    Returns:
        The probe's pixels, a uint8 array of shape `(height, width, 3)`, and a list of `Match`es.

    Raises:
        InputError: If the file is no picture, a text is no time, or `top` is not in its range.
    """
    if top not in range(1, MOST_FOUND + 1):  # what the slider allows; a request need not come from the page
        raise InputError(f"1 to {MOST_FOUND} pictures are shown; got {str(top)[:20]}.")
    image = read_picture(path)
    top = int(top)  # 3.0 is in the range too
    first, last = (parse_time(text) if text and text.strip() else None for text in (since, until))
    gallery.refresh()
    probe = Picture("the dropped picture", image)
    [found] = gallery.search([probe], top, cameras=cameras or None, since=first, until=last, shortlist=shortlist)
    return image, found
