"""Measures what the supplement says of the search window and of what the models bear, and the parts of the recipe.

    python scripts/ablation.py windows --data cuhk01/campus --epochs 40
    python scripts/ablation.py claims --epochs 40
    python scripts/ablation.py parts --data cuhk01/campus --cuhk03 cuhk-03.mat

windows: NormXcorr and the model of Ahmed et al., each with a search window of 5 x 5 and of 5 rows x the whole width
(the supplement's 5x12), trained alike on one partition of CUHK01: section 3.1 of the supplement.

claims: the three models, trained on drawn people, against occlusion, light and viewpoint, each with a dial from 0 to 2:
whether NormXcorr and Fused bear them better than Ahmed et al., as figures 2, 3 and 4 of the supplement show by example.

parts: the recipe `grouped` with one part changed at a time, measured on training identities that were held back.

Each step goes on where it was stopped, so this script may be killed at any moment and started again. Its folder holds
the runs, `steps.json` (time and peak memory of each step, over all of its starts), and at the end `results.json` and
`results.md`.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import claims
import recipe_parts
import search_windows
from steps import add_folder_options, run_or_report
from tables import add_measuring_options, write_results

from tfnxc.errors import InputError


def arguments(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="subject", required=True)
    windows = commands.add_parser("windows", help="the search window, on CUHK01")
    add_measuring_options(windows)
    add_folder_options(windows, "runs/ablation")
    bears = commands.add_parser("claims", help="occlusion, light and viewpoint, on drawn people")
    bears.add_argument("--seeds", type=int, default=3, help="trainings of each model (default %(default)s)")
    bears.add_argument("--identities", type=int, default=200, help="who trains (default %(default)s)")
    bears.add_argument("--test-identities", type=int, default=100, help="who tests (default %(default)s)")
    bears.add_argument("--draws", type=int, default=2, help="of the gallery (default %(default)s)")
    add_folder_options(bears, "runs/claims")
    parts = commands.add_parser("parts", help="the recipe, on CUHK01")
    parts.add_argument(
        "--parts",
        nargs="+",
        default=list(recipe_parts.PARTS),
        choices=recipe_parts.PARTS,
        metavar="P",
        help=f"default: all of {', '.join(recipe_parts.PARTS)}",
    )
    parts.add_argument("--cuhk03", help="CUHK03 to train with: cuhk-03.mat or a folder of extracted pictures")
    parts.add_argument("--seeds", type=int, default=1, help="trainings of each part (default %(default)s)")
    parts.add_argument("--validate", type=int, default=100, help="who is held back (default %(default)s)")
    add_folder_options(parts, "runs/parts")
    for command in (windows, parts):
        command.add_argument("--data", help="folder of CUHK01; --report does without")
        command.add_argument("--partition", type=int, default=1, choices=range(1, 11), help="default: %(default)s")
    for command, epochs in ((windows, 40), (bears, 40), (parts, 4)):
        command.add_argument("--epochs", type=int, default=epochs, help="over the pictures (default %(default)s)")
    options = parser.parse_args(words)
    if options.subject != "claims" and options.data is None and not options.report:
        commands.choices[options.subject].error("--data: say where CUHK01 lies")
    return options


def main(words=None):
    """Runs what is left to do, and writes the results."""
    options = arguments(words)
    subject = {"windows": search_windows, "claims": claims, "parts": recipe_parts}[options.subject]
    log = run_or_report(options, subject.steps_of(options))
    results = subject.results_of(options, log)
    write_results(options.to, results, subject.lines_of(results, log))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
