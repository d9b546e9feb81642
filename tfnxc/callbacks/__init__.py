"""Keras callbacks that any training can use."""
