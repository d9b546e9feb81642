"""The three architectures of SPEC section 3, as Functional-API builders over one shared tower."""

from tfnxc.models.ahmed import ahmed
from tfnxc.models.fused import fused
from tfnxc.models.normxcorr import normxcorr
from tfnxc.models.split import split

BUILDERS = {"ahmed": ahmed, "normxcorr": normxcorr, "fused": fused}
"""The builders by the names that the command line and the results use."""

__all__ = ["BUILDERS", "ahmed", "fused", "normxcorr", "split"]
