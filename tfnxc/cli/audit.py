"""`tfnxc audit`."""

import click

from tfnxc.cli._printing import STANDARD_OUTPUT, give_json, json_file_option
from tfnxc.errors import InputError


@click.command()
@click.argument("folder", metavar="INDEX", type=click.Path())
@click.option("--start", is_flag=True, help="Write down from now on who asks INDEX for whom.")
@click.option("--verify", is_flag=True, help="Check that no entry was changed, left out or moved.")
@click.option("--head", metavar="SEAL", help="With --verify: an entry with this seal, kept elsewhere, must be there.")
@click.option("--keep-days", type=click.FloatRange(0, 36500), help="Take entries that are older off the disk.")
@json_file_option("the entries")
def audit(folder, start, verify, head, keep_days, json_file):
    """Shows who asked an index for whom, and keeps that log.

    Once a log is started, each search, addition and deletion is written down before it is answered, whichever program
    asks: commands, the page, the service, Python. Where that fails nothing is answered. An entry seals the one before
    it, so that --verify finds a change. Whoever can write the log can also write it anew: keep the last seal, which
    --verify prints, somewhere else, and give it as --head. docs/responsible-use.md says what an operator owes.

    \b
    tfnxc audit index --start
    tfnxc audit index                                  a line an entry
    tfnxc audit index --verify
    tfnxc audit index --verify --head 5f0c...          kept from an earlier --verify
    tfnxc audit index --keep-days 90                   in a job of every night
    """
    if head is not None and not verify:
        raise InputError("--head is about --verify; give both.")
    import math
    import time

    from tfnxc.console import console, readable
    from tfnxc.search import Gallery

    gallery = Gallery(folder)
    log = gallery.start_audit() if start else gallery.audit
    if log is None:
        raise InputError(f"{folder}: no log is kept of this index. tfnxc audit {folder} --start begins one.")
    if keep_days is not None:
        if not math.isfinite(keep_days):
            raise InputError(f"--keep-days takes a number of days; got {keep_days}.")
        console.print(f"{log.expire(time.time() - 86400 * keep_days)} entries are gone from the log.")
    if start:
        console.print(f"From now on nothing is answered without an entry in {readable(str(log.path), in_line=True)}.")
    if verify:
        count = log.verify(head)
        console.print(f"{count} entries, all as they were written. The last seal: {log.head}", soft_wrap=True)
    elif keep_days is None and not start and json_file != STANDARD_OUTPUT:
        for entry in log.entries():
            erased = len(entry.parts) - len(entry.contents)
            asked = " ".join(f"{key}={value}" for key, value in entry.about.items() if value not in (None, [], False))
            note = f" ({erased} parts erased)" if erased else ""
            line = f"{entry.number}  {entry.at}  {entry.who}  {entry.what}  {asked}{note}"
            console.print(readable(line, in_line=True), soft_wrap=True)
    if json_file is not None:
        give_json([entry.to_dict() for entry in log.entries()], json_file)
