"""A connection that is closed where a request comes in too slowly. The only module that imports uvicorn when it is."""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS, BODY = 10, 60
"""Seconds in which the headers of a request, and then its body, have come in."""


class ImpatientConnection(H11Protocol):
    """uvicorn's connection by h11, with time limits for what it waits for.

    Where there are as many connections as the server takes, a new one ends that which has waited longest for headers:
    so those that send nothing keep nobody out.
    """

    _timer, _waits_for, _since = None, None, 0.0

    def connection_made(self, transport):
        """A new connection waits for headers."""
        super().connection_made(transport)
        self._watch()
        most = self.config.limit_concurrency
        if most is not None and len(self.connections) >= most:
            idle = [each for each in self.connections if each is not self and each.waits_for_headers]
            if idle:
                min(idle, key=lambda each: each._since)._give_up()

    def handle_events(self):
        """What came in may begin or end the wait for headers or a body."""
        super().handle_events()
        self._watch()

    def connection_lost(self, exc):
        """Nothing is waited for any more."""
        self._stop()
        super().connection_lost(exc)

    @property
    def waits_for_headers(self):
        """Whether no request is being received or answered."""
        return self._waits_for is h11.IDLE

    def _watch(self):
        state = self.conn.their_state
        state = state if state in (h11.IDLE, h11.SEND_BODY) else None
        if self.transport.is_closing() or state is None:
            self._stop()
        elif state is not self._waits_for:
            self._stop()
            self._waits_for, self._since = state, self.loop.time()
            self._timer = self.loop.call_later(HEADERS if state is h11.IDLE else BODY, self._give_up)

    def _stop(self):
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._waits_for = None

    def _give_up(self):
        self._stop()
        self.logger.warning("A sender was too slow: its connection is closed.")
        self.connections.discard(self)
        self.transport.abort()
