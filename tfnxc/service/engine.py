"""The one worker that touches the index: searches, additions and deletions wait for it in a bounded queue."""

import asyncio
import concurrent.futures
import contextvars
import threading

from tfnxc.datasets.picture_file import decode_picture
from tfnxc.datasets.readers.folder import label
from tfnxc.errors import InputError
from tfnxc.search import Picture, parse_time
from tfnxc.search.page import find
from tfnxc.search.picture import label_text
from tfnxc.service.problems import UNREADABLE, ProblemError, as_problems
from tfnxc.web.guards import log_failure

_PROBE = "\0"  # no picture of the index has this name, and so none is taken for the probe itself


class Engine:
    """A `Gallery` and the thread that works on it.

    Args:
        gallery: The `Gallery`.
        waiting: How many calls may wait while one runs.
        watch: The `Watch` that is told of what was done.
    """

    def __init__(self, gallery, waiting, watch):
        self._gallery, self._waiting, self._watch = gallery, waiting, watch
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None  # started by the first call
        self._lock, self._pending = threading.Lock(), 0
        self._why_not_ready = "The model is being loaded."

    def load(self):
        """Has the worker load the model."""
        self._submit(self._look)

    def close(self):
        """Waits for what is running; a later call starts the thread again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    async def run(self, call, *arguments):
        """What a call gives, once the worker has come to it; a `ProblemError` where too many wait already."""
        if self._pending > self._waiting:
            raise ProblemError(503, f"{self._waiting} requests are waiting already. Try again.", {"Retry-After": "1"})
        return await asyncio.wrap_future(self._submit(call, *arguments))

    async def why_not_ready(self):
        """A line, or `None` where the model is loaded and the index can be read; looked up where nothing is running."""
        if not self._pending:
            await self.run(self._look)
        return self._why_not_ready

    def search(self, data, query):
        """The pictures that are most likely of the person on a picture."""
        with as_problems():
            image = decode_picture(data, "the picture")
        self._refresh()
        known = {label(label_text(each)) for each in self._gallery.cameras if each is not None}
        for camera in (*query.cameras, *query.without_cameras):
            if label(label_text(camera)) not in known:
                raise ProblemError(404, f"The index has no picture of the camera {camera}.")
        asked = query.model_dump()
        lines: list[str] = []
        with as_problems():
            [found] = self._gallery.search(
                [Picture(_PROBE, image)], left_out=lines.append, **{**asked, "cameras": query.cameras or None}
            )
        given = {
            "pictures": len(self._gallery),
            "matches": [{key: _in_utf8(value) for key, value in match.to_dict().items()} for match in found],
            "confident": None if query.false_matches is None else bool(found),
            "left_out": list(map(_in_utf8, lines)),
        }
        self._watch.answered("search")
        return given

    def add(self, data, query):
        """Adds a picture under its name, or takes it anew."""
        if self._gallery.keep != "maps":
            raise ProblemError(
                409, "This index keeps paths of files; add pictures with: tfnxc index INDEX --add PICTURES"
            )
        update = query.update == "true"
        self._refresh()
        with as_problems():
            time = None if query.time is None else parse_time(query.time)
            picture = Picture(query.name, decode_picture(data, "the picture"), query.identity, query.camera)
            result = self._gallery.add([picture._replace(time=time)], update=update)
        replaced = bool(result.changed or result.uncompared)
        if replaced and not update:
            why = "The index has another picture, or other labels, of this name; update=true takes it anew."
            raise ProblemError(409, why)
        state = "updated" if replaced else "added" if result.added else "known"
        given = {"name": query.name, "state": state}
        self._watch.answered("add")
        return given

    def delete(self, query):
        """Deletes the picture of exactly this name."""
        self._refresh()
        if query.name not in self._gallery.names:
            raise ProblemError(404, "The index has no picture of this name.")
        with as_problems():
            self._gallery.delete_names([query.name])
        given = {"deleted": 1}
        self._watch.answered("delete")
        return given

    def summary(self):
        """What the index holds."""
        self._refresh()
        with as_problems():
            held = self._gallery.summary()
        held["cameras"] = {_in_utf8(camera): count for camera, count in held["cameras"].items()}
        return held

    def find(self, path, cameras, since, until, top, *, shortlist, left_out=None):
        """`tfnxc.search.page.find` of the gallery, for the page, which has a queue of its own."""
        options = {"shortlist": shortlist, "left_out": left_out}
        image, found = self._submit(find, self._gallery, path, cameras, since, until, top, **options).result()
        self._watch.answered("search")
        return image, found

    def _submit(self, call, *arguments, **options):
        with self._lock:
            self._pool = self._pool or concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="tfnxc-service")
            # In the context of the request, which says who asks.
            future = self._pool.submit(contextvars.copy_context().run, call, *arguments, **options)
            self._pending += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _):
        with self._lock:
            self._pending -= 1

    def _refresh(self):
        """Takes note of what other processes have written; here every error is one of the index."""
        try:
            self._gallery.refresh()
        except (InputError, OSError) as error:
            log_failure("the index", error)
            self._why_not_ready = UNREADABLE
            raise ProblemError(500, UNREADABLE) from None

    def _look(self):
        try:
            self._gallery.refresh()
            _ = self._gallery.combination  # which is of the model, so that this is loaded
            if self._gallery.audit is not None:
                _ = self._gallery.audit.head  # without which nothing is answered
            self._why_not_ready = None
        except (InputError, OSError) as error:
            log_failure("the index", error)
            self._why_not_ready = UNREADABLE


def _in_utf8(value):
    """A text as JSON can say it: names of files need not be UTF-8."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
