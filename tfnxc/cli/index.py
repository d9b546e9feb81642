"""`tfnxc index`."""

from __future__ import annotations

import contextlib
import os
import pathlib

import click

from tfnxc.errors import InputError


@click.command()
@click.argument("source", metavar="RUN|MODEL|INDEX", type=click.Path())
@click.argument("pictures", metavar="[PICTURES]", required=False, type=click.Path())
@click.option("--to", "index_folder", type=click.Path(), help="Folder of the new index, or of one to go on with.")
@click.option("--add", type=click.Path(), help="Add the pictures of a folder or a CSV file to an index.")
@click.option("--delete", multiple=True, type=click.Path(), help="Delete a picture, or all of a folder. Repeatable.")
@click.option("--compact", is_flag=True, help="Take deleted pictures off the disk, put small files together.")
@click.option("--check", is_flag=True, help="Read everything; exit with 1 where anything is damaged.")
@click.option(
    "--layout",
    type=click.Choice(["identity", "camera", "identity/camera", "camera/identity"]),
    help="What the names of the folders inside a folder of pictures say. Default: nothing.",
)
def index(source, pictures, index_folder, add, delete, compact, check, layout):
    """Keeps pictures in an index, in which tfnxc search finds people.

    PICTURES is a folder (every PNG, JPEG and BMP file in it and below) or a CSV file with the columns path and, if you
    like, identity, camera and time. A picture that cannot be read is passed over and named. The index holds features of
    the pictures, their paths and labels, and a copy of the model; not the pictures. A killed command leaves all that it
    had committed; given again, it goes on. One command writes at a time, any number search. docs/search.md says more.

    \b
    tfnxc index runs/mine crops --to index --layout camera     crops/CAMERA/picture
    tfnxc index model.keras crops.csv --to index
    tfnxc index index --add more-crops
    tfnxc index index --delete crops/lift/0007.jpg --delete crops/hall --compact
    tfnxc index index --check
    tfnxc index index                                          what it holds
    """
    changes = [name for name, given in (("--add", add), ("--delete", delete), ("--compact", compact)) if given]
    if pictures is not None and (index_folder is None or changes):
        raise InputError("a model and PICTURES need --to INDEX, and no --add, --delete or --compact.")
    if pictures is None and index_folder is not None:
        raise InputError("--to INDEX needs PICTURES: a folder or a CSV file.")
    if layout and not (pictures or add):
        raise InputError("--layout is about a folder of pictures that is added; there is none.")
    from tfnxc.console import console, progress_bar
    from tfnxc.search import Gallery
    from tfnxc.search.picture import printable

    to_add = None if pictures is None and add is None else _listed(pictures or add, layout)
    gallery = Gallery(source) if pictures is None else Gallery.start(index_folder, _model_file(source))
    if delete:
        gallery.delete(_names(gallery, delete))
    if to_add is not None:
        with progress_bar("Indexing", len(to_add)) as advance:
            result = gallery.add(to_add, progress=advance)
        for message in result.broken:
            console.print(f"Passed over: {printable(message)}", markup=False)
        console.print(f"{result.added} added, {result.known} there already, {len(result.broken)} passed over.")
        if len(result.broken) == len(to_add):
            raise InputError(f"{pictures or add}: no picture in it can be read.")
    if compact:
        gallery.compact()
    if check:
        with progress_bar("Checking", len(gallery)) as advance:
            gallery.check(advance)
        console.print("Everything is as it was written.")
    console.print(
        f"{printable(str(gallery.folder))}: {len(gallery)} pictures, {_megabytes(gallery.folder):.1f} MB", markup=False
    )
    for camera, count in gallery.cameras.items():
        console.print(f"  camera {'not known' if camera is None else printable(camera)}: {count}", markup=False)


def _listed(path, layout):
    """All `Picture`s at once, so that a mistake in a list is told before anything is added."""
    from tfnxc.search import csv_pictures, folder_pictures

    if pathlib.Path(path).is_dir():
        return list(folder_pictures(path, layout.split("/") if layout else ()))
    if layout:
        raise InputError(f"{path}: not a folder; --layout is about folders. A CSV file has columns of its own.")
    found = list(csv_pictures(path))
    if not found:
        raise InputError(f"{path}: no picture in it; expected a line a picture after the header.")
    return found


def _model_file(source):
    if not pathlib.Path(source).is_dir():
        return source
    from tfnxc.evaluation.measure import warn_if_unfinished
    from tfnxc.training import Run

    run = Run.open(source)
    if not run.model_path().exists():
        raise InputError(f"{source}: no model yet; finish the training with the tfnxc train command that began it.")
    warn_if_unfinished(run)
    return run.model_path()


def _names(gallery, paths):
    """The names of the pictures that these files, folders or names mean."""
    names, there = [], set(gallery.names)
    for path in paths:
        folder = os.path.join(os.path.abspath(path), "")
        below = [name for name in gallery.names if name.startswith(folder)]
        found = [name for name in (path, os.path.abspath(path)) if name in there][:1] or below
        if not found:
            raise InputError(f"{path}: {gallery.folder} has no such picture and none below; nothing was deleted.")
        names += found
    return names


def _megabytes(folder):
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process writes
            total += path.stat().st_size
    return total / 1e6
