"""Identities that are nobody's: pictures that no probe shows. People have identities of 0 and above."""

JUNK = -1
"""A picture that is left out of every gallery: a bad box, as Market-1501 has it."""

DISTRACTOR = -2
"""A picture of someone who is in no probe: it stands in every gallery, each by itself."""
