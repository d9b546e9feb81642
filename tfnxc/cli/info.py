"""`tfnxc info`."""

import click

from tfnxc.cli._printing import print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, for a report or a program.")
def info(as_json):
    """Says what is installed and whether the compiled op is in use, and why.

    \b
    tfnxc info
    TFNXC_OPS=python tfnxc info
    tfnxc info --json
    """
    import platform

    import keras
    import tensorflow as tf

    from tfnxc import __version__, ops
    from tfnxc.console import console

    facts = {
        "tfnxc": __version__,
        "python": platform.python_version(),
        "tensorflow": tf.version.VERSION,
        "keras": f"{keras.__version__} on {keras.backend.backend()}",
        "devices": ", ".join(device.name for device in tf.config.list_physical_devices()),
        **ops.describe_implementation(),
    }
    if as_json:
        return print_json(facts)
    for name, value in facts.items():
        console.print(f"{name:16}{value if value is not None else '-'}")
