"""The report as a browser reads it: its elements, and whether they are well formed."""

import html.parser

EMPTY = {"img", "meta", "link"}


class Page(html.parser.HTMLParser):
    """Elements of a page in their order: `(name, attributes, text)`.

    Raises:
        AssertionError: If an element is not closed, or closed in another order than opened.
    """

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, name, attributes):
        assert len(dict(attributes)) == len(attributes), attributes
        entry = [name, dict(attributes), ""]
        self.elements.append(entry)
        if name not in EMPTY:
            self._open.append(entry)

    def handle_endtag(self, name):
        assert self._open.pop()[0] == name, name

    def handle_data(self, text):
        for entry in self._open:
            entry[2] += text

    def all(self, *names):
        """The elements of these names."""
        return [entry for entry in self.elements if entry[0] in names]

    def texts(self, *names):
        """The text in each of them."""
        return [" ".join(text.split()) for _, _, text in self.all(*names)]

    def rows(self, caption):
        """The cells of each row of the table with this caption."""
        numbers = [number for number, entry in enumerate(self.elements) if entry[0] == "table"]
        for begin, end in zip(numbers, [*numbers[1:], None], strict=True):
            part = self.elements[begin:end]
            if any(entry[0] == "caption" and entry[2] == caption for entry in part):
                rows = []
                for name, _, text in part:
                    if name == "tr":
                        rows.append([])
                    elif name in ("th", "td"):
                        rows[-1].append(" ".join(text.split()))
                return rows
        raise AssertionError(f"no table {caption!r} among {self.texts('caption')}")
