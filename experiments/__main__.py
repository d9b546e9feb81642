"""Runs an experiment: `python -m experiments NAME --help`, in a checkout."""

import importlib
import sys

from tfnxc.errors import InputError

EXPERIMENTS = {
    "reproduce_cuhk01": "the three models on published partitions of CUHK01",
    "scorers": "pair head, embedding and both, on CUHK01",
    "search_windows": "narrow and wide search windows, on CUHK01",
    "claims": "occlusion, light and viewpoint, on drawn people",
    "metric_loss": "a metric loss on the towers, with it and without, on CUHK01",
    "recipe_parts": "what each part of the recipe grouped buys, on CUHK01",
}
"""The modules of the experiments, each with its `Experiment` as `EXPERIMENT`, and what they show."""

if __name__ == "__main__":
    name, *words = sys.argv[1:] or ["--help"]
    if name not in EXPERIMENTS:
        told = "\n".join(f"  {each:18}{about}" for each, about in EXPERIMENTS.items())
        print(f"usage: python -m experiments NAME [OPTIONS]\n\n{told}")
        sys.exit(0 if name in ("-h", "--help") else 2)
    module = importlib.import_module(f"experiments.{name}")
    try:
        module.EXPERIMENT.run(module.EXPERIMENT.parse(words, f"python -m experiments {name}", module.__doc__))
    except InputError as error:
        sys.exit(str(error))
