"""The entries of the catalogue: what each data set must be on disk, how it is read, and what is official about it."""

import functools

from tfnxc.datasets.catalogue_entry import CatalogueEntry, Part
from tfnxc.datasets.readers.csv_file import csv_file
from tfnxc.datasets.readers.cuhk01 import cuhk01, missing_cuhk01
from tfnxc.datasets.readers.cuhk03 import cuhk03, cuhk03_camera_pair
from tfnxc.datasets.readers.grid import grid, missing_grid
from tfnxc.datasets.readers.identity_folders import identity_folders
from tfnxc.datasets.readers.market1501 import in_market1501_test, in_market1501_train, market1501, market1501_split
from tfnxc.datasets.readers.viper import missing_viper, viper
from tfnxc.datasets.synthetic import synthetic
from tfnxc.identities import DISTRACTOR

SYNTHETIC_IDENTITIES = 300
"""People in the embedded synthetic set, where it is opened by its name."""


def _cuhk03(boxes: str, pictures: int) -> CatalogueEntry:
    return CatalogueEntry(
        name=f"cuhk03-{boxes}",
        title=f"CUHK03, {boxes} boxes",
        about=f"cuhk-03.mat as published, or the {boxes} pictures extracted from it",
        layout=(
            "cuhk-03.mat                      MATLAB 7.3: labeled, detected, testsets\n"
            "or a folder that holds it, or a folder of extracted pictures:\n"
            f"images_{boxes}/1_266_2_06.png   camera pair 1, identity 266, camera 2 (B), index 6 of 10\n"
            "The identity of this picture is 1266: 1000 x camera pair + number."
        ),
        reader=functools.partial(cuhk03, boxes=boxes),
        official=(Part("all", pictures, 1467),),
        identities=1467,
        default_split="cuhk03-classic-01",
        default_protocol="cuhk03-classic",
        reference=(
            "Li, Zhao, Xiao, Wang, "
            '"DeepReID: Deep Filter Pairing Neural Network for Person Re-Identification", CVPR 2014'
        ),
        domain=cuhk03_camera_pair,
    )


