"""Results of the same scorer on the splits of a family, put together."""

from __future__ import annotations

import collections
import dataclasses
import json
import re

from tfnxc.evaluation import Summary


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """One scorer under one protocol, on one split or several of a family.

    Args:
        dataset: Name of the data set.
        family: Name of the splits, without their numbers.
        people: How many test identities; `None` where they are not those of a published split: only a part of them
            was on disk, or they were held back from training.
        label: What the scorer is called; with the name of the first member where others share it.
        members: `(name, Measured)` of each split.
    """

    dataset: str
    family: str
    people: int | None
    label: str
    members: tuple

    @property
    def summary(self):
        """The `Summary` over the splits, or over the draws of the one."""
        return Summary.of(each.result for _, each in self.members)


def grouped(found):
    """The `Group`s of what was measured: `(name, data set, list of Measured)` of each subject.

    What is put together is one scorer on different splits: runs that differ in their settings are not, nor are two on
    the same split.
    """
    groups, seen = collections.defaultdict(list), collections.Counter()
    for name, dataset, measured in found:
        for each in measured:
            about = each.subject.about
            family = re.sub(r"-\d+(-partial)?$", r"\1", about["split"])
            other = re.search(r"-partial$|-held-back-\d+$", about["split"])
            people = None if other else len(each.subject.people.people)
            settings = {key: value for key, value in about.get("settings", {}).items() if key != "seed"}
            scorer = json.dumps([settings, *(about.get(key) for key in ("state", "looks"))], sort_keys=True)
            key = dataset, family, people, each.result.protocol, each.subject.label
            groups[*key, scorer, seen[*key, scorer, about["split_digest"]]].append((name, each))
            seen[*key, scorer, about["split_digest"]] += 1
    alike = collections.Counter(key[:5] for key in groups)
    return [
        Group(*key[:3], f"{key[4]}, {members[0][0]}" if alike[key[:5]] > 1 else key[4], tuple(members))
        for key, members in groups.items()
    ]
