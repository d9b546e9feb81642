"""A section of the report."""

from __future__ import annotations

import dataclasses

from tfnxc.report.markup import Markup, element


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report under its heading.

    Args:
        name: Its name in the page, where the contents lead.
        heading: Its heading.
        content: What stands below.
    """

    name: str
    heading: str
    content: Markup

    def markup(self):
        """The section as HTML."""
        heading = element("h2", self.heading, id=self.name, tabindex="-1")
        return element("section", heading, self.content, aria_labelledby=self.name)


def missing(*children):
    """What stands in the place of something that the run does not have: why, and how to get it."""
    return element("p", *children, class_="missing")
