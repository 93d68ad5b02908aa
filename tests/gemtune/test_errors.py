import pytest

from gemtune import errors

REFINED = {
    errors.SpecError: ValueError,
    errors.DataError: ValueError,
    errors.StorageError: OSError,
    errors.ServiceError: RuntimeError,
    errors.TuningJobError: RuntimeError,
    errors.GenerationError: RuntimeError,
    errors.BudgetError: RuntimeError,
    errors.ComparisonError: ValueError,
}


@pytest.mark.parametrize("kind", REFINED)
def test_an_error_is_its_message_and_what_next(kind: type[errors.GemtuneError]) -> None:
    error = kind("b/x.jsonl:7: 12, expected text", next="put it in quotes")
    assert str(error) == "b/x.jsonl:7: 12, expected text: put it in quotes"
    assert error.next == "put it in quotes"
    assert str(kind("a, expected b")) == "a, expected b"


@pytest.mark.parametrize(("kind", "standard"), REFINED.items())
def test_an_error_is_caught_as_the_standard_one_it_refines(
    kind: type[errors.GemtuneError], standard: type[Exception]
) -> None:
    with pytest.raises(standard):
        raise kind("a, expected b", next="c")


def test_every_error_of_the_module_is_tested_here() -> None:
    assert {
        kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == "gemtune.errors"
    } == {
        errors.GemtuneError,
        *REFINED,
    }


def test_a_name_close_to_a_known_one_is_suggested() -> None:
    assert errors.did_you_mean("adaptersize", ["seed", "adapter_size"]) == ", did you mean `adapter_size`?"
    assert errors.did_you_mean("xyz", ["seed", "adapter_size"]) == ""


def test_a_long_value_is_shown_short_and_on_one_line() -> None:
    shown = errors.shown("a\n" * 1000)
    assert len(shown) < 60 and "\n" not in shown
