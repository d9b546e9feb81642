"""The interface of an experiment: what it trains and measures, at what cost, and the tables of its results."""

import abc
import argparse
import pathlib

from experiments import reporting
from experiments.runner import Log, run_steps
from tfnxc.errors import InputError
from tfnxc.runs import versions


class Experiment(abc.ABC):
    """Trainings and measurements whose figures make one set of tables.

    A subclass says in `trainings` what is trained and measured. Each step knows what it is expected to cost; the runner
    adds that up and says it before it starts, and resumes an experiment that was stopped. The docstring of its module
    is the help.

    Attributes:
        folder: The default of `--to`: the folder of its runs, `steps.json`, `results.json` and `results.md`.
        measures: How the names of its measuring steps begin. Defaults to `"evaluate"`.
    """

    folder: str
    measures = "evaluate"

    @abc.abstractmethod
    def add_options(self, parser):
        """Adds the options of this experiment to a parser of arguments."""

    @abc.abstractmethod
    def trainings(self, options, everything=False):
        """The `Training`s that the options ask for, in order; or all that the folder may hold, to report of."""

    @abc.abstractmethod
    def rows(self, options, measured):
        """What the tables need, as plain types by name, at least `rows`; of the measured `(training, its results)`."""

    @abc.abstractmethod
    def tables(self, results):
        """The tables of such results, as a dict of `Table` by name."""

    def parse(self, words, program="experiments", description=None):
        """The options of a command line."""
        form = argparse.RawDescriptionHelpFormatter
        parser = argparse.ArgumentParser(program, description=description, formatter_class=form)
        self.add_options(parser)
        parser.add_argument("--to", default=self.folder, type=pathlib.Path, help="folder of its runs (%(default)s)")
        parser.add_argument("--report", action="store_true", help="only write the results that are there")
        options = parser.parse_args(words)
        if not options.report and getattr(options, "data", "") is None:
            parser.error("--data: say where CUHK01 lies")
        return options

    def steps(self, options):
        """The `Step`s of all trainings."""
        return [step for training in self.trainings(options) for step in training.steps()]

    def run(self, options):
        """Does what is left to do, unless only a report is wanted, and writes the results.

        Raises:
            InputError: If a step fails, another start works in the folder, or there is no folder to report of.
        """
        if not options.report:
            run_steps(self.steps(options), options.to)
        elif not options.to.is_dir():
            raise InputError(f"{options.to}: no such folder, so nothing to report. Say with --to where the runs are.")
        results = self.results(options)
        reporting.write_results(options.to, results, self.lines(results))

    def results(self, options):
        """What the folder holds, as plain types."""
        log = Log(options.to)
        begun = [each for each in self.trainings(options, everything=True) if each.run()]
        measured = [(each, found) for each in begun if (found := each.results())]
        about = {"trainings": [each.facts(log) for each in begun], "steps": log.taken(), "versions": versions()}
        return {"unit": "per cent", **about, **self.rows(options, measured)}

    def lines(self, results):
        """The results as lines of Markdown."""
        trainings = reporting.training_lines(results["trainings"])
        if not results["rows"]:
            return ["No results with these options yet.", *(["", *trainings] if results["trainings"] else [])]
        tables = [line for table in self.tables(results).values() for line in (*table.lines(), "")]
        steps = reporting.step_lines(results["steps"], self.measures)
        return [*tables, *trainings, "", *steps, "", reporting.version_line(results["versions"])]


def check_alike(folder, trainings, kind, what="by versions that draw groups in different ways"):
    """Raises an `InputError` if the trainings of a folder differ in `kind`, a function of each, and so do not compare.

    `what` says in the message how they were trained; `{}` in it stands for how many kinds there are.
    """
    kinds = {str(kind(each)): each.folder for each in trainings}
    if len(kinds) > 1:
        few = " and ".join(path.name for path in list(kinds.values())[:2])
        raise InputError(
            f"{folder}: {few} were trained {what.format(len(kinds))}, and do not compare. Remove those not wanted, or "
            "take another folder."
        )
