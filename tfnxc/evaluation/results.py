"""Results that print as tables, are put together over splits, and save themselves."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult

from tfnxc.datasets import CATALOGUE
from tfnxc.errors import InputError
from tfnxc.evaluation.saved_scores import SavedScores
from tfnxc.evaluation.summaries import Measured, SplitGroup, cmc_tables, grouped, write_plot
from tfnxc.metrics import TITLES
from tfnxc.runs import Result
from tfnxc.tables import as_text

if TYPE_CHECKING:
    from tfnxc.evaluation.tested import Tested
    from tfnxc.visualization import CMCPanel


class Results(Sequence[Result]):
    """The results of `evaluate`, one for each split and protocol; or results that were read from files.

    Printed, they are tables with published figures beside, in per cent. Results of one scorer on several splits of a
    family are put together: mean, standard deviation and 95 % interval over the splits.

    Args:
        results: `Result`s, such as of `Run.results()`.

    Example:
        >>> results = tfnxc.evaluation.evaluate("colour-histogram", people, repeats=2)
        >>> len(results), results[1].protocol, f"{100 * results[0].rank(1):.2f}"
        (2, 'paper', '37.50')
        >>> print(results)
        synthetic, all, 6 test identities, cross-camera, in per cent
        ...
    """

    def __init__(self, results: Iterable[Result | Measured] = ()):
        # The name of a result that was read from a file begins with that of its scorer.
        self._measured = tuple(
            each if isinstance(each, Measured) else Measured(each, each.name.partition(f"-{each.protocol}-")[0])
            for each in results
        )
        self._results = tuple(each.result for each in self._measured)

    @classmethod
    def join(cls, several: Iterable[Results]) -> Results:
        """Several `Results` as one, so that those of one scorer on several splits are put together.

        Raises `InputError` if two of what was measured have the same name.
        """
        several = tuple(several)
        names = collections.Counter((each.name, each.result.name) for results in several for each in results._measured)
        for (name, _), count in names.items():
            if count > 1:
                raise InputError(f"two of what is to be measured are called {name}; measure them one by one.")
        return cls(each for results in several for each in results._measured)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Results: ...
    def __getitem__(self, index):
        return Results(self._measured[index]) if isinstance(index, slice) else self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return f"Results({', '.join(each.name for each in self)})"

    def __str__(self) -> str:
        return as_text(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from cmc_tables(self.groups)

    @property
    def groups(self) -> list[SplitGroup]:
        """Each scorer under each protocol, on one split or several of a family."""
        return grouped(self._measured)

    @property
    def summaries(self) -> list[SplitGroup]:
        """Those of `groups` that are over several splits."""
        return [group for group in self.groups if len(group.members) > 1]

    @property
    def tested(self) -> list[Tested]:
        """Who was tested, each split once: to measure something else on the same people."""
        known = {(each.result.dataset, each.result.split_digest): each.tested for each in self._measured if each.tested}
        return list(known.values())

    def to_dict(self) -> dict[str, Any]:
        """All that the tables show and more, in plain types for JSON, in per cent.

        `results` has what each result's file holds, with its `name`; `summaries` what each summary's file holds;
        `published` the figures published on the same sets of test people.

        Example:
            >>> results = tfnxc.evaluation.evaluate("colour-histogram", people, repeats=2)
            >>> record = results.to_dict()
            >>> [f"{each['protocol']} {each['ranks']['1']['mean']:.2f}" for each in record["results"]]
            ['cross-camera 37.50', 'paper 30.56']
            >>> record["summaries"], record["published"]  # of several splits, of a published split
            ([], [])
        """
        published = [each for group in self.groups for each in group.published]
        return {
            "results": [{"name": each.name, **each.to_dict()} for each in self],
            "summaries": [each.to_dict() for each in self.summaries],
            "published": [dataclasses.asdict(each) for n, each in enumerate(published) if each not in published[:n]],
        }

    def save(self, folder: str | os.PathLike = "results") -> list[pathlib.Path]:
        """Writes each result and each summary over several splits as JSON, CSV and PNG; gives the JSON files.

        Args:
            folder: Where they go; but those of a run go into the folder `results` of the run. Defaults to `"results"`.
        """
        return self.save_results(folder) + self.save_summaries(folder)

    def save_results(self, folder: str | os.PathLike = "results") -> list[pathlib.Path]:
        """`save` without the summaries."""
        paths = []
        for each in self._measured:
            result = each.result
            paths.append(result.save(folder if each.folder is None else each.folder / "results"))
            write_plot(paths[-1], result.label, result, f"{result.dataset}, {result.split}")
        return paths

    def save_summaries(self, folder: str | os.PathLike = "results") -> list[pathlib.Path]:
        """`save` without the single results."""
        return [group.save(folder) for group in self.summaries]

    @property
    def saved_scores(self) -> dict[str, SavedScores]:
        """All that was scored, by name, to be measured again under another protocol without the model.

        Raises `InputError` where scores are of shortlists, which depend on the gallery.

        Example:
            >>> results = tfnxc.evaluation.evaluate("colour-histogram", people)
            >>> again = tfnxc.evaluation.evaluate(results.saved_scores["colour-histogram-synthetic-all"])
            >>> again[0].rank(1) == results[0].rank(1)
            True
        """
        for each in self._measured:
            if each.tested is not None and each.result.shortlist is not None:
                raise InputError(
                    f"the scores of {each.name} are of the shortlists that were drawn inside its galleries, and serve "
                    "no other: save those of a measurement without --shortlist (shortlist= in Python)."
                )
        return {each.name: _scores(each) for each in self._measured if each.read is not None}

    def save_scores(self, folder: str | os.PathLike) -> list[pathlib.Path]:
        """Writes `saved_scores` as `.npz` files, which `evaluate` takes, into a folder; gives their paths."""
        scores = {pathlib.Path(folder) / f"{name}.npz": each for name, each in self.saved_scores.items()}
        for path, each in scores.items():
            each.save(path)
        return list(scores)

    def panels(self, published: bool = True) -> list[CMCPanel]:
        """What `plot_cmc_panels` draws: a panel for each set of people and protocol, with published figures or not."""
        from tfnxc.visualization import CMCPanel

        panels: dict[tuple, list[SplitGroup]] = collections.defaultdict(list)
        for group in self.groups:
            panels[group.dataset, group.family, group.identities, group.first.protocol].append(group)
        found = []
        for (dataset, family, identities, _), groups in panels.items():
            title = CATALOGUE[dataset].title if dataset in CATALOGUE else dataset
            title += f", {family}" if identities is None else f", {identities} test identities"
            curves = {printed(group.label): group.summary.curves() for group in groups}
            found.append(CMCPanel(title, curves, groups[0].published if published else ()))
        return found


def printed(label: str) -> str:
    """A label with the name of the model as it is printed, such as `"NormXcorr, initial"`."""
    model, comma, rest = label.partition(",")
    return TITLES.get(model, model) + comma + rest


def _scores(measured):
    people, known = measured.tested.part, measured.result.to_dict()
    everyone = np.arange(len(people))
    kept = ("state", "model_digest", "epochs_done", "settings", "baseline", "fitted_identities", "dataset", "split")
    kept += ("split_digest", "views", "scorer", "embedding", "combination")
    about = {name: known[name] for name in ("label", *kept, "data", "versions") if name in known}
    names = [pathlib.PurePath(path).name for path in people.paths]
    scores = measured.read(everyone, everyone)
    return SavedScores(scores, people.identities, people.cameras, people.probes, names, about)
