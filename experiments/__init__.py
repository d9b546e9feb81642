"""Where the figures in the docs come from: `python -m experiments --help`, and README.md in this folder."""
