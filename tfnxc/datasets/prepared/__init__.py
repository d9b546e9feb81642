"""Pictures that are resized once and kept in TFRecord shards."""
