"""The pair engine: towers once an image, heads once a pair."""
