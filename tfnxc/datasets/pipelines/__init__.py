"""Training pairs: which pictures make a pair, and the pairs as `tf.data` pipelines."""
