"""A small embedding of feature maps, fitted in a moment."""

from tfnxc.embedding import PRIOR, Discriminant, Embedding, EmbeddingCard, pooled


def small_embedding(maps, identities, combination=PRIOR, digest="a1b2c3", dataset="made up", dimensions=3):
    """An embedding of these maps that says it is of the model with that digest."""
    fitted = Discriminant(dimensions, 0.5).fit(pooled(maps), identities)
    people = ((dataset, tuple(sorted(set(map(int, identities))))),)
    card = EmbeddingCard(digest, "discriminant", people, len(maps), regularization=0.5, combination=combination)
    return Embedding.of(fitted, maps.shape[1:], card)
