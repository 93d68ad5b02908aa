from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import cron


def upcoming(text: str, since: str, count: int) -> list[str]:
    """Return the next times in UTC, as `month-day hour:minute`."""
    expression, moment = cron.parse(text), datetime.fromisoformat(since).replace(tzinfo=UTC)
    found = []
    for _ in range(count):
        after = expression.after(moment)
        assert after is not None
        moment = after
        found.append(f"{moment:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "since", "expected"),
    [
        ("0 3 * * 1", "2026-11-21", ["11-23 03:00", "11-30 03:00"]),
        ("*/20 8-9 * * *", "2026-11-21T08:30", ["11-21 08:40", "11-21 09:00", "11-21 09:20", "11-21 09:40"]),
        ("5/25 0 * * *", "2026-11-21", ["11-21 00:05", "11-21 00:30", "11-21 00:55", "11-22 00:05"]),
        ("0 0 * JAN,mar Mon-Wed", "2026-12-31", ["01-04 00:00", "01-05 00:00", "01-06 00:00", "01-11 00:00"]),
        ("15 10 ? * 6", "2026-11-21T10:15", ["11-28 10:15"]),
    ],
)
def test_fields_take_values_ranges_steps_lists_and_names(text: str, since: str, expected: list[str]) -> None:
    assert upcoming(text, since, len(expected)) == expected


def test_the_last_day_of_a_month_runs_only_in_months_that_have_it() -> None:
    assert upcoming("0 0 31 * *", "2026-11-21", 4) == ["12-31 00:00", "01-31 00:00", "03-31 00:00", "05-31 00:00"]
    assert upcoming("0 0 30 * *", "2027-01-29", 2) == ["01-30 00:00", "03-30 00:00"]
    assert cron.parse("0 0 29 2 *").after(datetime(2026, 11, 21, tzinfo=UTC)) == datetime(2028, 2, 29, tzinfo=UTC)


def test_a_day_matches_by_date_or_by_weekday_when_both_are_given() -> None:
    assert upcoming("0 0 1 * 5", "2026-11-21", 3) == ["11-27 00:00", "12-01 00:00", "12-04 00:00"]
    assert upcoming("0 0 */31 * 2", "2026-11-21", 3) == ["11-24 00:00", "12-01 00:00", "12-08 00:00"]
    assert upcoming("0 0 1 * *", "2026-11-21", 2) == ["12-01 00:00", "01-01 00:00"]


def test_a_time_is_meant_in_its_zone() -> None:
    assert upcoming("TZ=Europe/Berlin 0 3 * * *", "2026-11-21T02:00", 1) == ["11-22 02:00"]
    assert upcoming("CRON_TZ=Asia/Kolkata 0 0 1 * *", "2026-11-21", 1) == ["11-30 18:30"]
    assert upcoming("0 3 * * *", "2026-11-21T02:00", 1) == ["11-21 03:00"]


def test_a_weekly_run_keeps_its_local_hour_over_both_changes_of_the_clock() -> None:
    assert upcoming("TZ=Europe/Berlin 0 3 * * 1", "2027-03-16", 2) == ["03-22 02:00", "03-29 01:00"]
    assert upcoming("TZ=Europe/Berlin 0 3 * * 1", "2027-10-19", 2) == ["10-25 01:00", "11-01 02:00"]


def test_a_time_that_summer_time_leaves_out_does_not_run() -> None:
    # On 2027-03-28 Berlin's clocks go from 02:00 to 03:00.
    assert upcoming("TZ=Europe/Berlin 30 2 * * *", "2027-03-27", 2) == ["03-27 01:30", "03-29 00:30"]
    assert upcoming("TZ=Europe/Berlin 0 * * * *", "2027-03-27T23:30", 3) == [
        "03-28 00:00",
        "03-28 01:00",
        "03-28 02:00",
    ]


def test_a_time_that_comes_twice_runs_twice() -> None:
    # On 2027-10-31 Berlin's clocks go from 03:00 back to 02:00.
    assert upcoming("TZ=Europe/Berlin 30 2 * * *", "2027-10-30T12:00", 3) == [
        "10-31 00:30",
        "10-31 01:30",
        "11-01 01:30",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0 3 * *", "has 4 fields, expected 5"),
        ("@daily", "has 1 fields"),
        ("0 0 3 * * 1", "has 6 fields"),
        ("60 * * * *", "minute '60' is not understood, expected values of 0 to 59"),
        ("0 24 * * *", "hour '24'"),
        ("0 0 0 * *", "day of month '0'"),
        ("0 0 * 13 *", "month '13'"),
        ("0 0 * * 7", "day of week '7'"),
        ("0 0 * * 5-1", "day of week '5-1'"),
        ("*/0 * * * *", "minute '*/0'"),
        ("*-5 * * * *", "minute"),
        ("1,,2 * * * *", "minute '1,,2'"),
        ("0 0 L * *", "day of month 'L'"),
        ("TZ=Europe/Atlantis 0 0 * * *", "time zone 'Europe/Atlantis' is unknown"),
        ("TZ=../../etc/hostname 0 0 * * *", "is unknown"),
        ("TZ=Europe 0 0 * * *", "time zone 'Europe' is unknown"),
    ],
)
def test_what_is_wrong_with_an_expression_is_named(text: str, found: str) -> None:
    with pytest.raises(ValueError, match=found.replace("*", r"\*")):
        cron.parse(text)


def test_a_date_that_never_comes_has_no_time() -> None:
    assert cron.parse("0 0 31 2 *").after(datetime(2026, 11, 21, tzinfo=UTC)) is None


@settings(max_examples=40, deadline=None)
@given(
    moment=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_the_next_time_is_later_and_shows_what_was_asked_for(moment: datetime, zone: str) -> None:
    expression = cron.parse(f"TZ={zone} 15,45 */6 * * *")
    found = expression.after(moment)
    assert found is not None and found > moment
    local = found.astimezone(expression.zone)
    assert local.minute in (15, 45) and local.hour % 6 == 0
