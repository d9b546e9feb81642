"""What an operator sees of the service: metrics, and a line of log a request."""

import json
import logging
import time

import prometheus_client

from tfnxc.console import readable
from tfnxc.search import asking, format_time

LOG = logging.getLogger("tfnxc.service")
_LONGEST_PATH = 200


class Watch:
    """Counts what the service does.

    Args:
        gallery: The `Gallery` whose pictures are counted.
    """

    def __init__(self, gallery):
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        requests = ("tfnxc_requests", "Requests that were answered.", ("route", "method", "status"))
        self._requests = prometheus_client.Counter(*requests, registry=self.registry)
        seconds = ("tfnxc_request_seconds", "Seconds from a request to the end of its answer.", ("route",))
        self._seconds = prometheus_client.Histogram(*seconds, registry=self.registry)
        flight = ("tfnxc_requests_in_flight", "Requests that are being answered.")
        self._in_flight = prometheus_client.Gauge(*flight, registry=self.registry)
        actions = ("tfnxc_answered", "Searches, additions and deletions that were done.", ("action",))
        self._answered = prometheus_client.Counter(*actions, registry=self.registry)
        pictures = ("tfnxc_pictures", "Pictures in the index, as it was last read.")
        prometheus_client.Gauge(*pictures, registry=self.registry).set_function(lambda: len(gallery))

    def answered(self, action):
        """Counts a search, an addition or a deletion that was done, whether by the API or on the page.

        `action` is `"search"`, `"add"` or `"delete"`. What was asked and answered stands in the log of the gallery.
        """
        self._answered.labels(action).inc()

    def metrics(self):
        """All of it in the text format of Prometheus."""
        return prometheus_client.generate_latest(self.registry)

    def around(self, application):
        """The ASGI application, of which each request is counted and logged."""

        async def watched(scope, receive, send):
            if scope["type"] != "http":
                await application(scope, receive, send)
                return
            status, begun = 0, time.perf_counter()

            async def noting(message):
                nonlocal status
                status = message.get("status", status)
                await send(message)

            client = (scope.get("client") or ("an unknown address",))[0]
            with self._in_flight.track_inprogress(), asking(client):
                try:
                    await application(scope, receive, noting)
                finally:
                    self._note(scope, status, time.perf_counter() - begun)

        return watched

    def _note(self, scope, status, seconds):
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"] if route != "other" else "any"  # a stranger may send any word
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)
        client = (scope.get("client") or ("",))[0]
        path = readable(scope["path"][:_LONGEST_PATH], in_line=True)
        fields = {"client": client, "method": readable(scope["method"][:20], in_line=True), "path": path}
        fields |= {"status": status, "seconds": round(seconds, 4)}
        LOG.info("%s", " ".join(map(str, fields.values())), extra={"fields": fields})


class JsonLines(logging.Formatter):
    """A line of JSON a record: time, level, and the fields of a request or else the message."""

    def format(self, record):
        """The line."""
        said = getattr(record, "fields", None) or {"message": readable(record.getMessage(), in_line=True)}
        return json.dumps({"time": format_time(record.created), "level": record.levelname.lower(), **said})


class TextLines(logging.Formatter):
    """The same for people."""

    def format(self, record):
        """The line."""
        said = readable(record.getMessage(), in_line=True)
        return f"{format_time(record.created)} {record.levelname.lower()} {said}"


def log_configuration(form):
    """For `logging.config.dictConfig`: everything to standard error, in the form `"json"` or `"text"`."""
    formatter = JsonLines if form == "json" else TextLines
    level = {"handlers": ["lines"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {"uvicorn": {"level": "WARNING", **level}, "tfnxc.service": {"level": "INFO", **level}},
    }
