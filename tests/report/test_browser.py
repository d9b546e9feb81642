"""The report in a headless browser: light and dark, wide and narrow, by keyboard."""

import pytest

from tests.browser import browser, needs_browser
from tests.report.small_run import add_result, small_run
from tests.report.test_page import pictures
from tfnxc.report import report_page

PHONE, SCREEN = 360, 1200
MISHAPS = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of a run with everything, with a name that does not break by itself."""
    folder = tmp_path_factory.mktemp("runs")
    run = small_run(folder / ("long" * 30), "cuhk01", range(1, 487), "cuhk01-486-01")
    add_result(run)
    path = folder / "report.html"
    path.write_text(report_page(run, pictures()), encoding="utf-8")
    return path.as_uri()


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, SCREEN])
def test_it_opens_offline_without_a_complaint_and_fits_the_window(tab, address, width, dark):
    tab.open(address, width, dark)
    assert not [event for event in tab.events if event[0] in MISHAPS]
    asked = tab.requests()
    assert asked[0] == address and all(url.startswith("data:") for url in asked[1:])
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(21, 23, 27)" if dark else "rgb(255, 255, 255)")


@needs_browser
def test_on_a_phone_wide_content_scrolls_in_its_box(tab, address):
    tab.open(address, PHONE)
    inside = "box => box.scrollWidth > box.clientWidth && box.getBoundingClientRect().right <= innerWidth"
    assert tab.evaluate(f"[...document.querySelectorAll('figure .box')].every({inside})")
    assert tab.evaluate(f"({inside})(document.querySelector('table').parentElement)")
    # The name of a row and the caption stay in sight.
    tab.evaluate("document.querySelector('table').parentElement.scrollLeft = 200")
    for what in ("tbody th", "caption span"):
        left = tab.evaluate(f"document.querySelector('table {what}').getBoundingClientRect().left")
        assert 0 <= left < 20


@needs_browser
def test_the_first_stop_of_the_keyboard_skips_to_the_content_and_is_seen(tab, address):
    tab.open(address, SCREEN)
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for _ in range(100):
        tab.press("Tab")
        if tab.evaluate("document.activeElement.className") == "box":
            break
    assert tab.evaluate("document.activeElement.className") == "box"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@needs_browser
def test_its_policy_keeps_scripts_and_strangers_out(tab, address):
    tab.open(address, SCREEN)
    tab.evaluate("window.broken = []")
    tab.evaluate("document.onsecuritypolicyviolation = event => broken.push(event.effectiveDirective)")
    tab.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    tab.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/a.png'}))")
    tab.evaluate("document.body.setAttribute('style', 'color: red')")
    assert tab.evaluate("window.ran === undefined")
    seen = tab.evaluate("new Promise(done => setTimeout(() => done(broken.sort()), 200))")
    assert seen == ["img-src", "script-src-elem", "style-src-attr"]
