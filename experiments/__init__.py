"""Where the figures in the docs come from: `python -m experiments --help`, and README.md in this folder."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command tfnxc
