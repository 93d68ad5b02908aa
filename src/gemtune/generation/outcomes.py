"""Outcomes of a prompt by name, and the records of one side by example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gemtune.errors import ComparisonError
from gemtune.records import Record

TRUNCATED, EMPTY, BLOCKED, REJECTED, FAILED = "truncated", "empty", "blocked", "rejected", "failed"


def match_records(examples: Sequence[Record], records: Sequence[Record], *, where: str) -> dict[str, Record]:
    """Return the records of one side by example id, in the order of the examples.

    Args:
        examples: Records of `test.jsonl`.
        records: One record for each example, in any order.
        where: What the records are, for the message.

    Raises:
        ComparisonError: There are no examples, or ids are missing, surplus or repeated.
    """
    ids = [example["id"] for example in examples]
    if not ids:
        raise ComparisonError("test split: no examples, expected at least one", next="add test data")
    found = Counter(record["id"] for record in records)
    problems = {
        "missing": [each for each in ids if each not in found],
        "surplus": sorted(found.keys() - set(ids)),
        "repeated": [each for each, count in found.items() if count > 1],
    }
    if named := [f"{len(those)} {kind} ({', '.join(those[:3])})" for kind, those in problems.items() if those]:
        raise ComparisonError(
            f"{where}: {'; '.join(named)} of {len(ids)} example ids, expected one record each",
            next="generate and score predictions for this test split",
        )
    by_id = {record["id"]: record for record in records}
    return {each: by_id[each] for each in ids}
