"""Which identities train and which test: published partitions (data files beside this), seeded splits, own files."""

from tfnxc.datasets.splits.split import Split, get_split, load_split, published_splits, seeded_split

__all__ = ["Split", "get_split", "load_split", "published_splits", "seeded_split"]
