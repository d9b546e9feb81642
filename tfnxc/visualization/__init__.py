"""Pure figures: arrays or results in, a matplotlib figure out. No display is needed, and nothing is computed here."""

from tfnxc.visualization.cmc import CMCPanel, plot_cmc, plot_cmc_panels
from tfnxc.visualization.correlation import PairCorrelation, plot_correlation, position_at
from tfnxc.visualization.maps import MapRow, plot_maps
from tfnxc.visualization.page import check_form, save_figure
from tfnxc.visualization.rankings import RankedProbe, Ranking, plot_rankings
from tfnxc.visualization.reliability import plot_reliability
from tfnxc.visualization.training import plot_training

__all__ = [
    "CMCPanel",
    "MapRow",
    "PairCorrelation",
    "RankedProbe",
    "Ranking",
    "check_form",
    "plot_cmc",
    "plot_cmc_panels",
    "plot_correlation",
    "plot_maps",
    "plot_rankings",
    "plot_reliability",
    "plot_training",
    "position_at",
    "save_figure",
]
