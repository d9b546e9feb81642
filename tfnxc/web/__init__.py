"""Serving an ASGI application within bounds: a port, what is refused before the application sees it, slow senders."""

from tfnxc.web.guards import Refusal, refuse
from tfnxc.web.server import LOCAL, Server

__all__ = ["LOCAL", "Refusal", "Server", "refuse"]
