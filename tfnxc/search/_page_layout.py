"""The layout of the page of `tfnxc.search.page`. The only module that imports gradio when it is imported itself."""

import contextlib
import html
import os
import pathlib

import gradio
from gradio_client.utils import is_http_url_like
from PIL import Image

from tfnxc.console import readable
from tfnxc.datasets.picture_file import read_picture
from tfnxc.errors import InputError
from tfnxc.search.picture import MATCH_FIELDS
from tfnxc.web.guards import log_failure

_KEPT = 3600  # seconds for which a dropped picture stays in the page's folder
_SHOWN = (240, 320)  # width and height in pixels that a picture has at most
_PICTURES = {"format": "png", "buttons": []}
_ROWS = {"object_fit": "contain", "height": "auto", **_PICTURES}


def layout(find, cameras, most, examples):
    """The page, a `gradio.Blocks`, for at most `most` pictures; `find` is `tfnxc.search.page.find` of a gallery."""

    def search(path, chosen, since, until, top):
        if path is None:
            return None, [], []
        lines = []
        try:
            image, matches = find(
                path, [camera for each in chosen for camera in names[each]], since, until, top, left_out=lines.append
            )
        except InputError as error:
            # The folder of a dropped picture says nothing to whoever dropped it.
            raise InputError(str(error).replace(path, pathlib.Path(path).name)) from None
        if lines:
            others = f" So are {len(lines) - 1} others." if len(lines) > 1 else ""
            gradio.Warning(_as_text(f"Left out: {readable(lines[0], in_line=True)}{others}"))
        ranked = list(enumerate(matches, start=1))
        pictures = [(_copy(match.name), _caption(rank, match)) for rank, match in ranked]
        return _small(image), pictures, [[str(rank), *match.texts()] for rank, match in ranked]

    def choose(event: gradio.SelectData):
        return examples[event.index]

    names: dict[str, list[str]] = {}
    for camera in sorted(filter(None, cameras)):  # several may look the same
        names.setdefault(readable(camera, in_line=True), []).append(camera)
    with gradio.Blocks(title="tfnxc: search", analytics_enabled=False, delete_cache=(_KEPT, _KEPT)) as page:
        gradio.Markdown("# Where else was this person seen?")
        with gradio.Row():
            with gradio.Column(scale=1, min_width=260):
                dropped = gradio.File(
                    label="Probe: a PNG, JPEG, BMP or WebP picture of one person", file_types=["image"]
                )
                probe = gradio.Image(label="Probe", interactive=False, height=180, **_PICTURES)
                top = gradio.Slider(1, most, value=10, step=1, label="Pictures to show")
                chosen = gradio.Dropdown(list(names), multiselect=True, label="Cameras", info="None chosen: any.")
                since = gradio.Textbox(label="Since", placeholder="2026-03-31T17:00", max_length=40)
                until = gradio.Textbox(label="Until", placeholder="2026-03-31, in UTC", max_length=40)
                button = gradio.Button("Search", variant="primary")
            with gradio.Column(scale=3, min_width=320):
                shown = gradio.Gallery(label="Most likely first", columns=5, **_ROWS)
                headers = ["rank", *MATCH_FIELDS]
                table = gradio.Dataframe(headers=headers, label="As a table", interactive=False, wrap=True)
        if examples:
            pictures = [_small(read_picture(each)) for each in examples]
            some = gradio.Gallery(pictures, label="Probes to try", columns=10, allow_preview=False, rows=1, **_ROWS)
            some.select(choose, outputs=dropped, api_visibility="private")
        gradio.Markdown(
            "The probabilities are calibrated on other people, as if every second picture showed the probe's person: "
            "they order the gallery, for somebody who looks at it and decides. They prove nobody's identity."
        )
        inputs = [dropped, chosen, since, until, top]
        for each in inputs:
            _fetch_nothing(each)
        shows = [probe, shown, table]
        gradio.on([dropped.change, button.click], search, inputs=inputs, outputs=shows, api_visibility="private")
    dropped.preprocess = _path_of
    _say_in_one_line(page)
    # What is mounted into a server counts as not launched for gradio, which then takes any file of this machine as a
    # dropped one, if a request says so.
    page.has_launched = True
    return page


def _fetch_nothing(component):
    """Has a component take no file from another machine, which gradio would fetch if a request says so."""
    take = component.async_move_resource_to_block_cache

    async def take_file(path):
        if is_http_url_like(path):
            raise gradio.Error("Only a picture that is dropped is searched for.", print_exception=False)
        return await take(path)

    component.async_move_resource_to_block_cache = take_file


def _path_of(payload):
    """The path of a dropped file: gradio's own way to it makes an empty file each time."""
    return None if payload is None else payload.path


def _say_in_one_line(page):
    """Has the page say why a search failed as text, and log a request that the page does not send in one line."""
    process = page.process_api

    async def process_api(*asked, **options):
        try:
            return await process(*asked, **options)
        except (InputError, gradio.Error) as error:
            said = error.message if isinstance(error, gradio.Error) else str(error)
        except Exception as error:
            log_failure("a search that the page does not send", error)
            said = "The page does not send this."
        raise gradio.Error(_as_text(said), print_exception=False)

    page.process_api = process_api


def _as_text(said):
    """What a message shows as it is: gradio takes it for HTML, and names of files may hold some."""
    return html.escape(readable(said))


def _caption(rank, match):
    known = (readable(each, in_line=True) for each in (match.camera, match.identity) if each)
    return "   ".join([f"{rank}: {match.shown:.2f}", *known])


def _copy(name):
    """A picture of the gallery, small; a grey one where its file cannot be read any more, or its name is no path."""
    with contextlib.suppress(InputError):
        if os.path.isabs(name):  # others are names that somebody gave, and may be those of any file
            return _small(read_picture(name))
    return Image.new("RGB", (60, 160), "grey")


def _small(image):
    picture = Image.fromarray(image)
    picture.thumbnail(_SHOWN)
    return picture
