"""`tfnxc index`."""

import os

import click

from tfnxc.cli._asking import agree
from tfnxc.cli._printing import as_json_option, print_json
from tfnxc.console import console, progress_bar, readable
from tfnxc.errors import InputError

_MOST_UNASKED = 20
"""Pictures that --delete takes out of an index without a question."""


@click.command()
@click.argument("model", metavar="RUN|MODEL|INDEX", type=click.Path())
@click.argument("pictures", metavar="[PICTURES]", required=False, type=click.Path())
@click.option("--to", "index_folder", type=click.Path(), help="Folder of the new index, or of one to go on with.")
@click.option("--add", type=click.Path(), help="Add the pictures of a folder or a CSV file to an index.")
@click.option("--update", is_flag=True, help="Take pictures of the index anew whose files or labels have changed.")
@click.option("--delete", multiple=True, type=click.Path(), help="Delete a picture, or all of a folder. Repeatable.")
@click.option("--yes", is_flag=True, help=f"Delete more than {_MOST_UNASKED} pictures without being asked.")
@click.option("--keep", type=click.Choice(["maps", "paths"]), help="What a new index keeps. Default: maps.")
@click.option("--compact", is_flag=True, help="Take deleted pictures off the disk, put small files together.")
@click.option("--backup", metavar="FOLDER", type=click.Path(), help="Copy the index, while others write to it too.")
@click.option("--check", is_flag=True, help="Read everything; exit with 1 where anything is damaged.")
@click.option(
    "--layout",
    type=click.Choice(["identity", "camera", "identity/camera", "camera/identity"]),
    help="What the names of the folders inside a folder of pictures say. Default: nothing.",
)
@as_json_option
def index(model, pictures, index_folder, add, update, delete, yes, keep, compact, backup, check, layout, as_json):
    """Keeps pictures in an index, in which tfnxc search finds people.

    PICTURES is a folder (every PNG, JPEG, BMP and WebP file in it and below) or a CSV file with the columns path and,
    if you like, identity, camera and time. What cannot be read is passed over and named, and so is a picture of the
    index that has changed since, unless --update takes it anew. A killed command leaves all that it had committed;
    given again, it goes on. One command writes at a time, any number search.

    MODEL is a .keras file with its embedding beside it, or the word pretrained. The index holds a copy of both and, of
    each picture, its path, labels, digest and vector: 256 bytes of 128 numbers. --keep maps adds its feature map,
    22,204 bytes (37 x 12 x 25 numbers), so that the pictures are needed no more. With --keep paths a search reads and
    embeds the pictures of its shortlist again, which takes longer. docs/search.md says more.

    \b
    tfnxc index runs/mine crops --to index --layout camera     crops/CAMERA/picture
    tfnxc index pretrained crops.csv --to index --keep paths
    tfnxc index index --add more-crops --update
    tfnxc index index --delete crops/lift/0007.jpg --delete crops/hall --compact
    tfnxc index index --delete crops --yes                     many, in a script
    tfnxc index index --check
    tfnxc index index --backup backups/monday
    tfnxc index index                                          what it holds
    """
    changes = [name for name, given in (("--add", add), ("--delete", delete), ("--compact", compact)) if given]
    if pictures is not None and (index_folder is None or changes):
        raise InputError("a model and PICTURES need --to INDEX, and no --add, --delete or --compact.")
    if pictures is None and index_folder is not None:
        raise InputError("--to INDEX needs PICTURES: a folder or a CSV file.")
    if keep and pictures is None:
        raise InputError("--keep is about a new index, for which a model and PICTURES are needed.")
    if update and not (pictures or add):
        raise InputError("--update is about pictures that are added; there are none.")
    if yes and not delete:
        raise InputError("--yes is about pictures to delete; there are none.")
    if layout and not (pictures or add):
        raise InputError("--layout is about a folder of pictures that is added; there is none.")
    from tfnxc.search import Gallery, list_pictures

    listed = pictures or add
    done: dict[str, object] = {}

    def say(what):
        console.print(f"Passed over: {readable(what, in_line=True)}")

    unread: list[str] = []
    to_add = list_pictures(listed, layout.split("/") if layout else (), unread.append) if listed else None
    for file in unread:
        say(f"{file}: not of a format that is read.")
    gallery = Gallery(model) if pictures is None else Gallery.start(index_folder, model, keep=keep, console=console)
    if delete:
        _delete(gallery, delete, yes)
    if to_add is not None:
        with progress_bar("Indexing", len(to_add)) as advance:
            result = gallery.add(to_add, progress=advance, update=update)
        for message in result.broken:
            say(message)
        for name in result.changed:
            console.print(f"{'Taken anew' if update else 'Changed'}: {readable(name, in_line=True)}")
        done = {**result._asdict(), "unread": unread}
        left = len(result.broken) + len(unread)
        console.print(f"{result.added} added, {result.known} there already, {left} passed over.")
        if result.uncompared:
            what = "were taken anew" if update else "stay as they were indexed; --update takes them anew"
            unknown = "pictures without a digest, so that it cannot tell whether they have changed"
            console.print(f"The index has {len(result.uncompared)} of these {unknown}. They {what}.")
        if os.path.isdir(listed):
            gone = gallery.gone_from(listed)
            done["gone"] = gone
            for name in gone:
                console.print(f"Gone: {readable(name, in_line=True)}")
            if gone:
                console.print(f"{len(gone)} are no files any more, and keep their features; --delete takes them out.")
        if result.changed:
            what = "were taken anew" if update else "keep their old features and labels; --update takes them anew"
            console.print(f"{len(result.changed)} have changed since they were indexed, and {what}.")
        if len(result.broken) == len(to_add):
            raise InputError(f"{listed}: no picture in it can be read.")
    if compact:
        gallery.compact()
    if check:
        with progress_bar("Checking", len(gallery)) as advance:
            gallery.check(advance)
        console.print("Everything is as it was written.")
    if backup:
        with progress_bar("Copying", None) as advance:
            copied = gallery.copy(backup, advance)
        console.print(f"{len(copied)} pictures copied to {backup}; tfnxc index FOLDER --check reads all of it.")
    held = gallery.summary()
    if as_json:
        return print_json({**held, **done})
    size = f"{held['pictures']} pictures, {held['bytes'] / 1e6:.1f} MB; vectors of {held['dimensions']} numbers"
    console.print(f"{readable(held['index'], in_line=True)}: {size} and {held['keep']}")
    for camera, count in held["cameras"].items():
        console.print(f"  camera {readable(camera, in_line=True) or 'not known'}: {count}")


def _delete(gallery, given, yes):
    names = gallery.meant_by(given)
    shown = readable(names[0], in_line=True)
    what = shown if len(names) == 1 else f"{len(names)} of {len(gallery)} pictures, the first {shown}"
    agree(f"To delete: {what}.", yes or len(names) <= _MOST_UNASKED)
    gallery.delete(names)
