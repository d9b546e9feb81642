"""The operations of SPEC sections 1 and 2, on tensors. Nothing here knows Keras."""

from tfnxc.ops._library import build_library
from tfnxc.ops.background import build_in_background
from tfnxc.ops.cross_input import cross_input_neighborhood, cross_input_summary
from tfnxc.ops.displacement import best_displacement
from tfnxc.ops.implementation import describe as describe_implementation
from tfnxc.ops.norm_xcorr import norm_xcorr, norm_xcorr_summary

__all__ = [
    "best_displacement",
    "build_in_background",
    "build_library",
    "cross_input_neighborhood",
    "cross_input_summary",
    "describe_implementation",
    "norm_xcorr",
    "norm_xcorr_summary",
]
