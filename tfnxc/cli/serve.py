"""`tfnxc serve`."""

import click


@click.command()
@click.argument("folder", metavar="INDEX", type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a token.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--token-file", type=click.Path(), help="File with the bearer token. Default: the variable TFNXC_TOKEN.")
@click.option("--read-only", is_flag=True, help="Nothing is added or deleted.")
@click.option("--page", is_flag=True, help="Also serve the page of serve-ui, at /page; without a token only.")
@click.option("--requests-per-minute", default=600, show_default=True, type=click.IntRange(0), help="0: no limit.")
@click.option("--most-bytes", type=click.IntRange(1), help="Bytes of a request. Default: 17 MiB.")
@click.option("--waiting", default=16, show_default=True, type=click.IntRange(0), help="Calls that wait for one.")
@click.option("--log", type=click.Choice(["json", "text"]), default="json", show_default=True, help="Form of the log.")
@click.option("--ssl-certfile", type=click.Path(), help="Certificate, PEM: TLS.")
@click.option("--ssl-keyfile", type=click.Path(), help="Its key, PEM. Default: it is in the same file.")
def serve(
    folder,
    host,
    port,
    token_file,
    read_only,
    page,
    requests_per_minute,
    most_bytes,
    waiting,
    log,
    ssl_certfile,
    ssl_keyfile,
):
    """Serves an index over HTTP: search by picture, add, delete; health, metrics, OpenAPI.

    INDEX is what tfnxc index made. It stays open, so that a search needs no start; what other processes write to it is
    found too. Without a token it listens on this machine alone. It needs the extra: pip install "tfnxc[cpu,service]".
    docs/service.md has the routes, the limits and what is logged.

    \b
    tfnxc serve index
    tfnxc serve index --token-file token --host 0.0.0.0 --ssl-certfile cert.pem --ssl-keyfile key.pem
    tfnxc serve index --read-only --page                    on this machine, with the page at /page
    curl -F picture=@probe.png "http://127.0.0.1:8000/v1/search?top=5"
    """
    import signal
    import sys

    from tfnxc.console import console
    from tfnxc.service import Settings, read_token
    from tfnxc.service import serve as serve_index

    def ready(address, gallery):
        console.print(f"{len(gallery)} pictures at {address}   (Ctrl+C ends it)")

    given = {} if most_bytes is None else {"most_bytes": most_bytes}
    settings = Settings(
        read_token(token_file), read_only, page, requests_per_minute or None, waiting=waiting, log=log, **given
    )
    # So that the end that was asked for is none by a signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    serve_index(folder, settings, host=host, port=port, certfile=ssl_certfile, keyfile=ssl_keyfile, ready=ready)
