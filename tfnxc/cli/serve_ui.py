"""`tfnxc serve-ui`."""

import click


@click.command("serve-ui")
@click.argument("folder", metavar="[INDEX]", required=False, type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on: this machine alone.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--shortlist", type=click.IntRange(50), help="How many pictures the pair head compares. Default: 250.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
def serve_ui(folder, host, port, shortlist, open_browser):
    """Serves a page on which one drops a picture and sees where else the person may have been seen.

    INDEX is what tfnxc index made; pictures added to it later are found too. Without one, 100 synthetic people are
    indexed with the model that comes with tfnxc, in some seconds, to try the page on. It needs the extra: pip install
    "tfnxc[cpu,ui]".

    The page is for this machine alone. With another --host, whoever reaches the address can search and see the
    pictures that are found: there is no password.

    \b
    tfnxc serve-ui                                     synthetic people, to try it
    tfnxc serve-ui index --open
    tfnxc serve-ui index --port 8080 --shortlist 2000
    """
    import signal
    import sys
    import webbrowser

    from tfnxc.console import console
    from tfnxc.search import SHORTLIST, serve_page

    def ready(address, gallery):
        console.print(f"{len(gallery)} pictures. The page: {address}   (Ctrl+C ends it)")
        if host not in ("127.0.0.1", "localhost"):
            console.print("Whoever reaches this address can search and see what is found: there is no password.")
        if open_browser:
            webbrowser.open(address)

    # So that the folder with what was dropped is removed too when the process is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    serve_page(folder, host=host, port=port, shortlist=SHORTLIST if shortlist is None else shortlist, ready=ready)
