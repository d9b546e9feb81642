"""The report as one HTML file that needs nothing else."""

import base64
import hashlib
import importlib.resources
import string
from typing import Any

import matplotlib

from tfnxc.report.configuration import configuration, title_of
from tfnxc.report.markup import Markup, element, joined
from tfnxc.report.measured import at_a_glance, measured
from tfnxc.report.pictures import Pictures, pictures
from tfnxc.report.timing import timing
from tfnxc.report.training import training
from tfnxc.runs import Run
from tfnxc.version import __version__

_DRAWING: Any = {"svg.hashsalt": "tfnxc"}  # or names inside an SVG are random ones


def report_page(run: Run, shown: Pictures | str) -> str:
    """The report on a run as text; `write_report` writes it into a file.

    It holds neither paths nor the time it was made: the same run always gives the same page.

    Args:
        run: A `Run`.
        shown: `Pictures` of some probes; or words in their place: why there are none.

    Returns:
        The text of an HTML file. It loads nothing and runs nothing, and its Content-Security-Policy forbids both.

    Raises:
        InputError: If a file of the run is damaged.

    Example:
        >>> text = report_page(run, "No pictures: this page may be passed on.")
    """
    results = run.results()
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
    return (
        f"Model {run.settings.model}, trained on {len(run.split.train)} people and tested on {len(run.split.test)} "
        f"others. Data set: {title_of(run.settings.dataset)}, split {run.split.name}."
    )
