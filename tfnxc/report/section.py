"""A section of the report."""

import dataclasses

from tfnxc.report.markup import Markup, element


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report under its heading; the contents lead to its name."""

    name: str
    heading: str
    content: Markup

    def markup(self) -> Markup:
        """The section as HTML."""
        heading = element("h2", self.heading, id=self.name, tabindex="-1")
        return element("section", heading, self.content, aria_labelledby=self.name)


def missing(*children: object) -> Markup:
    """What stands in the place of something that the run does not have: why, and how to get it."""
    return element("p", *children, class_="missing")
