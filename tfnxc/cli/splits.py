"""`tfnxc splits`."""

from __future__ import annotations

import click

from tfnxc.errors import InputError


@click.command()
@click.argument("name", required=False)
@click.option("--dataset", metavar="NAME", help="Data set, where a split divides whoever is on disk (viper, random).")
@click.option("--data", type=click.Path(), help="Its folder or file.")
@click.option("--json", "as_json", is_flag=True, help="The tables as JSON; a split is JSON anyway.")
def splits(name, dataset, data, as_json):
    """Lists the published splits, or prints one as a file that --split takes.

    The digest stands for the lists: two results are of one split if it is the same, whatever their splits are called.

    \b
    tfnxc splits                        the families of splits
    tfnxc splits cuhk01-486             the ten of a family, each with its digest
    tfnxc splits cuhk01-486-01          one of them whole
    tfnxc splits random-100-0 --dataset cuhk01 --data cuhk01/campus > mine.json
    """
    from tfnxc.datasets import families

    if dataset is None and data is not None:
        raise InputError("--data goes with --dataset, the name of the data set; tfnxc datasets list shows the names.")
    if name is None and dataset is not None:
        raise InputError("--dataset goes with the name of a split or of a family; tfnxc splits lists them.")
    family = families().get(name)
    if name is None:
        _show_families(families().values(), as_json)
    elif family is not None and family.names != (name,):
        _show_family(family, _named(name, dataset, data) if family.identities or dataset else None, as_json)
    else:
        (split,) = _named(name, dataset, data)
        click.echo(_file_of(split), nl=False)


def _named(name, dataset, data):
    """The splits of a name; where a data set is named, of what is on disk."""
    from tfnxc.datasets import dataset_splits, get_splits, open_dataset

    if dataset is None:
        return get_splits(name)
    return dataset_splits(dataset, open_dataset(dataset, data), name)


def _show_families(families, as_json):
    rows = [
        {
            "name": family.name,
            "datasets": list(family.datasets),
            "splits": len(family.tests),
            "train": len(family.split(family.names[0]).train) if family.identities else None,
            "test": len(family.tests[0]),
            "fixed_probes": len(family.probes[0]) if family.probes else None,
            "seeds": list(family.seeds) if family.seeds else None,
            "source": family.source,
        }
        for family in families
    ]
    notes = [f"{row['name']}: {row['source']}" for row in rows]
    notes.append("Besides: random-TEST-SEED, such as random-100-0, and files of your own.")
    _show("Families of splits", rows, notes, as_json)


def _show_family(family, splits, as_json):
    """`splits`: the splits of the family, or `None` where whoever is on disk trains and no data set is named."""
    rows = [
        {
            "name": name,
            "train": len(splits[at].train) if splits else None,
            "test": len(family.tests[at]),
            "fixed_probes": len(family.probes[at]) if family.probes else None,
            "seed": family.seeds[at] if family.seeds else None,
            "digest": splits[at].digest if splits else None,
        }
        for at, name in enumerate(family.names)
    ]
    notes = [f"Source: {family.source}"]
    if not splits:
        notes.append(
            f"Whoever is on disk and does not test trains: count with --dataset {family.datasets[0]} --data PATH."
        )
    _show(family.name, rows, notes, as_json)


def _show(title, rows, notes, as_json):
    """Rows of equal keys: as JSON, or as a table without sources, which would fold it, and then the notes."""
    import json

    from rich.table import Table

    from tfnxc.console import console

    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    columns = [key for key in rows[0] if key != "source"]
    table = Table(title=title, title_justify="left")
    for column in columns:
        left = column in ("name", "datasets", "digest")
        table.add_column(column.replace("_", " "), justify="left" if left else "right", no_wrap=column == "name")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    console.print(table, *notes, sep="\n")


def _cell(value):
    if value is None:
        return "-"
    if not isinstance(value, list):
        return str(value)
    if len(value) > 2 and isinstance(value[0], int) and value == list(range(value[0], value[-1] + 1)):
        return f"{value[0]} to {value[-1]}"
    return ", ".join(map(str, value))


def _file_of(split):
    """The JSON of a split, one field a line."""
    import json

    fields = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in split.to_dict().items())
    return "{\n" + ",\n".join(fields) + "\n}\n"
