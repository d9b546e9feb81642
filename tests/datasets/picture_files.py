"""Small picture files, laid out as the data sets are on disk."""

import numpy as np
from PIL import Image


def lay_out(folder, *names):
    """Writes a picture of its own for each name, a path relative to `folder`."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 4, 3), number, np.uint8)).save(path)
    return folder


GRID = (
    "probe/0001_1_25004_107_32_106_221.jpeg",
    "probe/0250_1_25008_169_19_94_224.jpeg",
    "gallery/0000_1_25698_101_16_87_246.jpeg",
    "gallery/0000_1_26113_116_13_72_212.jpeg",
    "gallery/0001_2_25023_116_134_128_330.jpeg",
    "gallery/0250_2_25208_126_19_71_215.jpeg",
)

VIPER = ("cam_a/000_45.bmp", "cam_a/001_0.bmp", "cam_b/000_90.bmp", "cam_b/001_135.bmp")

MARKET1501 = (
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "bounding_box_train/0002_c6s1_000776_01.jpg",
    "bounding_box_train/0007_c3s3_077419_03.jpg",
    "query/0001_c1s1_001051_00.jpg",
    "query/0003_c4s6_015641_00.jpg",
    "bounding_box_test/-1_c1s1_000401_03.jpg",
    "bounding_box_test/0000_c1s1_000151_01.jpg",
    "bounding_box_test/0001_c2s1_001976_01.jpg",
    "bounding_box_test/0003_c1s6_015971_02.jpg.jpg",
)
