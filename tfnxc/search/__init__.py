"""A gallery on disk that is searched for people: pictures are indexed once, and found in a fraction of a second."""

from tfnxc.search.gallery import SHORTLIST, Added, Gallery
from tfnxc.search.match import Match, merge_rankings
from tfnxc.search.picture import Picture, format_time, parse_time
from tfnxc.search.sources import csv_pictures, folder_pictures, set_pictures

__all__ = [
    "SHORTLIST",
    "Added",
    "Gallery",
    "Match",
    "Picture",
    "csv_pictures",
    "folder_pictures",
    "format_time",
    "merge_rankings",
    "parse_time",
    "set_pictures",
]
