"""`tfnxc datasets`."""

import contextlib
import dataclasses

import click

from tfnxc.cli._printing import print_json, print_lines, print_notes, print_table
from tfnxc.console import progress_bar
from tfnxc.datasets import CATALOGUE, check_dataset, count_dataset, open_dataset
from tfnxc.datasets import prepare as prepare_pictures

_DATASET = click.argument("name", metavar="NAME", type=click.Choice(list(CATALOGUE)))
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON, for a report or a program.")


@click.group()
def datasets():
    """What can be trained on, and whether what is on disk is whole.

    \b
    tfnxc datasets list
    tfnxc datasets info market1501
    tfnxc datasets check cuhk01 --data cuhk01/campus
    tfnxc datasets prepare cuhk01 --data cuhk01/campus --to prepared/cuhk01
    """


@datasets.command("list")
@_AS_JSON
def list_(as_json):
    """Lists the data sets, their official counts, and the families of their published splits.

    \b
    tfnxc datasets list
    tfnxc datasets info cuhk03-labeled     one of them: what must lie where
    tfnxc splits                           the splits
    """
    facts = [entry.facts() for entry in CATALOGUE.values()]
    if as_json:
        return print_json(facts)
    columns = {"name": True, "pictures": False, "identities": False, "splits": True, "on disk": True}
    shown = [{**each, "splits": each["families"] or each["default_split"], "on disk": each["about"]} for each in facts]
    print_table("Data sets", columns, ([each[column] for column in columns] for each in shown), comma=",")
    print_notes(
        "Pictures and identities are official counts. Every set also takes random-TEST-SEED and files as splits."
    )


@datasets.command()
@_DATASET
@click.option("--data", type=click.Path(), help="What is on disk; counted, not read.")
@_AS_JSON
def info(name, data, as_json):
    """Explains one data set: what must lie where, what its numbers mean, and what is official.

    \b
    tfnxc datasets info cuhk03-labeled
    tfnxc datasets info cuhk01 --data cuhk01/campus
    """
    entry = CATALOGUE[name]
    people = open_dataset(name, data) if data is not None or not entry.needs_path else None
    found = None if people is None else count_dataset(people)
    if as_json:
        facts = {**entry.facts(), "layout": entry.layout, "reference": entry.reference}
        return print_json(facts if found is None else {**facts, "found": found.to_dict()})
    layout = (f"  {line}" for line in entry.layout.splitlines())
    print_lines(f"{entry.title} ({name})", f"On disk: {entry.about}", *layout)
    print_lines(*(f"Official: {part}" for part in entry.official if found is None))
    print_lines(
        f"Families of splits: {', '.join(entry.families) or 'none published'}",
        f"Split where none is named: {entry.default_split}",
        f"Protocol: {entry.default_protocol}",
        f"Reference: {entry.reference}",
    )
    if people is not None:
        _print_counts(found, data)
        print_lines(*(f"Note: {remark}" for remark in people.notes()))


@datasets.command()
@_DATASET
@click.option("--data", type=click.Path(), help="The folder or file to check: the data set, or it prepared.")
@_AS_JSON
def check(name, data, as_json):
    """Reads every picture, counts, and names each one that is missing, broken, or not read.

    Not read are files that may be pictures and are of no format, name or place that the set has. The counts are
    compared with those of the official set, part by part. Of prepared pictures the checksum of every shard is compared,
    too. Exits with 1 if anything is missing, broken, not read or otherwise than official.

    \b
    tfnxc datasets check cuhk01 --data cuhk01/campus
    tfnxc datasets check cuhk01 --data prepared/cuhk01 --json > report.json
    """
    with contextlib.nullcontext() if as_json else progress_bar("Reading pictures", None) as advance:
        report = check_dataset(name, data, advance)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_counts(report.counts, data)
        for what, files in (("missing", report.missing), ("not read", report.unread)):
            more = [f"  {what}: {len(files) - 50} more; --json lists all"] * (len(files) > 50)
            print_lines(*(f"  {what}: {path}" for path in files[:50]), *more)
        print_lines(*(f"  broken: {each.file}: {each.reason}" for each in report.broken))
        print_lines(*(f"Note: {remark}" for remark in report.remarks))
        print_lines(f"{name}: {report.verdict}")
    if not report.whole:
        raise click.exceptions.Exit(1)


@datasets.command()
@_DATASET
@click.option("--data", type=click.Path(), help="The data set on disk.")
@click.option("--to", "folder", required=True, type=click.Path(), help="The folder to make.")
@click.option("--height", default=160, show_default=True, type=click.IntRange(1), help="Of every picture, in pixels.")
@click.option("--width", default=60, show_default=True, type=click.IntRange(1), help="Of every picture, in pixels.")
@click.option("--shards", type=click.IntRange(1), help="How many files. Default: up to 16, more of a large set.")
@click.option("--workers", type=click.IntRange(1), help="Threads. Default: one a processor core.")
def prepare(name, data, folder, height, width, shards, workers):
    """Resizes every picture once, into TFRecord shards that training reads at the speed of the disk.

    The folder is then given as --data to every command, in the place of the data set. It appears when it is whole: a
    command that was stopped goes on where it was when it is given again, and a picture that cannot be read leaves
    nothing behind. manifest.json in it has the SHA-256 of every shard; tfnxc datasets check compares them.

    \b
    tfnxc datasets prepare cuhk01 --data cuhk01/campus --to prepared/cuhk01
    tfnxc train cuhk01 --data prepared/cuhk01
    """
    people = open_dataset(name, data)
    print_lines(*(f"Note: {remark}" for remark in people.notes()))
    with progress_bar("Preparing pictures", len(people)) as advance:
        made = prepare_pictures(people, folder, (height, width), shards, workers, advance)
    print_lines(
        f"{folder}: {len(made)} pictures of {len(made.people)} identities, {height} x {width}",
        f"Use it in the place of the data set: tfnxc train {name} --data {folder}",
    )


def _print_counts(counts, data):
    columns = {"part": True, "pictures": False, "official": False, "identities": False, "official ": False, "": True}
    rows = [[*dataclasses.astuple(part), "differs" if part.differs else "as official"] for part in counts.parts]
    if rows:
        print_table(f"Found in {data}" if data else "Found", columns, rows, comma=",")
    print_lines(str(counts))
