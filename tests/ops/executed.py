"""What TensorFlow runs, which is not always what was traced."""

from tensorflow.python.eager import context


def executed(function, *arguments):
    """The types of all operations that TensorFlow prepares to run when a `tf.function` is called."""
    context.enable_run_metadata()
    try:
        context.export_run_metadata()  # forgets what ran before
        function(*arguments)
        graphs = context.export_run_metadata().partition_graphs
    finally:
        context.disable_run_metadata()
    return {node.op for graph in graphs for node in graph.node}
