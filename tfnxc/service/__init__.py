"""A search service over HTTP: pictures are searched for, added and deleted in an index that stays open."""

from typing import TYPE_CHECKING

from tfnxc.lazy import lazy_names
from tfnxc.service.settings import Settings, read_token

if TYPE_CHECKING:
    from tfnxc.service.running import application, serve

__all__ = ["Settings", "application", "read_token", "serve"]

# The server is of the extra `service`.
_MODULES = {name: f"{__name__}.running" for name in ("application", "serve")}
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
