"""The paper's pictures, one figure a file."""

from tfnxc.visualization.cmc import plot_cmc

__all__ = ["plot_cmc"]
