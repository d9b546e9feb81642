"""What the words of every picture must be."""


def check_words(figure):
    """Checks that all words of a figure of one page are readable in print, on it, and beside each other."""
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert min(text.get_fontsize() for text in axes.texts) >= 6.5
    boxes = [text.get_window_extent() for text in axes.texts]
    for number, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1
        for other in boxes[:number]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            down = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across <= 0 or down <= 0.25 * box.height  # letters do not fill their lines
