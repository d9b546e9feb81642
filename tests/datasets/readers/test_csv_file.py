import re
import unicodedata

import pytest

from tests.datasets.picture_files import lay_out
from tfnxc.datasets import csv_file
from tfnxc.errors import InputError
from tfnxc.identities import DISTRACTOR, JUNK


@pytest.fixture
def table(tmp_path):
    """Writes a CSV file beside the pictures `a.png` to `d.png`."""
    lay_out(tmp_path, "a.png", "b.png", "in/c.png", "in/d.png")

    def write(text, encoding="utf-8"):
        (tmp_path / "people.csv").write_bytes(text.encode(encoding))
        return tmp_path / "people.csv"

    return write


def test_numerals_are_kept_and_paths_are_relative_to_the_file(table):
    path = table("path,identity,camera\na.png,0007,1\nin/c.png,12,3\n")
    people = csv_file(path)
    assert people.name == "csv" and people.probes is None
    assert people.identities.tolist() == [7, 12] and people.cameras.tolist() == [1, 3]
    assert people.paths == [str(path.parent / "a.png"), str(path.parent / "in" / "c.png")]
    assert people.read(1)[0, 0, 0] == 2


def test_what_a_spreadsheet_writes_is_read(table):
    text = 'Camera,Path, identity ,note\r\nlift,a.png,Ärzte,"x, y"\r\n\r\ndoor,b.png,anna,\r\n'
    people = csv_file(table(text, "utf-8-sig"))
    assert people.identities.tolist() == [1, 0] and people.cameras.tolist() == [1, 0]


def test_whole_numbers_are_read_as_spreadsheets_and_pandas_write_them(table):
    people = csv_file(table("path,identity,camera\na.png,1.0,2.\nb.png,+2.00,03\nin/c.png,1,2\nin/d.png,-0.0,2\n"))
    assert people.identities.tolist() == [1, 2, 1, 0] and people.cameras.tolist() == [2, 3, 2, 2]
    people = csv_file(table("path,identity,camera\na.png,1.0,0\nb.png,anna,0\nin/c.png,1,0\n"))
    assert people.identities.tolist() == [0, 1, 0] and people.names == {0: "1.0", 1: "anna"}
    large = csv_file(table(f"path,identity,camera\na.png,{10**17 + 1},0\nb.png,{10**17},0\n"))
    assert large.identities.tolist() == [10**17 + 1, 10**17]


@pytest.mark.parametrize(
    "nothing",
    ["nan", "NaN", "None", "NULL", "<NA>", "n/a", "NaT", "-nan", "+NaN", "#REF!", "#DIV/0!", "?", "-", "n.a."],
)
@pytest.mark.parametrize("column", ["identity", "camera"])
def test_a_missing_value_is_nobody(table, nothing, column):
    row = {"identity": "1", "camera": "0", column: nothing}
    message = f"people.csv, line 3: the {column} {nothing}, which stands for a missing value"
    with pytest.raises(InputError, match=re.escape(message)):
        csv_file(table(f"path,identity,camera\na.png,2,0\nb.png,{row['identity']},{row['camera']}\n"))


@pytest.mark.parametrize("number", ["1.5", "1.23457e+12", "1e5", "2E0", "1.0e0", "-1.0e0", "inf", "-Infinity"])
@pytest.mark.parametrize("column", ["identity", "camera"])
def test_a_number_that_is_not_whole_is_refused(table, number, column):
    row = {"identity": "1", "camera": "0", column: number}
    message = f"line 2: the {column} {number}; expected a whole number, with all of its digits, or a name"
    with pytest.raises(InputError, match=re.escape(message)):
        csv_file(table(f"path,identity,camera\na.png,{row['identity']},{row['camera']}\nb.png,2,0\n"))


def test_a_name_with_a_sign_in_it_is_a_name(table):
    people = csv_file(table("path,identity,camera\na.png,#1,a-b\nb.png,x?,0\n"))
    assert people.names == {0: "#1", 1: "x?"} and people.cameras.tolist() == [1, 0]


def test_a_name_of_digits_and_an_e_is_a_name_among_names(table):
    """As some of the first digits of hashes are."""
    people = csv_file(table("path,identity,camera\na.png,3f5,0\nb.png,1e5,0\nin/c.png,77,0\n"))
    assert people.names == {0: "1e5", 1: "3f5", 2: "77"}


