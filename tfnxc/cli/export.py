"""`tfnxc export`."""

import click

from tfnxc.cli._printing import as_json_option, print_json
from tfnxc.errors import InputError


@click.command()
@click.argument("folder", metavar="RUN|EXPORT", type=click.Path())
@click.option("--name", help="Name of the model on the server: letters, digits, - and _.")
@click.option("--version", default=None, type=click.IntRange(1), help="Default: one more than the last.")
@click.option(
    "--to", "savedmodels", default="savedmodels", show_default=True, type=click.Path(), help="Folder of all models."
)
@click.option(
    "--variant",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "float16"]),
    help="float16: weights in half the bytes; what that costs is measured on the test people, printed and kept.",
)
@click.option(
    "--state",
    default="trained",
    show_default=True,
    type=click.Choice(["trained", "best"]),
    help="The model after the last epoch, or the best by tfnxc train --validate.",
)
@click.option("--data", type=click.Path(), help="For float16: the data set, if it is not where the run found it.")
@click.option(
    "--probes", default=100, show_default=True, type=click.IntRange(1), help="For float16: measure so many at most."
)
@click.option("--verify", is_flag=True, help="Compare the files of EXPORT with its checksums; nothing is written.")
@as_json_option
def export(folder, name, savedmodels, verify, as_json, **options):
    """Writes the model of a run as a SavedModel: savedmodels/NAME/VERSION.

    It needs TensorFlow but not tfnxc: TensorFlow Serving, saved_model_cli or any program loads it. It gives the
    probability for two images or two JPEG or PNG files, features, a ranking, and where the run has an embedding (tfnxc
    embed fit) vectors for a vector database: docs/serving.md.

    \b
    tfnxc export runs/cuhk01-normxcorr --name campus
    tfnxc export runs/cuhk01-normxcorr --name campus-small --variant float16
    tfnxc export --verify savedmodels/campus/1         a copy, say; or in it: sha256sum --check SHA256SUMS
    saved_model_cli show --dir savedmodels/campus/1 --all
    saved_model_cli run --dir savedmodels/campus/1 --tag_set serve --signature_def serving_default \
        --inputs "probe=probe.npy;gallery=gallery.npy"
    """
    if verify and name is not None:
        raise InputError("--verify is of an export that is there, and --name of one to write; give one of them.")
    if not verify and name is None:
        raise InputError("--name is missing: what the model is to be called on the server, such as --name campus.")
    from tfnxc import serving
    from tfnxc.console import console

    if verify:
        count = serving.verify_export(folder)
        if as_json:
            print_json({"export": folder, "files": count})
        console.print(f"{count} files are as they were written.")
        return

    path = serving.export_run(folder, name, savedmodels, **options, console=console)
    if as_json:
        print_json({"export": str(path), "warm_up": (path / serving.WARM_UP).exists()})
    console.print(f"Exported: {path}")
    if not (path / serving.WARM_UP).exists():
        console.print(
            "No warm-up requests, because tensorflow-serving-api is not installed. Beside tensorflow-cpu: "
            "pip install --no-deps tensorflow-serving-api"
        )
