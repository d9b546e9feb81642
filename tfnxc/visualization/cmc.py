"""CMC curves of several methods on one set (Figure 1 of the supplement)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's colours, which people with any colour vision tell apart; line styles tell them apart in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":")


def plot_cmc(curves, title, ranks=20):
    """Draws CMC curves, legend sorted by rank 1, each entry such as "64.73%  NormXcorr".

    Args:
        curves: `tfnxc.evaluation.CMC` by label. All must be of one protocol.
        title: Title of the figure; the protocol is added to it.
        ranks: Number of ranks shown. Defaults to `20`.

    Returns:
        A `matplotlib.figure.Figure`; no display is needed. Bands show one standard deviation over repeats.

    Raises:
        ValueError: If there is no curve, or the protocols differ.

    Example:
        >>> plot_cmc({"NormXcorr": result}, "CUHK01, 486 test identities").savefig("cmc.png", dpi=150)

    References:
        Supplement, Figure 1.
    """
    protocols = {curve.protocol for curve in curves.values()}
    if len(protocols) != 1:
        raise ValueError(f"plot_cmc takes curves of one protocol; got {sorted(protocols) or 'no curve'}.")
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    by_rank1 = sorted(curves.items(), key=lambda item: item[1].rank(1))
    for number, (label, curve) in enumerate(by_rank1):
        mean, deviation = 100 * curve.mean[:ranks], 100 * curve.deviation[:ranks]
        shown = np.arange(1, len(mean) + 1)
        colour, style = _COLOURS[number % len(_COLOURS)], _STYLES[number % len(_STYLES)]
        axes.plot(shown, mean, style, color=colour, label=f"{mean[0]:.2f}%  {label}", linewidth=2)
        axes.fill_between(shown, mean - deviation, mean + deviation, color=colour, alpha=0.2, linewidth=0)
    axes.set(title=f"{title} ({protocols.pop()})", xlabel="Rank", ylabel="Probes matched (%)", ylim=(0, 100))
    axes.set_xlim(1, max(2, min(ranks, max(len(curve.mean) for curve in curves.values()))))
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
    return figure