def test_numbers_have_64_bits(table):
    text = "path,identity,camera\na.png,{},0\nb.png,7,0\n"
    assert csv_file(table(text.format(2**63 - 1))).identities.tolist() == [2**63 - 1, 7]
    for number in (2**63, "1" * 5000):
        with pytest.raises(InputError, match=r"line 2: the identity [0-9]{19,80}, a number of more than 64 bits"):
            csv_file(table(text.format(number)))


def test_a_path_in_the_other_unicode_form_is_found(table, tmp_path):
    lay_out(tmp_path, unicodedata.normalize("NFD", "é.png"))
    written = unicodedata.normalize("NFC", "path,identity,camera\né.png,Zoé,0\na.png,") + "Zoe\u0301,1\n"
    assert csv_file(table(written)).identities.tolist() == [0, 0]


def test_nobody_and_roles(table):
    people = csv_file(
        table(
            "path,identity,camera,role\na.png,3,0,probe\nb.png,3,1,Gallery\nin/c.png,Junk,1,\nin/d.png,distractor,1,\n"
        )
    )
    assert people.identities.tolist() == [3, 3, JUNK, DISTRACTOR]
    assert people.probes.tolist() == [True, False, False, False]


def test_without_a_role_the_protocol_decides(table):
    assert csv_file(table("path,identity,camera,role\na.png,3,0,\n")).probes is None


def test_an_absolute_path_is_taken_as_it_is(table, tmp_path):
    assert csv_file(table(f"path,identity,camera\n{tmp_path / 'a.png'},1,0\n")).paths == [str(tmp_path / "a.png")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "no column path and no column identity and no column camera; expected a first line that names the columns",
        ),
        ("a.png,1,0\n", "no column path and no column identity and no column camera"),
        (
            "path,identity,kamera\na.png,1,0\n",
            "no column camera; expected a first line that names the columns, such as",
        ),
        ("path,identity,camera,path\na.png,1,0,b.png\n", "two columns are called path"),
        ("path,identity,camera\n", "no picture in it; expected a line a picture after the header"),
        ("path,identity,camera\na.png,1,0\nb.png,1\n", "people.csv, line 3: 2 fields; expected 3, as the header has"),
        ("path,identity,camera\na,1.png,1,0\n", "line 2: 4 fields; expected 3, as the header has"),
        ("path,identity,camera\n\n ,1,0\n", "line 3: no path; expected one in every line"),
        ("path,identity,camera\na.png,,0\n", "line 2: no identity"),
        ("path,identity,camera\na.png,1, \n", "line 2: no camera"),
        (
            "path,identity,camera\na.png,-1,0\n",
            "line 2: the identity -1; expected a number of 0 or above or a name, or one of",
        ),
        ("path,identity,camera\na.png,-1.0,0\n", "line 2: the identity -1.0; expected a number of 0 or above"),
        ("path,identity,camera\na.png,1,-1\n", "line 2: the camera -1; expected a number of 0 or above or a name."),
        ("path,identity,camera\na.png,1,0\n./a.png,2,0\n", "line 3: ./a.png is listed in line 2 already"),
        ('path,identity,camera\n"a.png"x,1,0\n', "line 2: not CSV"),
        ('path,identity,camera\n"a.png,1,0\n', "not CSV"),
        (
            "path,identity,camera,role\na.png,1,0,query\n",
            "line 2: the role 'query'; expected probe, gallery or nothing",
        ),
        ("path,identity,camera,role\na.png,junk,0,probe\n", "line 2: junk and distractors are in no probe"),
    ],
)
def test_a_line_that_is_not_of_the_form_is_named(table, text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        csv_file(table(text))


def test_all_missing_files_are_counted_and_five_are_shown(table):
    lines = "".join(f"{number}.png,1,0\n" for number in range(7))
    expected = r"7 of 8 files are missing: 0\.png \(line 3\), .*, 4\.png \(line 7\), \.\.\.\. Paths are relative to"
    with pytest.raises(InputError, match=expected):
        csv_file(table(f"path,identity,camera\na.png,1,0\n{lines}"))


def test_a_file_that_is_no_text_or_not_there_is_named(table, tmp_path):
    with pytest.raises(InputError, match=r"people\.csv: not in UTF-8 \(invalid .* at byte \d+\); save it as UTF-8"):
        csv_file(table("path,identity,camera\na.png,Ärzte,0\n", "latin-1"))
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be read \(No such file or directory\)"):
        csv_file(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        csv_file(tmp_path)
