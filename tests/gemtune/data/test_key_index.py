"""Keys are counted, in memory or in a file."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtune.data import key_index
from gemtune.data.key_index import KeyIndex


@pytest.mark.parametrize(("in_memory", "runs"), [(0, 0), (0, 3), (3, 0), (3, 2), (3, 100), (1000, 0)])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.binary(min_size=2, max_size=2).map(lambda key: key[:1] + b"/"), max_size=60))
def test_a_key_is_counted_wherever_the_index_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int, runs: int, keys: list[bytes]
) -> None:
    monkeypatch.setattr(key_index, "MOST_RUNS", runs)
    monkeypatch.setattr(key_index, "MEMORY_KEYS", in_memory)
    index, counts = KeyIndex(tmp_path / "keys"), Counter[bytes]()
    for key in keys:
        assert (key in index) == (key in counts)
        counts[key] += 1
        assert index.add(key) == counts[key]
    if not runs:
        assert (tmp_path / "keys").exists() == (len(counts) > in_memory)
    index.close()
    assert not (tmp_path / "keys").exists()
    assert not any(key in index for key in keys)


def test_keys_that_came_once_are_packed_before_a_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_index, "MEMORY_KEYS", 10)
    monkeypatch.setattr(key_index, "MOST_RUNS", 3)
    index, keys = KeyIndex(tmp_path / "keys"), [number.to_bytes(2, "big") for number in range(43)]
    for key in keys[:42]:
        assert index.add(key) == 1
    assert index.add(keys[5]) == 2
    assert not (tmp_path / "keys").exists()
    assert index.add(keys[42]) == 1
    assert (tmp_path / "keys").exists()
    assert [index.add(key) for key in (keys[5], keys[6], keys[42])] == [3, 2, 2]
    index.close()
