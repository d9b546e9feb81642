"""The report as one HTML file that needs nothing else."""

import base64
import hashlib
import importlib.resources
import os
import pathlib
import string

import matplotlib
from rich.console import Console

from tfnxc.console import plain
from tfnxc.datasets import CATALOGUE
from tfnxc.errors import InputError
from tfnxc.evaluation import ProbeChoice
from tfnxc.files import write_text
from tfnxc.report.configuration import configuration, timing, title_of
from tfnxc.report.markup import Markup, element, joined
from tfnxc.report.measured import at_a_glance, measured
from tfnxc.report.pictures import Pictures, pictures
from tfnxc.report.training import training
from tfnxc.runs import Run
from tfnxc.version import __version__


def report_page(run: Run, shown: Pictures | str) -> str:
    """The report on a run as text; `write_report` writes it into a file.

    It holds neither paths nor the time it was made: the same run always gives the same page.

    Args:
        run: A `Run`.
        shown: `Pictures` of some probes, or a text that says why there are none.

    Returns:
        The text of an HTML file. It loads nothing and runs nothing, and its Content-Security-Policy forbids both.

    Raises:
        InputError: If a file of the run is damaged.

    Example:
        >>> text = report_page(run, "No pictures: this page may be passed on.")
    """
    results = run.results()
    with matplotlib.rc_context({"svg.hashsalt": "tfnxc"}):  # or names inside an SVG are random
        sections = [measured(run, results), training(run), *pictures(shown), configuration(run), timing(run, results)]
    name, files = run.folder.resolve().name, importlib.resources.files(__package__)
    style = files.joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    settings, split = run.settings, run.split
    about = (
        f"Model {settings.model}, trained on {len(split.train)} people and tested on {len(split.test)} others. "
        f"Data set: {title_of(settings.dataset)}, split {split.name}."
    )
    contents = [element("li", element("a", each.heading, href=f"#{each.name}")) for each in sections]
    template = string.Template(files.joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        policy=Markup(
            f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        ),
        style=style,
        title=element("title", f"{name}: report on a run of tfnxc"),
        name=element("h1", name),
        about=element("p", about),
        glance=at_a_glance(run, results),
        contents=element("ul", *contents),
        sections=joined(each.markup() for each in sections),
        version=joined([__version__]),
    )


def write_report(
    run: Run | str | os.PathLike,
    path: str | os.PathLike | None = None,
    *,
    data: str | os.PathLike | None = None,
    pictures: bool = True,
    probes: int = 3,
    seed: int = 0,
    console: Console | None = None,
) -> pathlib.Path:
    """Writes the report on a run as one HTML file: results, training, settings, and pictures of a few probes.

    Of what the run lacks, the report says how to get it. Nothing is trained. For the pictures the galleries of the
    probes are ranked, and the scores kept in the run.

    Args:
        run: A `Run` or its folder.
        path: The file. Defaults to `None`: `report.html` in the run's folder.
        data: Folder or file of the data set. Defaults to `None`: where the run was trained from.
        pictures: Whether pictures of people are in it. Defaults to `True`.
        probes: How many probes are pictured. Defaults to 3.
        seed: Draws the probes and the gallery. Defaults to 0.
        console: A rich `Console` for progress, and why there are no pictures. Defaults to `None`: nothing is shown.

    Returns:
        The path of the file.

    Raises:
        InputError: If there is no such run, the name does not end in `.html`, or a file of the run is damaged.

    Example:
        >>> write_report("runs/mine", "mine.html", pictures=False)
        PosixPath('mine.html')
    """
    folder = run.folder if isinstance(run, Run) else run
    path = pathlib.Path(folder, "report.html") if path is None else pathlib.Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path}: the report is an HTML file; give a name that ends in .html.")
    run = run if isinstance(run, Run) else Run.open(run)
    if pictures:
        shown = _pictures(run, None if data is None else os.fspath(data), probes, seed, console)
    else:
        shown = "Left out, as asked for by --no-pictures: this page holds no picture of a person."
    write_text(path, report_page(run, shown))
    if pictures and isinstance(shown, str) and console is not None:
        console.print(plain(f"Without pictures of people. {shown}"))
    return path


def _pictures(run, data, probes, seed, console):
    """The `Pictures` of some probes of a run, or why there are none."""
    dataset, place = run.settings.dataset, data or run.data
    if not run.model_path().exists():
        return "The run has no model yet. Give the tfnxc train command that began it again: it goes on."
    if dataset not in CATALOGUE:
        return f"The pictures of {dataset} are not at hand: tfnxc reads no data set of that name."
    if data is None and CATALOGUE[dataset].needs_path and (place is None or not pathlib.Path(place).exists()):
        title = CATALOGUE[dataset].title
        return f"The pictures of {title} are not at hand. Say where they are: tfnxc report RUN --data FOLDER."
    # It imports TensorFlow, which a report without pictures does not need.
    from tfnxc.embedding import embedding_path
    from tfnxc.evaluation import rank_probes

    how = {"choice": ProbeChoice(count=probes, seed=seed), "data": data, "console": console}
    found = None
    if embedding_path(run.folder).exists():
        try:
            found = rank_probes(run, scorer=("head", "both"), **how)
        except InputError as error:  # its people may be those of the test, or its weights others
            if console is not None:
                console.print(plain(f"Rankings by the head alone. {error}"))
    if found is None:
        found = rank_probes(run, **how)
    return Pictures(found.probes(), found.maps(), [each for of in found.correlations() for each in of.values()])
