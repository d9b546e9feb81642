"""`tfnxc erase`."""

import math
import os

import click

from tfnxc.cli._asking import agree
from tfnxc.cli._printing import as_json_option, print_json
from tfnxc.errors import InputError


@click.command()
@click.argument("folder", metavar="INDEX", type=click.Path())
@click.argument("pictures", metavar="[PICTURE...]", nargs=-1, type=click.Path())
@click.option("--identity", "identities", multiple=True, help="All pictures of this identity. Repeatable.")
@click.option(
    "--keep-days", type=click.FloatRange(0, 36500), help="All pictures taken longer ago. Those without a time stay."
)
@click.option("--receipt", type=click.Path(), help="Write the receipt to this file. It names what was erased.")
@click.option("--yes", is_flag=True, help="Erase without being asked.")
@as_json_option
def erase(folder, pictures, identities, keep_days, receipt, yes, as_json):
    """Erases pictures from an index so that nothing of them is left in it.

    Their vectors, maps and labels leave the disk at once, and the log of the index (tfnxc audit) keeps seals in their
    place. A PICTURE is a name, a file or a folder. The files themselves, backups, prepared sets and trained models are
    not touched: the receipt says so. A killed command is given again.

    \b
    tfnxc erase index --identity anna --receipt anna.json
    tfnxc erase index crops/lift/0007.jpg
    tfnxc erase index --keep-days 30 --yes             in a job of every night
    """
    if keep_days is None and not pictures and not identities:
        raise InputError("nothing to erase: give pictures, --identity or --keep-days.")
    if keep_days is not None and (pictures or identities):
        raise InputError("--keep-days goes by time alone; give it without pictures and --identity.")
    if keep_days is not None and not math.isfinite(keep_days):
        raise InputError(f"--keep-days takes a number of days; got {keep_days}.")
    import time

    from tfnxc.console import console, readable
    from tfnxc.files import write_json
    from tfnxc.search import Gallery

    gallery = Gallery(folder)
    if receipt is not None:
        inside = os.path.realpath(receipt).startswith(os.path.join(os.path.realpath(folder), ""))
        if inside:
            raise InputError(f"{receipt}: a file of the index. Write the receipt elsewhere.")
        write_json(receipt, {"state": "begun; if it stays so, give the command again"})  # or nothing is erased
    if keep_days is not None:
        agree(f"To erase: all pictures of {folder} taken more than {keep_days:g} days ago.", yes)
        done = gallery.expire(time.time() - 86400 * keep_days)
    else:
        agree(f"To erase from {folder}: {', '.join(map(readable, (*pictures, *identities)))}", yes)
        done = gallery.erase(pictures, identities)
    if receipt is not None:
        write_json(receipt, done.to_dict())
    if as_json:
        print_json(done.to_dict())
    console.print(f"{len(done.pictures)} pictures erased, {len(gallery)} left. Receipt {done.number}.")
    if done.undated:
        console.print(f"{done.undated} pictures have no time, and stay.")
    if done.log_parts is not None:
        console.print(f"{done.log_parts} parts of the log erased.")
    console.print(f"Not erased, where they exist: {done.to_dict()['not_erased']}", soft_wrap=True)
