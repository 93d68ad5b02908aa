"""The end of a newcomer's afternoon: real runs of several specs, a stranger's things beside them, then `clean`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.project import Project, place_stranger
from tests.terminal import Terminal

pytestmark = pytest.mark.acceptance


class Owner(Project):
    """Somebody who runs specs in the project, and cleans up after them."""

    def run(self, name: str, *more: str, **keys: Any) -> dict[str, Any]:
        """Run a spec to its end, and return what it decided."""
        ended = self.terminal.gemtune("run", self.terminal.spec(name, **keys), *more)
        assert ended.returncode == 0, ended.stderr
        return self.terminal.comparison()

    def clean(self, name: str, *more: str) -> dict[str, Any]:
        ended = self.terminal.gemtune("clean", str(self.terminal.folder / f"{name}.yaml"), "--json", *more)
        found = json.loads(ended.stdout)
        assert ended.returncode == (1 if found["failed"] else 0), ended.stderr
        return dict(found)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    with Terminal(tmp_path_factory.mktemp("cleaning")) as terminal:
        yield Owner(terminal)


def test_after_clean_nothing_of_ours_is_left_but_what_is_promoted_and_needed(project: Owner) -> None:
    theirs = place_stranger(project, schedule="promoted")
    assert len(theirs) == 5, "schedule, model, endpoint, experiment and its run"

    promoted = project.run("promoted", submission={"target": "emulator", "cron": "0 3 1 1 *"})
    applied = project.terminal.gemtune("schedule", "apply", str(project.terminal.folder / "promoted.yaml"))
    assert promoted["decision"] == "promote" and applied.returncode == 0, applied.stderr
    held = project.run("held", epoch_count=1, minimum_improvement=0.9, generation_mode="batch")
    younger = project.run("younger", epoch_count=1, minimum_improvement=0.9)
    assert held["decision"] == younger["decision"] == "hold"
    assert younger["models"]["candidate"] == held["models"]["candidate"], "taken up from the run before"
    before = project.names()
    assert any("/batchPredictionJobs/" in name for name in before)

    shown = project.clean("promoted")
    assert project.names() == before, "without --yes nothing is deleted"
    kinds = {each["kind"] for each in shown["to_delete"]}
    assert kinds >= {"schedule", "predictions"} and not kinds & {"endpoint", "model"}
    assert promoted["models"]["candidate"] in {each["name"] for each in shown["stays"]}

    needed = project.clean("held", "--yes")
    assert held["models"]["candidate"] in project.names()
    assert {each["reason"] for each in needed["stays"]} == {
        f"run {younger['job'].rpartition('/')[2]} of younger needs it"
    }
    assert not [name for name in project.names() if "/batchPredictionJobs/" in name]
    assert not project.objects("batches/output/") and project.objects("batches/input/")

    project.terminal.post("/emulator/faults", {"method": "models.delete", "times": 1, "code": 403})
    failed = project.clean("younger", "--all-specs", "--yes")
    (missed,) = failed["failed"]
    assert missed["name"] == held["tuning"]["model"].partition("@")[0] and "403" in missed["error"]
    assert not project.objects("predictions/"), "the rest went on"
    assert project.clean("younger", "--all-specs", "--yes")["deleted"] == [missed["name"]]

    left = project.names() - theirs
    run = next(name for name in left if name.endswith("-tuning-run"))
    stays = {each["name"] for each in project.clean("younger", "--all-specs")["stays"]}
    assert left - {run} == stays, "what was promoted, whole"
    assert promoted["models"]["candidate"] in stays and promoted["tuning"]["model"].partition("@")[0] in stays
    assert len(stays) == len(promoted["tuning"]["checkpoints"]) + 2
    assert project.names() >= theirs
    assert project.objects("promoted/") == {"gemtune/promoted/promoted.json"}

    paid = project.terminal.paid()
    again = project.run("promoted")
    assert again["models"] == promoted["models"] and project.terminal.paid()[0] == paid[0], "what stays is whole"
