"""Runs an experiment: `python -m experiments NAME --help`, in a checkout."""

import importlib
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tfnxc.errors import InputError

EXPERIMENTS = {
    "reproduce_cuhk01": "the three models on published partitions of CUHK01",
    "search_windows": "narrow and wide search windows, on CUHK01",
    "claims": "occlusion, light and viewpoint, on drawn people",
    "recipe_parts": "what each part of the recipe grouped buys, on CUHK01",
}
"""The modules of the experiments, each with its `Experiment` as `EXPERIMENT`, and what they show."""


def main(words=None):
    """Runs the experiment that the first word names, with the options of the others."""
    name, *words = (sys.argv[1:] if words is None else words) or ["--help"]
    if name not in EXPERIMENTS:
        told = "\n".join(f"  {each:18}{about}" for each, about in EXPERIMENTS.items())
        print(f"usage: python -m experiments NAME [OPTIONS]\n\n{told}")
        sys.exit(0 if name in ("-h", "--help") else 2)
    module = importlib.import_module(f"experiments.{name}")
    experiment = module.EXPERIMENT
    experiment.run(experiment.parse(words, f"python -m experiments {name}", module.__doc__))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
