"""`tfnxc info`."""

from __future__ import annotations

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, for a report or a program.")
def info(as_json):
    """Says what is installed and whether the compiled op is in use, and why.

    \b
    tfnxc info
    TFNXC_OPS=python tfnxc info
    tfnxc info --json
    """
    import json
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
        click.echo(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        console.print(f"{name:16}{value if value is not None else '-'}")
