"""`tfnxc datasets`."""

from __future__ import annotations

import click

from tfnxc.cli._sources import SOURCES
from tfnxc.evaluation.guard import open_source

_DATASET = click.argument("name", metavar="NAME", type=click.Choice(list(SOURCES)))
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON, for a report or a program.")
_MISSING_SHOWN = 50


def _data(about):
    return click.option("--data", type=click.Path(), help=about)


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
    from tfnxc.console import console
    from tfnxc.datasets.catalogue import CATALOGUE

    rows = [_facts(source) for source in CATALOGUE.values()]
    if as_json:
        _print_json(rows)
        return
    table = _table("Data sets", {"name": True, "pictures": False, "identities": False, "splits": True, "on disk": True})
    for row in rows:
        families = ", ".join(row["families"]) or row["default_split"]
        table.add_row(row["name"], _number(row["pictures"]), _number(row["identities"]), families, row["about"])
    console.print(table)
    _print("Pictures and identities are official counts. Every set takes random-TEST-SEED and files as splits, too.")


@datasets.command()
@_DATASET
@_data("What is on disk; counted, not read.")
@_AS_JSON
def info(name, data, as_json):
    """Explains one data set: what must lie where, what its numbers mean, and what is official.

    \b
    tfnxc datasets info cuhk03-labeled
    tfnxc datasets info cuhk01 --data cuhk01/campus
    """
    from tfnxc.datasets.catalogue import CATALOGUE

    source = CATALOGUE[name]
    people = open_source(name, data) if data is not None or not source.needs_path else None
    facts = {**_facts(source), "layout": source.layout, "reference": source.reference}
    if people is not None:
        facts["found"] = {**_counts(people), "parts": _parts(source, people)}
    if as_json:
        _print_json(facts)
        return
    _print(f"{source.title} ({name})")
    _print(f"On disk: {source.about}", *(f"  {line}" for line in source.layout.splitlines()))
    if people is None:
        for part in source.official:
            of = "" if part.identities is None else f" of {part.identities} identities"
            _print(f"Official: {part.name}: {part.pictures} pictures{of}")
    _print(f"Families of splits: {', '.join(source.families) or 'none published'}")
    _print(f"Split where none is named: {source.default_split}")
    _print(f"Protocol: {source.default_protocol}")
    _print(f"Reference: {source.reference}")
    if people is not None:
        _print_parts(facts["found"]["parts"], data)
        _print(_counted(facts["found"]))


@datasets.command()
@_DATASET
@_data("The folder or file to check: the data set, or what tfnxc datasets prepare made of it.")
@_AS_JSON
def check(name, data, as_json):
    """Reads every picture, counts, and names each one that is missing or broken.

    The counts are compared with those of the official set, part by part. Of prepared pictures the checksum of every
    shard is compared, too. Exits with 1 if anything is missing, broken or otherwise than official.

    \b
    tfnxc datasets check cuhk01 --data cuhk01/campus
    tfnxc datasets check cuhk03-detected --data cuhk-03.mat
    tfnxc datasets check cuhk01 --data prepared/cuhk01 --json > report.json
    """
    from tfnxc.datasets.catalogue import CATALOGUE, missing_pictures

    source = CATALOGUE[name]
    people = open_source(name, data)
    report = {
        "name": name,
        "data": None if data is None else str(data),
        **_counts(people),
        "parts": _parts(source, people),
        "missing": missing_pictures(name, people),
        "broken": _broken(people, data, as_json),
    }
    report["whole"] = not (report["missing"] or report["broken"] or any(part["differs"] for part in report["parts"]))
    if as_json:
        _print_json(report)
    else:
        _print_report(report)
    if not report["whole"]:
        raise click.exceptions.Exit(1)


