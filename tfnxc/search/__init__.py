"""A gallery on disk that is searched for people: pictures are indexed once, and found in a fraction of a second."""

from typing import TYPE_CHECKING

from tfnxc.lazy import lazy_names
from tfnxc.search._erasing import Receipt
from tfnxc.search.audit import AuditLog, Entry, asking
from tfnxc.search.gallery import SHORTLIST, Added, Gallery
from tfnxc.search.picture import Match, Picture, format_matches, merge_rankings
from tfnxc.search.picture_lists import csv_pictures, folder_pictures, list_pictures, set_pictures
from tfnxc.search.times import format_time, parse_time

if TYPE_CHECKING:
    from tfnxc.search.figure import plot_matches
    from tfnxc.search.page import serve_page
    from tfnxc.search.synthetic_people import synthetic_gallery

__all__ = [
    "SHORTLIST",
    "Added",
    "AuditLog",
    "Entry",
    "Gallery",
    "Match",
    "Picture",
    "Receipt",
    "asking",
    "csv_pictures",
    "folder_pictures",
    "format_matches",
    "format_time",
    "list_pictures",
    "merge_rankings",
    "parse_time",
    "plot_matches",
    "serve_page",
    "set_pictures",
    "synthetic_gallery",
]

# These import matplotlib, the server or TensorFlow.
_MODULES = {"plot_matches": "figure", "serve_page": "page", "synthetic_gallery": "synthetic_people"}
__getattr__, __dir__ = lazy_names(__name__, {name: f"{__name__}.{module}" for name, module in _MODULES.items()})
