"""`tfnxc search`."""

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
        from tfnxc.visualization import check_form
        from tfnxc.visualization.rankings import MOST_ROWS, TOP

        check_form(picture)
        if top > TOP or len(files) > MOST_ROWS:
            raise InputError(f"--picture draws at most {TOP} matches a row and {MOST_ROWS} rows.")

    from tfnxc.console import console
    from tfnxc.files import write_json
    from tfnxc.search import SHORTLIST, Gallery, Picture, format_matches, parse_time
    from tfnxc.search.picture import printable

    options["cameras"] = options["cameras"] or None
    times = {name: text and parse_time(text) for name, text in (("since", since), ("until", until))}
    gallery = Gallery(folder)
    probes = [Picture.of_file(file, camera=probe_camera) for file in files]
    found = gallery.search(probes, top, shortlist=shortlist, exhaustive=exhaustive, **times, **options)
    for file, matches in zip(files, found, strict=True):
        console.print(printable(file), markup=False)
        # Not a table of rich, which would fold long paths.
        table = format_matches(matches) if matches else "nothing found; the filters leave no picture"
        for line in table.split("\n"):
            console.print(f"  {line}", markup=False)
    if json_file is not None:
        used = None if exhaustive else shortlist or max(top, SHORTLIST)
        about = {"index": folder, "pictures": len(gallery), "shortlist": used}
        lists = [
            {"probe": file, "matches": [match.to_dict() for match in matches]}
            for file, matches in zip(files, found, strict=True)
        ]
        write_json(json_file, {**about, "since": since, "until": until, **options, "probes": lists})
    if picture is not None:
        from tfnxc.search import plot_matches
        from tfnxc.visualization import save_figure

        save_figure(plot_matches(probes, found), picture)
