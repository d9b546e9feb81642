"""A page for the browser: one drops a picture and sees where else the person may have been seen."""

import contextlib
import functools
import importlib.util
import os
from collections.abc import Callable

from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.search.dropped import DroppedPictures, private_folder
from tfnxc.search.gallery import SHORTLIST, Gallery
from tfnxc.search.picture import Picture
from tfnxc.web import Server

MOST_BYTES = 16 * 2**20  # bytes of a picture that the page takes; `read_picture` bounds its pixels
MOST_REQUEST = MOST_BYTES + 2**20  # and of a request with one
MOST_FOUND = 50  # the most pictures that a search on the page shows
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
        shortlist: As in `Gallery.search`, at least 50. Defaults to `250`.
        ready: Called with the address of the page and the `Gallery` once it is about to be served. Defaults to `None`.

    Raises:
        InputError: If gradio is not installed, the port cannot be had, `shortlist` is below 50, or the gallery cannot
            be opened.

    Example:
        >>> serve_page("index", port=8080)  # doctest: +SKIP
    """
    check_gradio()
    server = Server(host, port)
    with private_folder() as private, contextlib.suppress(KeyboardInterrupt):
        if gallery is None:
            from tfnxc.search.synthetic_people import synthetic_gallery

            opened, examples = synthetic_gallery(private)
        else:
            opened, examples = gallery if isinstance(gallery, Gallery) else Gallery(gallery), []
        page = search_page(opened, private, examples, shortlist)
        if ready is not None:
            ready(server.address, opened)
        server.serve(page, MOST_REQUEST)


def search_page(gallery, folder, examples=(), shortlist=SHORTLIST):
    """The page of a `Gallery`, whose names are files, as an ASGI application; each search sees its latest changes.

    Dropped pictures lie for an hour in `folder`, which nobody else can read; a click searches for the files `examples`.
    """
    check_gradio()
    import fastapi

    application = fastapi.FastAPI(openapi_url=None)
    of_gallery = functools.partial(find, gallery, shortlist=shortlist)
    mount_page(application, "/", of_gallery, gallery.cameras, folder, examples, shortlist)
    return application


def mount_page(application, path, of_gallery, cameras, folder, examples=(), shortlist=SHORTLIST):
    """Puts the page of a gallery into a FastAPI application, below a path.

    `of_gallery` is `find` of the gallery, `cameras` its names of cameras; the others are as in `search_page`.
    """
    check_gradio()
    if shortlist < MOST_FOUND:
        raise InputError(f"a shortlist for the page has at least {MOST_FOUND} pictures; got {shortlist!r}.")
    dropped = DroppedPictures(os.path.join(folder, "dropped"))
    # Both are read when gradio is imported or a part is made: it tells its makers of its use otherwise, and keeps
    # pictures in a folder that all users of the machine share.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = os.fspath(dropped.folder)
    import fastapi
    import gradio

    from tfnxc.search._page_layout import layout

    def find_with_room(*asked, **options):
        dropped.make_room()  # a search leaves small copies of what it shows
        return of_gallery(*asked, **options)

    page = layout(find_with_room, cameras, MOST_FOUND, [os.fspath(each) for each in examples])
    page.queue(max_size=_MOST_WAITING, default_concurrency_limit=1)

    @application.post(f"{path.rstrip('/')}/gradio_api/process_recording")
    def no_recording():  # gradio would keep what it is sent outside the folder
        raise fastapi.HTTPException(404)

    application.add_middleware(dropped.guarding, uploads="/gradio_api/upload", most_bytes=MOST_REQUEST)
    gradio.mount_gradio_app(
        application,
        page,
        path,
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