@datasets.command()
@_DATASET
@_data("The data set on disk.")
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
    tfnxc datasets check cuhk01 --data prepared/cuhk01
    tfnxc train cuhk01 --data prepared/cuhk01
    """
    from tfnxc.console import progress_bar
    from tfnxc.datasets.prepared.prepare import prepare

    people = open_source(name, data)
    with progress_bar("Preparing pictures", len(people)) as advance:
        made = prepare(people, folder, (height, width), shards, workers, advance)
    _print(f"{folder}: {len(made)} pictures of {len(made.people)} identities, {height} x {width}")
    _print(f"Use it in the place of the data set: tfnxc train {name} --data {folder}")


def _facts(source):
    names = ("name", "title", "about", "pictures", "identities", "families", "default_split", "default_protocol")
    facts = {name: getattr(source, name) for name in names}
    parts = [{"name": part.name, "pictures": part.pictures, "identities": part.identities} for part in source.official]
    return {**facts, "families": list(source.families), "official": parts}


def _counts(people):
    import numpy as np

    from tfnxc.identities import DISTRACTOR, JUNK

    return {
        "pictures": len(people),
        "identities": len(people.people),
        "cameras": len(np.unique(people.cameras)),
        "probes": None if people.probes is None else int(people.probes.sum()),
        "distractors": int((people.identities == DISTRACTOR).sum()),
        "junk": int((people.identities == JUNK).sum()),
    }


def _parts(source, people):
    """The official parts with what is found of each."""
    parts = []
    for part in source.official:
        pictures, identities = part.count(people)
        parts.append(
            {
                "name": part.name,
                "pictures": pictures,
                "official_pictures": part.pictures,
                "identities": identities,
                "official_identities": part.identities,
                "differs": (pictures, identities) != (part.pictures, part.identities),
            }
        )
    return parts


def _broken(people, data, quiet):
    """The pictures that cannot be read, and of prepared ones the broken shards: each a file with the reason."""
    import concurrent.futures

    from tfnxc.datasets.prepared.reader import broken_shards, is_prepared
    from tfnxc.errors import InputError

    def reason(index):
        try:
            people.read(index)
            return None
        except InputError as error:
            return str(error)

    broken = []
    with _bar("Reading pictures", len(people), quiet) as advance, concurrent.futures.ThreadPoolExecutor() as pool:
        for path, message in zip(people.paths, pool.map(reason, range(len(people))), strict=True):
            advance(1)
            if message is not None:
                broken.append({"file": path, "reason": message.removeprefix(f"{path}: ")})
    if data is not None and is_prepared(data):
        with _bar("Reading shards", None, quiet) as advance:
            shards = broken_shards(data, advance)
        broken += [{"file": path, "reason": what} for path, what in shards.items()]
    return broken


def _bar(title, total, quiet):
    import contextlib

    from tfnxc.console import progress_bar

    return contextlib.nullcontext(lambda count: None) if quiet else progress_bar(title, total)


def _print_report(report):
    _print_parts(report["parts"], report["data"])
    _print(_counted(report))
    for path in report["missing"][:_MISSING_SHOWN]:
        _print(f"  missing: {path}")
    more = len(report["missing"]) - _MISSING_SHOWN
    if more > 0:
        _print(f"  missing: {more} more; --json lists all")
    for each in report["broken"]:
        _print(f"  broken: {each['file']}: {each['reason']}")
    what = [f"{len(report[kind])} {kind}" for kind in ("missing", "broken") if report[kind]]
    what += ["counts differ from the official ones"] * any(part["differs"] for part in report["parts"])
    _print(f"{report['name']}: " + (", ".join(what) if what else "whole"))


def _print_parts(parts, data):
    from tfnxc.console import console

    if not parts:
        return
    columns = {"part": True, "pictures": False, "official": False, "identities": False, "official ": False, "": True}
    table = _table(f"Found in {data}" if data else "Found", columns)
    for part in parts:
        keys = ("pictures", "official_pictures", "identities", "official_identities")
        verdict = "differs" if part["differs"] else "as official"
        table.add_row(part["name"], *(_number(part[key]) for key in keys), verdict)
    console.print(table)


def _counted(counts):
    text = f"{counts['pictures']} pictures of {counts['identities']} identities, {counts['cameras']} cameras"
    others = [f"{counts[kind]} {kind}" for kind in ("probes", "distractors", "junk") if counts[kind]]
    return ", ".join([text, *others])


def _table(title, columns):
    """A table of columns, each with whether it is a text, to be set from the left."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for column, is_text in columns.items():
        table.add_column(column, justify="left" if is_text else "right", no_wrap=column in ("name", "part"))
    return table


def _number(value):
    return "-" if value is None else f"{value:,}"


def _print(*lines):
    """Prints lines as they are: what looks like markup in the name of a file is none."""
    from tfnxc.console import console

    for line in lines:
        console.print(line.encode("utf-8", "backslashreplace").decode("utf-8"), markup=False)


def _print_json(data):
    import json

    click.echo(json.dumps(data, indent=1))
