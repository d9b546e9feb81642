"""The command `tfnxc`, one command a file."""

import os

import click

from tfnxc.version import __version__

# TensorFlow's start-up chatter says nothing to a user; an explicit setting of theirs wins.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow takes oneDNN's convolutions by itself only where a CPU has instructions for neural networks. With AVX2
# alone they are faster too (docs/training.md has the figures). TensorFlow reads this when it is imported, so before.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from tfnxc.cli._building import builds_op
from tfnxc.cli._one_line import errors_in_one_line
from tfnxc.cli._quiet import keep_notices_back
from tfnxc.cli.audit import audit
from tfnxc.cli.build_ops import build_ops
from tfnxc.cli.calibrate import calibrate
from tfnxc.cli.datasets import datasets
from tfnxc.cli.demo import demo
from tfnxc.cli.embed import embed
from tfnxc.cli.erase import erase
from tfnxc.cli.evaluate import evaluate
from tfnxc.cli.export import export
from tfnxc.cli.index import index
from tfnxc.cli.info import info
from tfnxc.cli.plot import plot
from tfnxc.cli.report import report
from tfnxc.cli.search import search
from tfnxc.cli.serve import serve
from tfnxc.cli.serve_ui import serve_ui
from tfnxc.cli.splits import splits
from tfnxc.cli.train import train
from tfnxc.console import never_refuse


class _OneLineErrors(click.Group):
    """Prints what a user's input causes as one line, and exits with 1."""

    def make_context(self, *args, **kwargs):
        with errors_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, context):
        never_refuse()
        keep_notices_back()
        with errors_in_one_line():
            return super().invoke(context)


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main():
    """Person re-identification by inexact matching.

    \b
    tfnxc demo                      the whole job on drawn people, in minutes
    tfnxc train cuhk01 ...          train a model on CUHK01 into a run folder
    tfnxc embed fit RUN             fit its embedding anew, also on other people
    tfnxc evaluate RUN              measure the run by CMC
    tfnxc calibrate RUN             thresholds for a stated number of false matches
    tfnxc plot ranking RUN          what it ranks first; also cmc, maps, correlation
    tfnxc report RUN                all of it as one HTML page
    tfnxc export RUN --name NAME    write a SavedModel for TensorFlow Serving
    tfnxc index RUN PICTURES ...    keep pictures to be searched
    tfnxc search INDEX PICTURE      where else a person was seen
    tfnxc audit INDEX               who asked for whom
    tfnxc erase INDEX ...           leave nothing of a picture or a person
    tfnxc serve-ui                  the same on a page in the browser
    tfnxc serve INDEX               the same over HTTP
    tfnxc datasets                  what can be trained on; check it, prepare it
    tfnxc splits                    who trains and who tests, as published
    tfnxc build-ops                 compile the correlation: several times faster

    Each command explains itself: tfnxc COMMAND --help.
    """


for _each in (
    demo,
    train,
    embed,
    evaluate,
    calibrate,
    plot,
    report,
    export,
    index,
    search,
    audit,
    erase,
    serve_ui,
    serve,
    datasets,
    splits,
    build_ops,
    info,
):
    main.add_command(_each)

# What computes pairs, and begins with pictures to read, waits for the op; a search does without if need be.
for _each in (demo, train, embed, evaluate, calibrate, plot, report, index):
    builds_op(_each)
builds_op(search, wait=False)
