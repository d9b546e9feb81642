"""A metric loss on the towers beside the loss of the pairs: trainings with it and without, on held-back people.

    python -m experiments metric_loss --data cuhk01/campus --cuhk03 cuhk-03.mat

The folder and the options are like those of `recipe_parts`: nobody looks at a test identity. Each run is measured by
its pair head, by its embedding, and by both. Shrinkage, dimensions and the weights of both are chosen on the people
that are measured, in each run alike.
"""

from experiments import reporting
from experiments.experiment import PROTOCOLS
from experiments.recipe_parts import DRAWS, RECIPE, RecipeParts, changes_cell
from experiments.scorers import SCORERS, ScorerTraining

FIGURES = ("rank 1", "rank 10", "mAP")
PARTS = {
    RECIPE: (),
    "metric-loss-0.3": ("--metric-loss", 0.3),
    "metric-loss-1": ("--metric-loss", 1),
    "metric-loss-3": ("--metric-loss", 3),
}
"""The options that change a part, by the name of the run."""


class MetricLoss(RecipeParts):
    """A training for each weight and seed, measured by each scorer."""

    folder = "runs/metric-loss"
    training = ScorerTraining
    measures = "scorers"
    parts = PARTS

    def rows(self, options, measured):
        """A row for each weight, protocol and scorer, over the seeds that have one."""
        found = {}
        for training, _ in measured:
            for result in training.measured():
                key = training.about["part"], result.protocol, result.scorer
                found.setdefault(key, {})[training.about["seed"]] = result
        rows = []
        for part, words in PARTS.items():
            for protocol in PROTOCOLS:
                for scorer in SCORERS:
                    results = found.get((part, protocol, scorer), {})
                    if results:
                        figures = reporting.figures_of([results[seed] for seed in sorted(results)], FIGURES)
                        changes = " ".join(map(str, words)) or "the recipe as it is"
                        row = {"part": part, "changes": changes, "protocol": protocol, "scorer": scorer}
                        rows.append({**row, "seeds": sorted(results), "draws": DRAWS, "figures": figures})
        return {"data": "held-back training identities of CUHK01", "rows": rows}

    def tables(self, results):
        """A table."""
        rows = []
        for row in results["rows"]:
            cells = [reporting.cell(row["figures"][name]) for name in FIGURES]
            rows.append((changes_cell(row), row["protocol"], SCORERS[row["scorer"]], *cells, len(row["seeds"])))
        caption = f"{results['data']}, all probes, {DRAWS} draws, both orders, in per cent."
        return {"all": reporting.Table(("changed", "protocol", "scorer", *FIGURES, "seeds"), rows, caption)}


EXPERIMENT = MetricLoss()
