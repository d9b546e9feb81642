"""CUHK01: pair head, embedding and both, of the runs that `reproduce_cuhk01` trains.

    python -m experiments scorers --data cuhk01/campus --cuhk03 cuhk-03.mat

The folder and the trainings are those of `reproduce_cuhk01`, and so are the scores of the pair head: what is there is
not computed again. Each run is measured by its pair head, by its embedding, and by both together; under `paper` also by
both with what a common camera is worth. Both orders of a pair are averaged, as probabilities for the head alone, as
log-odds for both. The embedding is fitted on the training people of the partition. The weights of head and embedding
are the prior of the package, which comes from a run with people held back: docs/embedding.md. `--add` puts the results
of several machines together, as there.
"""

import dataclasses

from experiments import reporting
from experiments.experiment import PROTOCOLS, Training
from experiments.reproduce_cuhk01 import FIGURES, ReproduceCUHK01
from tfnxc.evaluation import TITLES

SCORERS = {"head": "pair head", "embedding": "embedding", "both": "both", "both-camera": "both, and the camera"}


class ScorerTraining(Training):
    """A training whose run is measured by each scorer."""

    def steps(self):
        """A `tfnxc train`, a `tfnxc evaluate` by three scorers under both protocols, and one by the fourth."""
        steps = super().steps()
        if len(steps) == 1:
            return steps
        train, measure = steps
        words = [word for scorer in list(SCORERS)[:3] for word in ("--scorer", scorer)]
        measure = dataclasses.replace(measure, name=f"scorers {self.name}", arguments=(*measure.arguments, *words))
        own = [word for word in measure.arguments if word not in (*words, "--protocol", *PROTOCOLS)]
        camera = (*own, "--protocol", "paper", "--scorer", "both-camera")
        about = {"name": f"camera {self.name}", "arguments": camera, "after": (measure.name,), "minutes": 1.0}
        return [train, measure, dataclasses.replace(measure, **about)]


class Scorers(ReproduceCUHK01):
    """The runs of `reproduce_cuhk01`, measured by each scorer."""

    training = ScorerTraining
    measures = "scorers"
    files = "scorers"

    def measured(self, training):
        """As in `ReproduceCUHK01`, by every scorer."""
        return [(each, {"scorer": each.scorer}) for each in training.measured() if each.shortlist is None]

    def compare(self, results):
        """Nothing: nobody published figures of other scorers."""

    def place(self, row):
        """As in `ReproduceCUHK01`, the scorers after the protocols."""
        return [*super().place(row), list(SCORERS).index(row["scorer"])]

    def tables(self, results):
        """A table for each number of test identities that there is."""
        tables = {}
        for test in sorted({row["test_identities"] for row in results["rows"]}, reverse=True):
            rows = []
            for row in (row for row in results["rows"] if row["test_identities"] == test):
                cells = [reporting.cell(row["figures"][name]) for name in FIGURES]
                about = TITLES[row["model"]], row["protocol"], SCORERS[row["scorer"]]
                rows.append((*about, *cells, len(row["partitions"]), row["draws"], max(row["probes"])))
            caption = f"CUHK01, {test} test identities, in per cent; mean ± standard deviation over partitions."
            head = ("model", "protocol", "scorer", *FIGURES, "partitions", "draws", "probes")
            tables[str(test)] = reporting.Table(head, rows, caption)
        return tables


EXPERIMENT = Scorers()
