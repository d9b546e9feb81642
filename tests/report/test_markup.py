from tfnxc.report.markup import Markup, element, joined, table


def test_what_is_not_markup_is_escaped_everywhere():
    hostile = "<b>&\"'"
    inside = element("p", hostile, element("i", hostile), title=hostile, class_="x", aria_label=1)
    escaped = "&lt;b&gt;&amp;&quot;&#x27;"
    assert inside == f'<p title="{escaped}" class="x" aria-label="1">{escaped}<i>{escaped}</i></p>'
    assert isinstance(inside, Markup) and joined([inside, "<"]) == f"{inside}&lt;"
    assert element("img", alt="a") == '<img alt="a">'


def test_what_no_page_can_hold_is_replaced():
    assert element("p", "a\x00b\x1b\x85\udcff\n") == "<p>a?b???\n</p>"


def test_a_table_says_what_its_cells_are_of():
    text = table("t", "Two & two", ("A", "B"), [(None, [("x", 1)]), ("more", [("y", "<")])])
    assert text == (
        '<div class="box" role="group" tabindex="0" aria-labelledby="t"><table>'
        '<caption><span id="t">Two &amp; two</span></caption>'
        '<thead><tr><th scope="col">A</th><th scope="col">B</th></tr></thead>'
        '<tbody><tr><th scope="row">x</th><td>1</td></tr></tbody>'
        '<tbody><tr><th scope="rowgroup" colspan="2"><span>more</span></th></tr>'
        '<tr><th scope="row">y</th><td>&lt;</td></tr></tbody></table></div>'
    )
