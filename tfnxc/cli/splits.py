"""`tfnxc splits`."""

import click

from tfnxc.cli._printing import print_json, print_notes, print_table
from tfnxc.datasets import dataset_splits, families, get_splits, open_dataset
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
    if dataset is None and data is not None:
        raise InputError("--data goes with --dataset, the name of the data set; tfnxc datasets list shows the names.")
    if name is None and dataset is not None:
        raise InputError("--dataset goes with the name of a split or of a family; tfnxc splits lists them.")
    family = families().get(name)
    if name is None:
        rows = [family.facts() for family in families().values()]
        notes = [f"{row['name']}: {row['source']}" for row in rows]
        notes.append("Besides: random-TEST-SEED, such as random-100-0, and files of your own.")
        _show("Families of splits", rows, notes, as_json)
    elif family is not None and family.names != (name,):
        rows = family.split_facts(None if dataset is None else _named(name, dataset, data))
        notes = [f"Source: {family.source}"]
        if rows[0]["digest"] is None:
            where = f"--dataset {family.datasets[0]} --data PATH"
            notes.append(f"Whoever is on disk and does not test trains: count with {where}.")
        _show(family.name, rows, notes, as_json)
    else:
        (split,) = _named(name, dataset, data)
        click.echo(split.to_json(), nl=False)


def _named(name, dataset, data):
    """The splits of a name; where a data set is named, of what is on disk."""
    return get_splits(name) if dataset is None else dataset_splits(dataset, open_dataset(dataset, data), name)


def _show(title, rows, notes, as_json):
    """Rows of equal keys: as JSON, or as a table without sources, which would fold it, and then the notes."""
    if as_json:
        return print_json(rows)
    columns = [key for key in rows[0] if key != "source"]
    texts = {column.replace("_", " "): column in ("name", "datasets", "digest") for column in columns}
    print_table(title, texts, [[row[column] for column in columns] for row in rows])
    print_notes(*notes)
