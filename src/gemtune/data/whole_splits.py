"""What is checked about whole splits: the limits of the service, advice, and whether a run can come to anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gemtune.comparison.sample_size import MINIMUM_PAIRS
from gemtune.data.advice import Plan, advise
from gemtune.data.findings import WHOLE, FindingLog, Rejection
from gemtune.data.limits import Limits, SplitSize
from gemtune.data.settings import DatasetSettings
from gemtune.errors import DataError


def judge(sizes: Mapping[str, SplitSize], settings: DatasetSettings, log: FindingLog, limits: Limits) -> None:
    """Compare whole splits with the limits of the service, and give advice."""
    train, validation = sizes["train"].examples, sizes["validation"].examples
    for rejection in limits.check_train(sizes["train"]):
        log.add("train", WHOLE, rejection, "raised")
    most = limits.most_validation(train)
    if most is not None and validation > most:
        expected = f"at most {most:,} beside {train:,} training examples"
        next = f"set max_validation_examples to {most}"
        rejection = Rejection("validation_too_large", f"{validation:,} examples", expected, next)
        log.add("validation", WHOLE, rejection, "raised")
    if train:
        for rejection in advise(train, validation, Plan(settings.task, settings.adapter_size)):
            log.add("train", WHOLE, rejection, "warned")


def check_not_empty(ledger: Mapping[str, Any], manifest: Mapping[str, Any], settings: DatasetSettings) -> None:
    """Check that there is something to train on and to test on.

    Raises:
        DataError: There is not.
    """
    for name in ("train", "test"):
        account = ledger[name]
        if account["used"] or (name == "train" and not settings.for_tuning):
            continue
        rejected = ", ".join(f"{count} {rule}" for rule, count in account["rejected"].items())
        found = f"{name} split: no example ({account['read']} read{', rejected: ' + rejected if rejected else ''})"
        next = f"correct {name}_data"
        if name == "test" and not manifest["test"]:
            next = f"name test_data, add examples, or raise test_fraction (now {settings.test_fraction})"
        raise DataError(f"{found}, expected at least 1", next=next)


def check_can_conclude(ledger: Mapping[str, Any], settings: DatasetSettings) -> None:
    """Check that a run over these splits can end in a choice and a verdict, before anything is paid for them.

    With fewer test examples than a difference can be seen on, every run is inconclusive and the tuning is paid for
    nothing. Who wants that all the same, to try the pipeline out, sets max_test_examples to so few.

    Raises:
        DataError: It cannot.
    """
    if not settings.for_tuning:
        return
    count = ledger["test"]["used"]
    if count < MINIMUM_PAIRS and not 0 < settings.max_test_examples < MINIMUM_PAIRS:
        raise DataError(
            f"test split: {count} examples, expected at least {MINIMUM_PAIRS}: fewer end inconclusive whatever the "
            "models answer",
            next=f"add test examples, raise test_fraction, or set max_test_examples to {count} to run all the same",
        )
    if settings.checkpoint_selection == "validation" and not ledger["validation"]["used"]:
        raise DataError(
            "checkpoint_selection: validation, but there is no validation example, expected at least 1",
            next="give validation_data, or a validation_fraction above 0",
        )
