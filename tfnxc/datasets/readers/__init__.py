"""Readers of data sets as users have them on disk, one a file."""
