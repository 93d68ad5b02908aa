import pytest

from emulator import cron as service
from gemtune.cron import check_cron

GOOD = (
    "0 3 * * 1",
    "*/20 8-9 * * *",
    "5/25 0 1,15 * *",
    "0 0 * JAN,mar Mon-Wed",
    "59 23 31 12 6",
    "0-30/5 * 1-31/2 */3 sun",
)


@pytest.mark.parametrize("text", GOOD)
def test_what_the_service_takes_is_accepted(text: str) -> None:
    check_cron(text)
    assert service.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60 * * * *", "as its minute 0 to 59, `*`, ranges, steps or lists, not '60'"),
        ("0 24 * * *", "as its hour 0 to 23"),
        ("0 0 0 * *", "as its day of month 1 to 31"),
        ("0 0 * 13 *", "as its month 1 to 12 or jan to dec"),
        ("0 0 * * 7", "as its day of week 0 to 6 or sun to sat"),
        ("0 0 * * 5-1", "not '5-1'"),
        ("0 0 * * monday", "not 'monday'"),
        ("*/0 * * * *", "not '*/0'"),
        ("*-5 * * * *", "not '*-5'"),
        ("1,,2 * * * *", "not '1,,2'"),
    ],
)
def test_the_field_that_is_wrong_is_named_with_what_it_may_hold(text: str, expected: str) -> None:
    with pytest.raises(ValueError) as error:
        check_cron(text)
    assert expected in str(error.value)
    with pytest.raises(ValueError):
        service.parse(text)
