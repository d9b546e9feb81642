"""Tables at every width: nothing is cut away, and no line is longer than the console is wide."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from tfnxc.tables import Column, Table, folded, note

COLUMNS = [Column("rank 1"), Column("on disk", text=True), Column("probes", aside="{} probes"), Column("mAP")]
NAMES = ["short", "a name of several words that has no place beside its row", "x" * 70, "歩行者再識別" * 8, "[bold]x"]


def table(*names) -> Table:
    made = Table("A title of some words that has to be folded on narrow consoles", COLUMNS, heading="name")
    for number, name in enumerate(names):
        made.add_row(name, f"{number}.25\n±0.50", "a folder with pictures of people", str(972 + number), "100.00")
    return made


@pytest.mark.parametrize("width", [20, 31, 45, 60, 80, 110, 150])
@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:2], NAMES])
def test_no_line_is_too_long_and_everything_is_there(names, width):
    lines = table(*names).lines(width)
    assert max(map(cell_len, lines)) <= width
    together = "".join("".join(line.split()) for line in lines)
    for number, name in enumerate(names):
        assert "".join(name.split()) in together
        for cell in (f"{number}.25", "±0.50", str(972 + number), "100.00"):
            assert cell in together
    words = "rank1", "ondisk", "probes", "mAP", "folder", "with", "pictures", "people"
    assert all(word in together for word in words)


def test_a_short_name_stands_beside_its_row_and_a_long_one_above_it():
    wide, narrow = table("short").lines(80), table("short", "x" * 70).lines(80)
    assert any(line.startswith(" short") and "0.25" in line for line in wide)
    assert " " + "x" * 70 in narrow and " short" in narrow


def test_where_room_is_scarce_asides_go_under_the_name():
    lines = table("one of four words").lines(50)
    assert not any("probes" in line for line in lines[:4]) and any(line.startswith(" 972 probes") for line in lines)


def test_on_the_narrowest_console_each_value_has_a_line():
    values = [
        "  rank 1: 0.25 ±0.50",
        "  on disk: a folder with",
        "  pictures of people",
        "  probes: 972",
        "  mAP: 100.00",
    ]
    assert table("short").lines(24)[-6:] == ["short", *values]


def test_sections_and_rows():
    made = Table("", [Column("rank 1")])
    made.add_row("ours", "60.17")
    made.add_section("published:")
    made.add_row("theirs", "54.74")
    assert made.lines(80)[-3:] == ["", " published:", " theirs    54.74"]
    with pytest.raises(ValueError, match="a row has 1 cells beside its name; got 2"):
        made.add_row("ours", "1", "2")


def test_numbers_end_on_one_column_at_random_widths():
    rng = np.random.default_rng(0)
    for _ in range(50):
        made = Table("numbers", [Column("a"), Column("b")])
        for _ in range(4):
            made.add_row(
                "n" * int(rng.integers(1, 12)), *(str(rng.integers(10 ** int(rng.integers(1, 7)))) for _ in "ab")
            )
        lines = made.lines(60)[4:]
        assert len(set(map(len, lines))) == 1


def test_on_a_console_it_is_printed_as_it_is_and_without_markup():
    for soft_wrap in (False, True):
        file = io.StringIO()
        console = Console(file=file, width=80, soft_wrap=soft_wrap, color_system=None)
        console.print(table(*NAMES))
        assert [line.rstrip() for line in file.getvalue().splitlines()] == [*table(*NAMES).lines(80), ""]


def test_a_control_character_in_a_name_does_not_steer_the_terminal():
    made = table("two\nlines\x1b[31m")
    assert " two\ufffdlines\ufffd[31m" in "\n".join(made.lines(80))


def test_texts_are_folded_between_words_and_only_long_words_broken():
    assert folded("mean, over the draws", 12) == ["mean, over", "the draws"]
    assert folded("abcdefgh ij", 3) == ["abc", "def", "gh", "ij"] and folded("", 5) == [""]
    assert folded("two\nlines", 9) == ["two", "lines"]
    file = io.StringIO()
    Console(file=file, width=30).print(note("a note that is longer than the console is wide"), soft_wrap=False)
    assert max(map(len, file.getvalue().splitlines())) <= 30
