"""People: readers behind one record type, splits, and training pairs in `tf.data`."""

from tfnxc.datasets.cuhk01 import cuhk01
from tfnxc.datasets.image_set import IMAGE_SIZE, ImageSet
from tfnxc.datasets.pairs import PairPipeline
from tfnxc.datasets.picture_file import read_picture
from tfnxc.datasets.splits import Split, get_split, load_split, published_splits, seeded_split
from tfnxc.datasets.synthetic import synthetic

__all__ = [
    "IMAGE_SIZE",
    "ImageSet",
    "PairPipeline",
    "Split",
    "cuhk01",
    "get_split",
    "load_split",
    "published_splits",
    "read_picture",
    "seeded_split",
    "synthetic",
]
