"""Training recipes: plain data, and what makes optimizers, losses and pipelines of it."""
