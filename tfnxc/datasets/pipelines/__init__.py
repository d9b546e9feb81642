"""Training pairs in `tf.data`."""
