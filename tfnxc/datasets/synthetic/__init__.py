"""Synthetic people: their appearance, their body and the scene around them."""

from tfnxc.datasets.synthetic.people import Conditions, conditions, draw_person, synthetic

__all__ = ["Conditions", "conditions", "draw_person", "synthetic"]
