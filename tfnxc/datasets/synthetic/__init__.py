"""People that are drawn: their appearance, body and scene."""
