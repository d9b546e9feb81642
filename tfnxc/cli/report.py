"""`tfnxc report`."""

import click


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path())
@click.option("--to", "path", type=click.Path(), help="File, .html. Default: report.html in the run's folder.")
@click.option("--data", type=click.Path(), help="Folder or file of the data set. Default: where the run was trained.")
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Pictures of people in the report.")
@click.option(
    "--probes", default=3, show_default=True, type=click.IntRange(1, 20), help="How many probes are pictured."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Draws the probes and the gallery.")
def report(folder, path, **options):
    """Writes the report on a run as one HTML file: open it in any browser, also offline.

    It shows results beside published figures, training curves, the settings, speed and versions, and for a few probes
    what the model ranks first, the maps of its tower and what its correlation sees. Nothing is trained; a few probes
    are scored, and the scores kept in the run. The report says how to get what the run lacks.

    The file holds no path of this machine. With --no-pictures it holds no picture of a person either, so that it can
    be passed on: docs/report.md.

    \b
    tfnxc report runs/mine
    tfnxc report runs/mine --no-pictures --to mine.html
    tfnxc report runs/cuhk01-normxcorr --data cuhk01/campus --probes 5
    """
    from tfnxc.console import console
    from tfnxc.report import write_report

    console.print(f"Report: {write_report(folder, path, **options, console=console)}")
