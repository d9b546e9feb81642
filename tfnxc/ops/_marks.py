"""Marks in graphs, by which compiled operations take the place of plain TensorFlow when a graph runs.

A traced function may run here or be saved, frozen or converted, and nothing tells an operation which. So a graph holds
stock operations only. `custom_ops/tensorflow/graph_pass.cc` reads the marks when TensorFlow prepares a graph to run.
XLA and what is written to disk never see a compiled operation.
"""

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue


def marked(outputs, operation, inputs=(), **attributes):
    """`outputs`, a list of tensors that plain TensorFlow computes in a graph, marked as what `operation` computes.

    Args:
        outputs: As many as the operation has.
        operation: Its type, such as `"Tfnxc>NormXcorr"`.
        inputs: Its inputs in order.
        **attributes: Its attributes: texts, types, integers or lists of them.
    """
    marks = tf.identity_n([*outputs, *inputs])
    mark(marks[0].op, operation, **attributes)
    return marks[: len(outputs)]


def mark(node, operation, **attributes):
    """Marks a node of a graph: `operation`, which takes the last of its inputs, takes its place when the graph runs."""
    node._set_attr("_tfnxc_operation", _attribute(operation))
    for name, value in attributes.items():
        node._set_attr(f"_tfnxc_attr_{name}", _attribute(value))


def _attribute(value):
    if isinstance(value, str):
        return AttrValue(s=value.encode())
    if isinstance(value, tf.DType):
        return AttrValue(type=value.as_datatype_enum)
    if isinstance(value, int):
        return AttrValue(i=value)
    return AttrValue(list=AttrValue.ListValue(i=value))
