"""Times: texts, and what Python and NumPy have for them."""

import datetime

import numpy as np
import pytest

from tfnxc.errors import InputError
from tfnxc.search import format_time, parse_time
from tfnxc.search.times import seconds_of


def test_times():
    assert parse_time("1970-01-01T02:00:00+01:00") == 3600.0 and parse_time("1970-01-01T00:00:01.5Z") == 1.5
    assert format_time(3600.0) == "1970-01-01T01:00:00+00:00" and format_time(None) is None
    with pytest.raises(InputError, match="'yesterday' is no time"):
        parse_time("yesterday")
    for text in ("9999-12-31T23:59:59-01:00", "0001-01-01T00:00+01:00"):
        with pytest.raises(InputError, match="not in the years 1 to 9999"):
            parse_time(text)
    assert format_time(parse_time("9999-12-31T23:59:59.9Z")).startswith("9999-12-31T23:59:59")


AT_FIVE = 86400 + 17 * 3600.0
ZONE = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    "time",
    [
        AT_FIVE,
        int(AT_FIVE),
        np.int64(AT_FIVE),
        np.float32(AT_FIVE),
        "1970-01-02T17:00",
        datetime.datetime(1970, 1, 2, 17),
        datetime.datetime(1970, 1, 2, 19, tzinfo=ZONE),
        np.datetime64("1970-01-02T17"),
        np.datetime64("1970-01-02T17:00", "ns"),
    ],
    ids=repr,
)
def test_a_time_of_any_kind_is_its_seconds_and_has_no_end(time):
    for last in (False, True):
        found = seconds_of(time, last)
        assert found == AT_FIVE and type(found) is float


@pytest.mark.parametrize("date", ["1970-01-02", " 19700102", datetime.date(1970, 1, 2), np.datetime64("1970-01-02")])
def test_a_bare_date_is_its_first_moment_or_its_last(date):
    assert seconds_of(date) == 86400.0
    assert format_time(seconds_of(date, last=True)) == "1970-01-02T23:59:59.999999+00:00"
    assert seconds_of("9999-12-31", last=True) < seconds_of("9999-12-31") + 86400


@pytest.mark.parametrize(
    "time", [float("nan"), float("inf"), 1e300, np.datetime64("NaT"), np.datetime64("20000-01-01"), [1.0], object, 1j]
)
def test_what_is_no_time_is_told(time):
    with pytest.raises(InputError, match="is no time in the years 1 to 9999; expected seconds since"):
        seconds_of(time)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("2026-W14", "'2026-W14' names a week and no day; expected ISO 8601, such as 2026-03-31"),
        ("2026W14", "names a week and no day"),
        ("2026-W14T10:00", "names a week and no day"),
        ("2026-04", "'2026-04' is no time"),
        ("2026", "'2026' is no time"),
        (np.datetime64("2026-04"), "'2026-04' is a month; expected a day or a time"),
        (np.datetime64("2026"), "'2026' is a year"),
        (np.datetime64("2026-04-02", "W"), "is a week"),
        (np.datetime64("2026-04-02", "7D"), "is a time of several days"),
    ],
    ids=str,
)
def test_what_is_longer_than_a_day_is_refused(time, message):
    for last in (False, True):
        with pytest.raises(InputError, match=message):
            seconds_of(time, last)
    assert seconds_of("2026-W14-2") == seconds_of("2026W142") == seconds_of("2026-03-31")
