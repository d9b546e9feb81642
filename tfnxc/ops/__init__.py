"""The two operations of SPEC sections 1 and 2, on tensors. Nothing here knows Keras."""

from tfnxc.ops.cross_input_neighborhood import cross_input_neighborhood
from tfnxc.ops.norm_xcorr import norm_xcorr

__all__ = ["cross_input_neighborhood", "norm_xcorr"]
