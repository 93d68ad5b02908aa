"""What is committed under compiled/ is what the sources say, byte for byte, and what Vertex AI takes."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import locked_versions
from gemtune.spec import TuningSpec
from pipelines import compiler

ROOT = Path(__file__).parents[2]
COMPILED = ROOT / "compiled" / "tuning.yaml"
FILES = ("tuning.yaml", "evaluation.yaml", "tuning-email.yaml")
ALLOWED_KEYS = set((Path(__file__).parent / "spec_keys.txt").read_text().split())
NAMED_BY_US = {"components", "executors", "tasks", "parameters", "artifacts", "outputParameters"}
"""Maps whose keys are names of ours, not of the format."""


def load(text: str) -> dict[str, Any]:
    return yaml.load(text, Loader=yaml.CSafeLoader)  # type: ignore[no-any-return]


@pytest.fixture
def committed() -> dict[str, Any]:
    return load(COMPILED.read_text(encoding="utf-8"))


def programs(spec: dict[str, Any]) -> dict[str, str]:
    executors = spec["deploymentSpec"]["executors"]
    return {name: each["container"]["command"][-1] for name, each in executors.items() if "container" in each}


def compile_copy(folder: Path, change: str = "") -> str:
    """Compile a copy of the sources in another folder, at another time."""
    for part in ("src", "components", "pipelines", "scripts", "compiled", "requirements.lock"):
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9))
    report = folder / "src/gemtune/report/page.py"
    report.write_text(report.read_text(encoding="utf-8") + change, encoding="utf-8")
    (folder / "compiled/tuning.yaml").unlink()
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'src'}"}
    subprocess.run([sys.executable, "-m", "scripts.compile"], cwd=folder, env=environment, check=True)
    return (folder / "compiled/tuning.yaml").read_text(encoding="utf-8")


def test_the_committed_yaml_is_what_the_sources_compile_to_in_another_folder_at_another_time(tmp_path: Path) -> None:
    fresh, committed = compile_copy(tmp_path), COMPILED.read_text(encoding="utf-8")
    for name, program in programs(load(fresh)).items():
        assert compiler.unpack(program) == compiler.unpack(programs(load(committed))[name]), name
    assert fresh == committed, "stale: run `gemtune compile`"


def test_editing_the_report_leaves_the_tuning_step_as_it_was(tmp_path: Path) -> None:
    edited = load(compile_copy(tmp_path, change="\n# a remark\n"))
    before = load(COMPILED.read_text(encoding="utf-8"))
    changed = {name for name, program in programs(edited).items() if program != programs(before)[name]}
    assert changed == {"exec-compare-models"}


def test_a_step_carries_only_the_modules_it_imports(committed: dict[str, Any]) -> None:
    carried = {name: set(compiler.unpack(program)) for name, program in programs(committed).items()}
    assert {"gemtune/tuning/tune.py", "gemtune/catalog.toml"} <= carried["exec-tune-model"]
    assert "gemtune/report/page.py" not in carried["exec-tune-model"]
    assert {"gemtune/report/page.py", "gemtune/report/page.html"} <= carried["exec-compare-models"]
    assert "gemtune/spec.py" not in set().union(*carried.values())
    assert "gemtune/serving.py" not in carried["exec-compare-models"] | carried["exec-promote-model"]
    assert "gemtune/comparison/decision.py" not in carried["exec-promote-model"], "it only reads what was decided"


def test_what_only_a_type_checker_imports_is_not_carried() -> None:
    program = """
from typing import TYPE_CHECKING

import gemtune.errors

if TYPE_CHECKING:
    from gemtune.catalog import Catalog
else:
    import gemtune.labels
if typing.TYPE_CHECKING:
    import gemtune.storage


def step():
    if gemtune.errors:
        from gemtune.step import step
