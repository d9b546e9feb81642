"""Results of the same scorer on several splits of a family, put together."""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from tfnxc.datasets import families
from tfnxc.files import replacing, write_json
from tfnxc.metrics import Published, Summary, published_figures
from tfnxc.runs import Result, versions
from tfnxc.runs.result import write_curve

if TYPE_CHECKING:
    from tfnxc.evaluation.tested import Tested
    from tfnxc.metrics.summary import CurveLike


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """A result and where it comes from.

    Args:
        result: The `Result`.
        name: A name that tells its scorer and split from others.
        tested: Who was tested. Defaults to `None`: the result was read from a file.
        folder: The run folder. Defaults to `None`: it is not of a run, or unknown.
        read: `(rows, columns) -> scores` of the pictures of the test part. Defaults to `None`: they are not there.
    """

    result: Result
    name: str
    tested: Tested | None = None
    folder: pathlib.Path | None = None
    read: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class SplitGroup:
    """One scorer under one protocol, on one split or several of a family.

    Args:
        dataset: Name of the data set.
        family: Name of the splits, without their numbers.
        identities: How many identities each tests; `None` where they are not those of a whole split: only a part of
            them was there, or they were held back from training.
        label: What the scorer is called; with the name of the first member where others share it.
        members: The `Measured` of each split.
    """

    dataset: str
    family: str
    identities: int | None
    label: str
    members: tuple[Measured, ...]

    @functools.cached_property
    def summary(self) -> Summary:
        """The `Summary` over the splits, or over the draws of the one."""
        return Summary.of(member.result for member in self.members)

    @property
    def pairs_per_second(self) -> float | None:
        """How fast its pairs were scored; `None` where none were."""
        rates = [each.result.pairs_per_second for each in self.members if each.result.pairs_per_second]
        return sum(rates) / len(rates) if rates else None

    @property
    def published(self) -> list[Published]:
        """What was published on this data set with as many test identities."""
        return published_figures(self.dataset, self.identities or 0)

    def save(self, folder: str | os.PathLike) -> pathlib.Path:
        """Writes the summary as JSON, CSV and PNG into a folder; gives the path of the JSON file."""
        first, summary = self.members[0].result, self.summary
        members = [{"name": each.name, **_identifying(each.result)} for each in self.members]
        probes = [each.result.probes for each in self.members]
        draws = {"repeats": first.repeats, "seed": first.seed, "probes": probes}
        # The digest names views by another key, so that names of files stay what they are.
        keyed = [{"looks" if key == "views" else key: each[key] for key in each} for each in members]
        digest = hashlib.sha256(json.dumps([keyed, draws], sort_keys=True).encode()).hexdigest()[:8]
        label = re.sub(r"[^A-Za-z0-9]+", "-", first.label).strip("-").lower()
        scorer = f"{label}-{self.dataset}-{self.family}-{len(members)}splits"
        path = pathlib.Path(folder) / f"summary-{scorer}-{first.protocol}-{first.ties}-{digest}.json"
        about = {"label": first.label, "dataset": self.dataset, "members": members, **draws}
        about |= {"pairs_per_second": self.pairs_per_second, "versions": versions()}
        write_json(path, {**summary.to_dict(), **about})
        curves = summary.curves()
        write_curve(path.with_suffix(".csv"), curves.protocol, curves.mean, curves.deviation)
        write_plot(path, first.label, curves, f"{self.dataset}, {self.family}, {len(members)} splits")
        return path


def write_plot(path: pathlib.Path, label: str, curves: CurveLike, title: str) -> None:
    """Draws a curve into a PNG file beside the JSON file `path`."""
    from tfnxc.visualization import plot_cmc

    with replacing(path.with_suffix(".png")) as new:
        plot_cmc({label: curves}, title).savefig(new, dpi=150)


def grouped(measured: Iterable[Measured]) -> list[SplitGroup]:
    """Puts together what is one scorer on different splits of a family.

    Runs that differ in their settings, but for the seed, are different scorers. A scorer that was measured twice on one
    split is in two groups.
    """
    groups: dict[tuple, list[Measured]] = collections.defaultdict(list)
    seen: collections.Counter = collections.Counter()
    for each in measured:
        result = each.result
        family = re.sub(r"-\d+(-partial)?$", r"\1", result.split)
        settings = None if result.settings is None else dataclasses.replace(result.settings, seed=0)
        key = (result.dataset, family, test_identities(result), result.protocol, result.label)
        scorer = (*key, settings, result.state, result.views)
        groups[*scorer, seen[*scorer, result.split_digest]].append(each)
        seen[*scorer, result.split_digest] += 1
    shared = collections.Counter(key[:5] for key in groups)
    found = []
    for (dataset, family, identities, protocol, label, *_), members in groups.items():
        several = shared[dataset, family, identities, protocol, label] > 1
        shown = f"{label}, {members[0].name}" if several else label
        found.append(SplitGroup(dataset, family, identities, shown, tuple(members)))
    return found


def test_identities(result: Result) -> int | None:
    """How many identities the split of a result tests; `None` where it tests a part of them or nobody knows."""
    if re.search(r"-partial$|-held-back-\d+$", result.split):
        return None
    if "test_identities" in result.extra:
        return result.extra["test_identities"]
    if match := re.fullmatch(r"random-(\d+)-\d+", result.split):
        return int(match[1])
    counts = [len(family.tests[0]) for family in families().values() if result.split in family.names]
    return next(iter(counts), None)


def _identifying(result: Result):
    """What tells the member of a summary from others, in plain types."""
    names = ("split", "split_digest", "model_digest", "views", "state", "baseline")
    known = result.to_dict()
    return {name: known[name] for name in names if name in known}
