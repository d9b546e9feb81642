"""The three architectures of SPEC section 3, as Functional-API builders over one shared tower."""

from tfnxc.models._blocks import INITIALIZERS, SCALINGS
from tfnxc.models.ahmed import ahmed
from tfnxc.models.fused import fused
from tfnxc.models.normxcorr import normxcorr
from tfnxc.models.pretrained import pretrained, pretrained_card
from tfnxc.models.split import in_batch, split

BUILDERS = {"ahmed": ahmed, "normxcorr": normxcorr, "fused": fused}
"""The builders by the names that the command line and the results use."""

__all__ = [
    "BUILDERS",
    "INITIALIZERS",
    "SCALINGS",
    "ahmed",
    "fused",
    "in_batch",
    "normxcorr",
    "pretrained",
    "pretrained_card",
    "split",
]
