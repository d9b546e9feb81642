"""`tfnxc search`."""

from __future__ import annotations

import click

from tfnxc.errors import InputError


@click.command()
@click.argument("folder", metavar="INDEX", type=click.Path())
@click.argument("files", metavar="PICTURE...", nargs=-1, required=True, type=click.Path())
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="How many are found for each.")
@click.option("--camera", "cameras", multiple=True, help="Only pictures of this camera. Repeatable.")
@click.option("--not-camera", "without_cameras", multiple=True, help="No pictures of this camera. Repeatable.")
@click.option("--probe-camera", help="Which camera took PICTURE, where the index does not know it.")
@click.option("--other-cameras", is_flag=True, help="No pictures of the camera that took PICTURE.")
@click.option("--since", help="Only pictures of this time or later: 2026-03-31 or 2026-03-31T17:05:00+02:00.")
@click.option("--until", help="Only pictures of this time or earlier. Without a zone, times are in UTC.")
@click.option("--shortlist", type=click.IntRange(1), help="Of how many the model scores each. Default: 500.")
@click.option("--exhaustive", is_flag=True, help="The model scores all pictures; no shortlist.")
@click.option("--both-orders", is_flag=True, help="Average over probe first and gallery image first: twice the work.")
@click.option("--json", "json_file", type=click.Path(), help="Also write what was found to this file.")
@click.option("--picture", type=click.Path(), help="Also draw what was found: .png, .svg or .pdf, at most 20 a row.")
def search(folder, files, top, json_file, picture, probe_camera, since, until, shortlist, exhaustive, **options):
    """Finds the people on pictures in an index that tfnxc index made.

    First a shortlist is drawn up by pooled features, then the model scores each picture of it with the probe;
    --exhaustive has it score all. A PICTURE that is itself in the index is not found there. Probabilities are the
    model's own; docs/search.md says how much a shortlist misses.

    \b
    tfnxc search index probe.png
    tfnxc search index crops/lift/*.jpg --other-cameras --top 5 --json found.json
    tfnxc search index probe.png --camera hall --camera door --since 2026-03-31T17:00 --picture found.png
    tfnxc search index probe.png --exhaustive --both-orders
    """
    if exhaustive and shortlist is not None:
        raise InputError("--exhaustive scores all pictures, so that --shortlist has nothing to say; leave one out.")
    if picture is not None:
        from tfnxc.search.figure import MOST_ROWS, TOP
        from tfnxc.visualization.save import check_form

        check_form(picture)
        if top > TOP or len(files) > MOST_ROWS:
            raise InputError(f"--picture draws at most {TOP} matches a row and {MOST_ROWS} rows.")

    from tfnxc.files import write_json
    from tfnxc.search import SHORTLIST, Gallery, Picture, parse_time

    options["cameras"] = options["cameras"] or None
    times = {name: text and parse_time(text) for name, text in (("since", since), ("until", until))}
    gallery = Gallery(folder)
    _check_cameras(gallery, [*(options["cameras"] or ()), *options["without_cameras"]])
    probes = [Picture.of_file(file, camera=probe_camera) for file in files]
    count = max(top, SHORTLIST) if shortlist is None else shortlist
    found = gallery.search(probes, top, shortlist=count, exhaustive=exhaustive, **times, **options)
    for file, matches in zip(files, found, strict=True):
        _print(file, matches)
    if json_file is not None:
        about = {"index": folder, "pictures": len(gallery), "shortlist": None if exhaustive else count}
        lists = [
            {"probe": file, "matches": [match.to_dict() for match in matches]}
            for file, matches in zip(files, found, strict=True)
        ]
        write_json(json_file, {**about, "since": since, "until": until, **options, "probes": lists})
    if picture is not None:
        from tfnxc.search.figure import plot_matches
        from tfnxc.visualization.save import save_figure

        save_figure(plot_matches(probes, found), picture)


def _check_cameras(gallery, cameras):
    """A mistyped camera would find nothing, or leave nothing out, without a word."""
    unknown = [camera for camera in cameras if camera not in gallery.cameras]
    if unknown:
        known = ", ".join(str(camera) for camera in gallery.cameras if camera is not None) or "none"
        raise InputError(f"{gallery.folder}: no picture of camera {unknown[0]}; its cameras are: {known}.")


def _print(file, matches):
    from tfnxc.console import console
    from tfnxc.search.match import MATCH_FIELDS
    from tfnxc.search.picture import printable

    console.print(printable(file), markup=False)
    if not matches:
        console.print("  nothing found; the filters leave no picture", markup=False)
        return
    rows = [["rank", *MATCH_FIELDS], *([str(rank), *match.texts()] for rank, match in enumerate(matches, start=1))]
    # Not a table of rich, which would fold long paths; what is known of no picture is left out.
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns[:-1]] + [0]
    for row in zip(*columns, strict=True):
        console.print("  " + "  ".join(map(str.ljust, row, widths)), markup=False)
