"""The search window, on CUHK01: NormXcorr and the model of Ahmed et al., each with a narrow and a wide one.

    python -m experiments search_windows --data cuhk01/campus --epochs 40

They are the four columns of section 3.1 of the supplement, trained alike on one partition of CUHK01: a search window of
5 x 5, and of 5 rows x the whole width (the supplement's 5x12).
"""

from experiments import reporting
from experiments.experiment import Experiment, Training, add_options, check_alike, words_of
from tfnxc.evaluation import TITLES
from tfnxc.models import BUILDERS

WINDOWS = {
    ("normxcorr", "5x5"): "NormXcorr, 5x5 search",
    ("normxcorr", "5xall"): "NormXcorr",
    ("ahmed", "5x5"): "Ahmed et al.",
    ("ahmed", "5xall"): "Ahmed et al., 5x12 search",
}
"""Models and search windows, as `tfnxc.metrics.published` calls them."""

FIGURES = ("rank 1", "rank 10", "rank 50")
TRAIN, TEST = 485, 486


class SearchWindows(Experiment):
    """One training for each model and window."""

    folder = "runs/ablation"

    def add_options(self, parser):
        """As in `Experiment`."""
        add_options(parser, epochs=40)

    def trainings(self, options, everything=False):
        """As in `Experiment`."""
        found, number = [], f"{options.partition:02d}"
        how = 4 * TRAIN, options.epochs, options.recipe, TEST, options.repeats, options.probes
        for (model, search), method in WINDOWS.items():
            about = {"method": method, "model": model, "search": search}
            what = {"data": options.data, "split": f"cuhk01-486-{number}", "learning_rate": options.learning_rate}
            words = words_of("cuhk01", **what, model=model, search=search)
            folder = options.to / f"cuhk01-{number}-{model}-{search}"
            found.append(Training(f"{number} {model} {search}", folder, about, words, *how))
        return found

    def rows(self, options, measured):
        """A row for each model, window and protocol that has a result."""
        rows, trainings = [], [training for training, _ in measured]
        check_alike(options.to, trainings, lambda each: each.run().settings.recipe, "with {} recipes")
        check_alike(options.to, trainings, lambda each: each.run().drawing)
        for training, results in measured:
            search = training.run().settings.search_size
            parameters = BUILDERS[training.about["model"]](search_size=search).count_params()
            for result in results.values():
                figures = {name: each["mean"] for name, each in reporting.figures_of([result], FIGURES).items()}
                about = {**training.about, "parameters": parameters, **reporting.measured_of([result])}
                rows.append({**about, "figures": figures})
        data = f"CUHK01, partition {options.partition}, {TRAIN} training and {TEST} test identities"
        return {"data": data, "rows": rows, "published": reporting.published_of(WINDOWS.values())}

    def tables(self, results):
        """One table, each window with what was published of it."""
        minutes = {(each["model"], tuple(each["search_size"])): each["minutes"] for each in results["trainings"]}
        rows = []
        for published, (model, search) in zip(results["published"], WINDOWS, strict=True):
            taken = minutes.get((model, (5, 5 if search == "5x5" else None)))
            for row in (row for row in results["rows"] if (row["model"], row["search"]) == (model, search)):
                cells = [f"{row['figures'][name]:.2f}" for name in FIGURES]
                last = f"{row['parameters']:,}", f"{taken:.1f}", row["draws"], row["probes"][0]
                rows.append((TITLES[model], search, row["protocol"], *cells, *last))
            cells = reporting.published_cells(published, FIGURES)
            rows.append((f"{TITLES[model]}, published", search, published["protocol"] or "?", *cells, *[""] * 4))
        head = ("model", "search", "protocol", *FIGURES, "parameters", "minutes", "draws", "probes")
        return {"windows": reporting.Table(head, rows, f"{results['data']}, in per cent.")}


EXPERIMENT = SearchWindows()
