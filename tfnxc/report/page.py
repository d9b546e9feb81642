"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import string

import matplotlib

from tfnxc.report.configuration import configuration, title_of
from tfnxc.report.markup import Markup, element, joined
from tfnxc.report.measured import at_a_glance, measured
from tfnxc.report.pictures import pictures
from tfnxc.report.results import read_results
from tfnxc.report.timing import timing
from tfnxc.report.training import training
from tfnxc.version import __version__

_DRAWING = {"svg.hashsalt": "tfnxc"}  # or names inside an SVG are random ones


def report_page(run, shown):
    """The report on a run.

    It holds neither paths nor the time it was made: the same run always gives the same page.

    Args:
        run: A `tfnxc.training.Run`.
        shown: `tfnxc.report.Pictures` of some probes; or words in their place: why there are none.

    Returns:
        The text of an HTML file. It loads nothing and runs nothing, and its Content-Security-Policy forbids both.

    Raises:
        InputError: If a file of the run is damaged.

    Example:
        >>> text = report_page(Run.open("runs/mine"), "No pictures: this page may be passed on.")
    """
    results = read_results(run)
    with matplotlib.rc_context(_DRAWING):
        sections = [
            measured(run, results),
            training(run),
            *pictures(shown),
            configuration(run),
            timing(run, results),
        ]
    name, files = run.folder.resolve().name, importlib.resources.files(__package__)
    style = files.joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    contents = [element("li", element("a", each.heading, href=f"#{each.name}")) for each in sections]
    template = string.Template(files.joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        policy=Markup(
            f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        ),
        style=style,
        title=element("title", f"{name}: report on a run of tfnxc"),
        name=element("h1", name),
        about=element("p", _about(run)),
        glance=at_a_glance(run, results),
        contents=element("ul", *contents),
        sections=joined(each.markup() for each in sections),
        version=joined([__version__]),
    )


def _about(run):
    split = run.record["split"]
    return (
        f"Model {run.settings['model']}, trained on {len(split['train'])} people and tested on "
        f"{len(split['test'])} others. Data set: {title_of(run.settings['dataset'])}, split {split.get('name', '')}."
    )
