"""`tfnxc search`."""

import click

from tfnxc.cli._printing import STANDARD_OUTPUT, give_json, json_file_option
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
@click.option(
    "--until", help="Only pictures of this time or earlier, or of this day. Without a zone, times are in UTC."
)
@click.option(
    "--scorer",
    type=click.Choice(["both", "embedding", "head"]),
    default="both",
    show_default=True,
    help="What orders pictures: pair head and embedding together, or one alone.",
)
@click.option("--shortlist", type=click.IntRange(1), help="How many the pair head compares with each. Default: 250.")
@click.option("--exhaustive", is_flag=True, help="The pair head compares all pictures; no shortlist.")
@click.option("--both-orders", is_flag=True, help="Average over probe first and gallery image first: twice the work.")
@click.option(
    "--false-matches",
    type=float,
    metavar="N",
    help="Only confident matches: N false ones are expected of 1,000 pictures of strangers. Needs tfnxc calibrate.",
)
@json_file_option("what was found")
@click.option("--picture", type=click.Path(), help="Also draw what was found: .png, .svg or .pdf, at most 20 a row.")
def search(folder, files, top, json_file, picture, probe_camera, **options):
    """Finds the people on pictures in an index that tfnxc index made.

    The vectors of the embedding give a shortlist, the pair head compares each picture of it with the probe, and the
    two together order it. A PICTURE that is itself in the index is not found there. Probabilities are calibrated as if
    every second picture showed the person; docs/search.md says how much a shortlist misses. --false-matches leaves
    confident matches only, which may be none: docs/thresholds.md says what that means.

    \b
    tfnxc search index probe.png
    tfnxc search index crops/lift/*.jpg --other-cameras --top 5 --json found.json
    tfnxc search index probe.png --camera hall --camera door --since 2026-03-31T17:00 --picture found.png
    tfnxc search index probe.png --scorer embedding
    tfnxc search index probe.png --exhaustive --both-orders
    tfnxc search index probe.png --false-matches 1
    """
    if options["exhaustive"] and options["shortlist"] is not None:
        raise InputError("--exhaustive compares all pictures, so that --shortlist has nothing to say; leave one out.")
    if probe_camera is not None and not options["other_cameras"]:
        raise InputError("--probe-camera is about --other-cameras, without which it has no effect.")
    if picture is not None:
        from tfnxc.visualization import check_form
        from tfnxc.visualization.rankings import MOST_ROWS, TOP

        check_form(picture)
        if top > TOP or len(files) > MOST_ROWS:
            raise InputError(f"--picture draws at most {TOP} matches a row and {MOST_ROWS} rows.")

    from tfnxc.console import console, readable
    from tfnxc.search import Gallery, Picture, format_matches

    options["cameras"] = options["cameras"] or None
    gallery = Gallery(folder)
    if probe_camera is not None:
        gallery.check_camera(probe_camera)
    probes = [Picture.of_file(file, camera=probe_camera) for file in files]

    def say(line):
        console.print(f"Left out: {readable(line, in_line=True)}")

    found = gallery.search(probes, top, left_out=say, **options)
    if options["scorer"] == "both":
        console.print(f"Scored by {gallery.combination.describe()}", soft_wrap=True)
    filtered = any(options[name] for name in ("cameras", "without_cameras", "other_cameras", "since", "until"))
    reason = "the filters leave no picture" if filtered else "the index has no other picture"
    nothing = f"nothing found; {reason if len(gallery) else 'the index is empty'}"
    if options["false_matches"] is not None:
        threshold = gallery.threshold(options["false_matches"], options["scorer"])
        nothing = "no confident match" if len(gallery) else nothing
        console.print(f"Confident: {describe(threshold, len(gallery))}", soft_wrap=True)
    for file, matches in zip(files, found, strict=True) if json_file != STANDARD_OUTPUT else ():
        console.print(readable(file, in_line=True))
        table = format_matches(matches, console.width - 2) if matches else nothing
        for line in table.split("\n"):
            console.print(f"  {line}")
    if json_file is not None:
        give_json(gallery.describe_search(probes, found, top, **options), json_file)
    if picture is not None:
        from tfnxc.search import plot_matches
        from tfnxc.visualization import save_figure

        save_figure(plot_matches(probes, found), picture)


def describe(threshold, pictures):
    """A threshold in a gallery of so many pictures, in a line."""
    low, high = threshold.interval
    here = threshold.false_matches * pictures / 1000
    return (
        f"a score of {threshold.score:.4f} or more. False matches expected of 1,000 pictures of strangers: "
        f"{threshold.false_matches:g} ({low:.3g} to {high:.3g}), of the {pictures} here: {here:.2g}. True matches "
        f"found: {100 * threshold.found:.0f} %."
    )
