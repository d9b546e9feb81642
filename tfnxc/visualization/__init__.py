"""The paper's pictures, one figure a file: arrays in, a matplotlib figure out, no display needed."""

from tfnxc.visualization.cmc import CMCPanel, plot_cmc, plot_cmc_panels
from tfnxc.visualization.correlation import PairCorrelation, plot_correlation
from tfnxc.visualization.maps import MapRow, plot_maps
from tfnxc.visualization.rankings import RankedProbe, Ranking, plot_rankings
from tfnxc.visualization.save import save_figure
from tfnxc.visualization.training import plot_training

__all__ = [
    "CMCPanel",
    "MapRow",
    "PairCorrelation",
    "RankedProbe",
    "Ranking",
    "plot_cmc",
    "plot_cmc_panels",
    "plot_correlation",
    "plot_maps",
    "plot_rankings",
    "plot_training",
    "save_figure",
]
