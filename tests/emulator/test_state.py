import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import httpx
import pytest

from emulator.clock import Clock
from emulator.serve import start
from emulator.state import State


@pytest.fixture
def state() -> Iterator[State]:
    state = State(None)
    yield state
    state.close()


def test_documents_are_listed_newest_first_by_prefix(state: State) -> None:
    for name in ["p/1/jobs/a", "p/1/jobs/b", "p/10/jobs/c"]:
        state.put("jobs", name, {"name": name})
    state.put("others", "p/1/jobs/d", {})
    assert [job["name"] for job in state.list("jobs", "p/1/")] == ["p/1/jobs/b", "p/1/jobs/a"]
    assert len(state.list("jobs")) == 3


def test_a_replaced_document_keeps_its_place(state: State) -> None:
    state.put("jobs", "a", {"state": "PENDING"})
    state.put("jobs", "b", {"state": "PENDING"})
    state.put("jobs", "a", {"state": "DONE"})
    assert [job["state"] for job in state.list("jobs")] == ["PENDING", "DONE"]


def test_a_document_is_a_copy(state: State) -> None:
    document = {"labels": {"a": "b"}}
    state.put("jobs", "a", document)
    document["labels"]["a"] = "changed"
    assert state.get("jobs", "a") == {"labels": {"a": "b"}}


def test_a_deleted_document_is_gone(state: State) -> None:
    state.put("jobs", "a", {})
    state.delete("jobs", "a")
    assert state.get("jobs", "a") is None


def test_a_transaction_that_raises_leaves_nothing(state: State) -> None:
    def write_and_fail() -> None:
        with state.transaction():
            state.put("jobs", "a", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert state.get("jobs", "a") is None


def test_a_read_and_write_in_one_transaction_is_not_interleaved(state: State) -> None:
    def count() -> None:
        for _ in range(50):
            with state.transaction():
                found = state.get("counters", "a") or {"value": 0}
                state.put("counters", "a", {"value": found["value"] + 1})

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.get("counters", "a") == {"value": 200}


def test_ids_are_19_digits_and_differ(state: State) -> None:
    ids = {state.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 19 and one.isdigit() and one[0] != "0" for one in ids)


def test_memory_leaves_no_folder_behind() -> None:
    state = State(None)
    (state.folder / "weights").mkdir()
    state.close()
    assert not state.folder.exists()


def test_a_restart_on_the_same_folder_finds_everything(tmp_path: Path) -> None:
    first = State(tmp_path)
    first.put("jobs", "a", {"state": "DONE"})
    first.close()
    second = State(tmp_path)
    assert second.get("jobs", "a") == {"state": "DONE"}
    second.close()


def test_what_was_started_is_stopped_with_the_state(state: State) -> None:
    stopped: list[str] = []
    other = State(None)
    other.on_close.append(lambda: stopped.append("worker"))
    other.close()
    assert stopped == ["worker"]


def test_timestamps_always_have_six_digits() -> None:
    clock = Clock()
    clock.set(datetime(2026, 10, 1, 19, 44, 53, tzinfo=UTC))
    assert len(clock.timestamp()) == len("2026-10-01T19:44:53.091540Z")
    assert clock.timestamp().startswith("2026-10-01T19:44:5")


def test_a_stopped_server_frees_its_port(state: State) -> None:
    server = start(state)
    assert httpx.get(f"{state.url}/emulator").status_code == 200
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{state.url}/emulator")


@contextmanager
def process(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    running = subprocess.Popen([sys.executable, "-m", "emulator", *arguments], stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def address(running: "subprocess.Popen[str]") -> str:
    assert running.stderr
    words = running.stderr.readline().split()
    assert words[0] == "emulator"
    return words[1]


def test_the_process_keeps_objects_over_a_restart_and_a_kill(tmp_path: Path) -> None:
    where = ["--port", "0", "--state", str(tmp_path)]
    upload = {"uploadType": "media", "name": "kept"}
    with process(*where) as running:
        httpx.post(f"{address(running)}/upload/storage/v1/b/gemtune-local/o", params=upload, content=b"text")
        running.send_signal(signal.SIGKILL)
        running.wait()
    with process(*where) as running:
        kept = httpx.get(f"{address(running)}/storage/v1/b/gemtune-local/o/kept", params={"alt": "media"})
        assert kept.content == b"text"
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=5) == 0


def test_a_taken_port_is_one_clear_line(state: State) -> None:
    server = start(state)
    port = server.url.rpartition(":")[2]
    with process("--port", port) as running:
        _, said = running.communicate(timeout=10)
    server.stop()
    assert running.returncode == 1
    assert said.count("\n") == 1
    assert f"127.0.0.1:{port}: Address already in use" in said


def test_a_second_emulator_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with process("--port", "0", "--state", str(tmp_path)) as first:
        address(first)
        with process("--port", "0", "--state", str(tmp_path)) as second:
            _, said = second.communicate(timeout=10)
    assert second.returncode == 1
    assert "no other emulator serves" in said


def test_starting_imports_nothing_slow() -> None:
    slow = {"numpy", "scipy", "kfp", "pandas", "grpc", "google.api_core", "google.protobuf", "google.auth"}
    code = f"import sys, emulator.__main__; print(sorted({slow!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