"""
    modules = {name for name in compiler.imports(program) if name.count(".") == 1}
    assert modules == {"gemtune.errors", "gemtune.labels", "gemtune.step"}


@pytest.mark.parametrize("file", FILES)
def test_every_step_fits_into_one_argument(file: str) -> None:
    for name, program in programs(load((COMPILED.parent / file).read_text(encoding="utf-8"))).items():
        archive = compiler.ARCHIVE.search(program)
        is_ours = name != "exec-vertex-pipelines-notification-email"
        assert not is_ours or (archive and len(archive[0]) < 85_000), name
        assert len(program.encode()) < 100_000, name


def test_an_archive_that_would_not_fit_is_refused() -> None:
    noise = {"gemtune/noise.bin": os.urandom(100_000)}
    with pytest.raises(ValueError, match="at most 95000 fit"):
        compiler.pack(noise)


def test_what_a_step_installs_is_what_is_locked(committed: dict[str, Any]) -> None:
    locked = locked_versions()
    for name, executor in committed["deploymentSpec"]["executors"].items():
        if "container" in executor:
            pinned = re.findall(r"'([\w.-]+)==([^']+)'", executor["container"]["command"][2])
            assert len(pinned) > 5, name
            assert {package: locked[package] for package, _ in pinned} == dict(pinned), name


def keys(value: Any, named: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if not named:
                yield key
            yield from keys(each, named=not named and key in NAMED_BY_US)
    elif isinstance(value, list):
        for each in value:
            yield from keys(each)


@pytest.mark.parametrize("file", FILES)
def test_the_yaml_has_no_key_that_an_older_back_end_rejects(file: str) -> None:
    committed = load((COMPILED.parent / file).read_text(encoding="utf-8"))
    # What is data and not format is taken out.
    for executor in committed["deploymentSpec"]["executors"].values():
        executor.get("importer", {}).pop("metadata", None)
    for dag in [committed["root"], *committed["components"].values()]:
        for parameter in dag.get("inputDefinitions", {}).get("parameters", {}).values():
            parameter.pop("defaultValue", None)
        for task in dag.get("dag", {}).get("tasks", {}).values():
            for parameter in task.get("inputs", {}).get("parameters", {}).values():
                parameter.pop("runtimeValue", None)
    assert set(keys(committed)) <= ALLOWED_KEYS


def test_what_older_back_ends_reject_is_not_allowed() -> None:
    rejected = {"resourceCpuLimit", "resourceMemoryLimit", "resourceType", "resourceCount", "cacheKey"}
    assert len(ALLOWED_KEYS) > 40 and not ALLOWED_KEYS & rejected
    assert set(keys({"root": {"dag": {"tasks": {"resourceType": {"cachingOptions": {"cacheKey": "x"}}}}}})) == {
        "root",
        "dag",
        "tasks",
        "cachingOptions",
        "cacheKey",
    }, "a task may have any name, and everything in it is looked at"


@pytest.mark.parametrize(
    ("file", "only_here", "not_here"),
    [
        ("tuning.yaml", {}, set()),
        ("tuning-email.yaml", {"recipients": "E-mail addresses, up to 3"}, {"experiment", "webhook_secret"}),
    ],
)
def test_every_parameter_of_the_form_is_described_typed_and_defaulted(
    file: str, only_here: dict[str, str], not_here: set[str]
) -> None:
    parameters = load((COMPILED.parent / file).read_text(encoding="utf-8"))["root"]["inputDefinitions"]["parameters"]
    assert set(parameters) == set(TuningSpec.model_fields) - {"submission"} - not_here | set(only_here)
    for name, parameter in parameters.items():
        expected = only_here.get(name) or TuningSpec.model_fields[name].description
        assert expected and parameter["description"].startswith(expected), name
        assert parameter["parameterType"] in {"STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN", "LIST", "STRUCT"}
    required = {name for name, parameter in parameters.items() if "defaultValue" not in parameter}
    assert required == {"name", "project", "bucket", "train_data", *only_here}


def test_the_e_mail_build_differs_in_how_it_ends_and_in_nothing_else(committed: dict[str, Any]) -> None:
    email = load((COMPILED.parent / "tuning-email.yaml").read_text(encoding="utf-8"))
    ended = email["deploymentSpec"]["executors"].pop("exec-vertex-pipelines-notification-email")
    assert "VertexNotificationEmail" in ended["container"]["args"]
    del committed["deploymentSpec"]["executors"]["exec-notify"]
    assert email["deploymentSpec"] == committed["deploymentSpec"]
    steps = "comp-exit-handler-1"
    assert email["components"][steps]["dag"] == committed["components"][steps]["dag"]


def test_a_build_for_an_image_installs_nothing_and_is_otherwise_the_same(committed: dict[str, Any]) -> None:
    from pipelines.tuning import tuning

    built = load(compiler.compile_pipeline(tuning, "europe-docker.pkg.dev/p/r/steps:1"))
    assert programs(built) == programs(committed)
    for name, executor in built["deploymentSpec"]["executors"].items():
        if "container" in executor:
            assert executor["container"]["image"] == "europe-docker.pkg.dev/p/r/steps:1", name
            assert "pip install" not in " ".join(executor["container"]["command"][:-1]), name


def test_the_image_has_what_every_step_installs_and_takes_it_by_hash() -> None:
    files = compiler.image_files(COMPILED.read_text(encoding="utf-8"))
    entries = re.split(r"\n(?=\S)", files["requirements.txt"].strip())
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert all(f"\n{entry}\n" in f"\n{lock}\n" and "--hash=sha256:" in entry for entry in entries)
    installed = {entry.split()[0] for entry in entries}
    wanted = set[str]()
    for file in ("tuning", "tuning-email", "evaluation"):
        spec = load((COMPILED.parent / f"{file}.yaml").read_text(encoding="utf-8"))
        for name, executor in spec["deploymentSpec"]["executors"].items():
            if executor.get("container", {}).get("image") == "python:3.11-slim":
                packages = re.findall(r"'([\w.-]+==[^']+)'", executor["container"]["command"][2])
                assert len(packages) > 5, name
                wanted.update(packages)
    assert installed == wanted
    assert files["Dockerfile"].splitlines() == [
        "FROM python:3.11-slim",
        "COPY requirements.txt /requirements.txt",
        "RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes --requirement /requirements.txt",
    ]


def test_a_command_that_kfp_writes_in_another_way_is_refused() -> None:
    with pytest.raises(ValueError, match="expected `sh -c` that runs pip install"):
        compiler.without_install(["python3", "-m", "pip install", "sh", "-ec"])


def test_the_form_and_the_spec_have_the_same_defaults(committed: dict[str, Any]) -> None:
    required = {"name": "n", "project": "p", "bucket": "bucket", "train_data": "gs://b/t.jsonl"}
    spec = TuningSpec.model_validate(required).parameters()
    for name, parameter in committed["root"]["inputDefinitions"]["parameters"].items():
        if name not in required:
            assert parameter.get("defaultValue") == spec[name], name


def test_every_step_and_output_is_described(committed: dict[str, Any]) -> None:
    for name, component in committed["components"].items():
        if "executorLabel" not in component or name.startswith("comp-importer"):
            continue
        for side in ("inputDefinitions", "outputDefinitions"):
            for kind in ("parameters", "artifacts"):
                for key, each in component.get(side, {}).get(kind, {}).items():
                    assert each.get("description") or key == "Output", f"{name}.{key}"


def test_baseline_and_tuning_do_not_wait_for_each_other(committed: dict[str, Any]) -> None:
    tasks = committed["components"]["comp-exit-handler-1"]["dag"]["tasks"]

    def ancestors(name: str) -> set[str]:
        direct = set(tasks[name].get("dependentTasks", []))
        return direct.union(*(ancestors(each) for each in direct)) if direct else direct

    assert ancestors("generate-predictions") == {"stage-sources", "prepare-dataset"}
    assert ancestors("tune-model") == {"stage-sources", "prepare-dataset"}


def test_only_data_conversion_uses_the_cache(committed: dict[str, Any]) -> None:
    tasks = committed["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    cached = {name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}
    assert cached <= {"prepare-dataset", "importer", "condition-1"}
    assert "prepare-dataset" in cached
