"""Pictures that are resized once and kept in TFRecord shards."""

from tfnxc.datasets.prepared.prepare import prepare
from tfnxc.datasets.prepared.reader import broken_shards, is_prepared, prepared, prepared_dataset, shard_count

__all__ = ["broken_shards", "is_prepared", "prepare", "prepared", "prepared_dataset", "shard_count"]