ENTRIES = (
    CatalogueEntry(
        name="cuhk01",
        title="CUHK01 (campus)",
        about="the folder campus with PPPPKKK.png, or the folder that holds it",
        layout=(
            "campus/0001001.png   identity 1, camera A\n"
            "campus/0001002.png   identity 1, camera A\n"
            "campus/0001003.png   identity 1, camera B\n"
            "campus/0001004.png   identity 1, camera B"
        ),
        reader=cuhk01,
        missing=missing_cuhk01,
        official=(Part("all", 3884, 971),),
        identities=971,
        default_split="cuhk01-486-01",
        reference='Li, Zhao, Wang, "Human Reidentification with Transferred Metric Learning", ACCV 2012',
    ),
    _cuhk03("labeled", 14096),
    _cuhk03("detected", 14097),
    CatalogueEntry(
        name="grid",
        title="QMUL GRID (underground_reid)",
        about="the folder underground_reid with probe and gallery, or the folder that holds it",
        layout=(
            "underground_reid/probe/0001_1_25004_107_32_106_221.jpeg     identity 1, camera A\n"
            "underground_reid/gallery/0001_2_25023_116_134_128_330.jpeg  identity 1, camera B\n"
            "underground_reid/gallery/0000_1_25698_101_16_87_246.jpeg    a distractor"
        ),
        reader=grid,
        missing=missing_grid,
        official=(
            Part("probe", 250, 250, lambda people: people.cameras == 0),
            Part("gallery", 250, 250, lambda people: (people.cameras == 1) & (people.identities >= 0)),
            Part("distractors", 775, None, lambda people: people.identities == DISTRACTOR),
        ),
        identities=250,
        default_split="grid-125-01",
        reference=(
            'Loy, Liu, Gong, "Person Re-Identification by Manifold Ranking", ICIP 2013; '
            'Loy, Xiang, Gong, "Multi-Camera Activity Correlation Analysis", CVPR 2009'
        ),
    ),
    CatalogueEntry(
        name="viper",
        title="VIPeR",
        about="a folder with cam_a and cam_b, or the folder VIPeR that holds them",
        layout=(
            "cam_a/000_45.bmp   identity 0, camera A, seen from 45 degrees\n"
            "cam_b/000_90.bmp   identity 0, camera B, seen from 90 degrees"
        ),
        reader=viper,
        missing=missing_viper,
        official=(
            Part("cam_a", 632, 632, lambda people: people.cameras == 0),
            Part("cam_b", 632, 632, lambda people: people.cameras == 1),
        ),
        identities=632,
        default_split="viper-316-01",
        reference=(
            'Gray, Brennan, Tao, "Evaluating Appearance Models for Recognition, Reacquisition, and Tracking", PETS 2007'
        ),
    ),
    CatalogueEntry(
        name="market1501",
        title="Market-1501",
        about="a folder with bounding_box_train, query and bounding_box_test, or the folder that holds it",
        layout=(
            "bounding_box_train/0002_c1s1_000451_03.jpg   identity 2, camera 1\n"
            "query/0001_c1s1_001051_00.jpg                a probe: identity 1, camera 1\n"
            "bounding_box_test/0001_c2s1_001976_01.jpg    gallery: identity 1, camera 2\n"
            "bounding_box_test/0000_c1s1_000151_01.jpg    gallery: a distractor\n"
            "bounding_box_test/-1_c1s1_000401_03.jpg      junk: left out of every gallery"
        ),
        reader=market1501,
        official=(
            Part("bounding_box_train", 12936, 751, in_market1501_train),
            Part("query", 3368, 750, lambda people: people.probes),
            # 15,913 pictures of people and distractors, and 3,819 of junk: all that the folder holds.
            Part("bounding_box_test", 19732, 750, in_market1501_test),
        ),
        identities=1501,
        default_split="market1501",
        default_protocol="market",
        reference='Zheng, Shen, Tian, Wang, Wang, Tian, "Scalable Person Re-identification: A Benchmark", ICCV 2015',
        own_split=market1501_split,
    ),
    CatalogueEntry(
        name="folder",
        title="A folder an identity",
        about="a folder of your own pictures, IDENTITY/picture or IDENTITY/CAMERA/picture",
        layout=(
            "people/0001/entrance_c1_0001.jpg   identity 1, camera 1: read from the _c1 in the name\n"
            "people/0001/lift_c2_0007.jpg       identity 1, camera 2\n"
            "or a folder a camera:\n"
            "people/anna/entrance/0001.jpg      identities and cameras that are no numbers are numbered from 0,\n"
            "people/anna/lift/0007.jpg          in the order of their names\n"
            "people/junk/..., people/distractor/...   pictures of nobody, where there are any"
        ),
        reader=identity_folders,
        default_split="random-100-0",
        reference="your own pictures",
    ),
    CatalogueEntry(
        name="csv",
        title="A CSV file",
        about="a CSV file that lists your own pictures, with the columns path, identity, camera",
        layout=(
            "path,identity,camera,role          role, probe or gallery, may be left out\n"
            "crops/0001.jpg,anna,entrance,probe\n"
            "crops/0002.jpg,anna,lift,gallery\n"
            "crops/0003.jpg,distractor,lift,gallery\n"
            "Paths are relative to the file. Names that are no numbers are numbered from 0, in their order."
        ),
        reader=csv_file,
        default_split="random-100-0",
        reference="your own pictures",
    ),
    CatalogueEntry(
        name="synthetic",
        title="Synthetic people",
        about=f"nothing: {SYNTHETIC_IDENTITIES} drawn identities, 2 cameras, 2 pictures each",
        layout="Nothing on disk: a picture is drawn when it is read.",
        reader=lambda path: synthetic(identities=SYNTHETIC_IDENTITIES),
        official=(Part("all", 4 * SYNTHETIC_IDENTITIES, SYNTHETIC_IDENTITIES),),
        identities=SYNTHETIC_IDENTITIES,
        default_split="random-100-0",
        reference="drawn by tfnxc.datasets.synthetic",
        needs_path=False,
    ),
)
