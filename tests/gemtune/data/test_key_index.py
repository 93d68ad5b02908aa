"""Keys are counted, in memory or in a file."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtune.data import key_index
from gemtune.data.key_index import KeyIndex


@pytest.mark.parametrize("in_memory", [0, 3, 1000])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.binary(min_size=1, max_size=2), max_size=40))
def test_a_key_is_counted_wherever_the_index_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int, keys: list[bytes]
) -> None:
    monkeypatch.setattr(key_index, "MEMORY_KEYS", in_memory)
    index, counts = KeyIndex(tmp_path / "keys"), Counter[bytes]()
    for key in keys:
        assert (key in index) == (key in counts)
        counts[key] += 1
        assert index.add(key) == counts[key]
    assert (tmp_path / "keys").exists() == (len(counts) > in_memory)
    index.close()
    assert not (tmp_path / "keys").exists()
    assert not any(key in index for key in keys)
