import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gemtune.errors import SpecError
from gemtune.spec import TuningSpec, load

MINIMAL: dict[str, Any] = {"name": "my-task", "project": "my-project", "bucket": "my-bucket", "train_data": "a.jsonl"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spec.yaml"


def written(path: Path, **keys: Any) -> Path:
    # JSON is YAML, one key per line here, so that problems have lines.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in {**MINIMAL, **keys}.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def problems(path: Path, **more: Any) -> list[str]:
    with pytest.raises(SpecError) as error:
        load(path, **more)
    return str(error.value).replace(f"{path.parent}/", "").splitlines()


def test_four_keys_make_a_spec(path: Path) -> None:
    spec = load(written(path))
    assert (spec.name, spec.base_model, spec.location) == ("my-task", "gemini-3.1-flash-lite", "us-central1")


def test_parameters_hold_what_the_steps_need_and_nothing_of_the_submission(path: Path) -> None:
    parameters = load(written(path, submission={"target": "vertex"})).parameters()
    assert set(parameters) == set(TuningSpec.model_fields) - {"submission"}
    assert json.loads(json.dumps(parameters)) == parameters


def test_a_submission_is_completed_from_the_spec(path: Path) -> None:
    submission = load(written(path, location="europe-west4")).submission
    assert (submission.project, submission.location, submission.target) == ("my-project", "europe-west4", "")
    assert submission.pipeline_root == "gs://my-bucket/gemtune/pipeline-root"


def test_what_a_submission_says_is_kept(path: Path) -> None:
    given = {"project": "other", "location": "us-east1", "bucket": "other-bucket", "labels": {"team": "a1"}}
    submission = load(written(path, submission=given)).submission
    assert submission.pipeline_root == "gs://other-bucket/gemtune/pipeline-root"
    assert {key: getattr(submission, key) for key in given} == given


def test_all_problems_are_listed_in_the_order_of_the_file(path: Path) -> None:
    written(path, name="My Task", epochs=3, temperature=3, submission={"targt": "vertex"})
    assert [line.split(", expected")[0].split(", did")[0] for line in problems(path)] == [
        "spec.yaml:1: name: 'My Task'",
        "spec.yaml:5: epochs: unknown key",
        "spec.yaml:6: temperature: 3",
        "spec.yaml:7: submission.targt: unknown key",
    ]


def test_missing_keys_are_all_named(path: Path) -> None:
    path.write_text("base_model: gemini-3.5-flash")
    assert [line.split(",")[0] for line in problems(path)] == [
        f"spec.yaml: {key}: missing" for key in ("name", "project", "bucket", "train_data")
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "spec.yaml: empty, expected keys and values"),
        ("# only a comment\n", "spec.yaml: empty, expected keys and values"),
        ("- a\n", "spec.yaml: ['a'], expected keys and values"),
        ("just text", "spec.yaml: 'just text', expected keys and values"),
        ("name: a\nbase_model: b: c\n", "spec.yaml:2: not YAML (mapping values are not allowed here)"),
        ("name: a\n\tbucket: b\n", "spec.yaml:2: not YAML ("),
        ("name: a\nbucket: b\nname: c\n", "spec.yaml:3: name: given twice, expected once"),
        ("name: a\nsubmission:\n  target: vertex\n  target: vertex\n", "spec.yaml:4: target: given twice"),
        ("1: a\n", "spec.yaml:1: key 1 is no text, expected a name: put it in quotes"),
        ("name: &a x\nbucket: *a\n", "spec.yaml:2: not YAML (aliases are not supported)"),
        ("name: !!binary eA==\n", "spec.yaml:1: tag tag:yaml.org,2002:binary is not supported"),
        ("seed: 99999999999999999999\n", "spec.yaml:1: '99999999999999999999' cannot be read as int"),
        ("a: 1\n---\nb: 2\n", "spec.yaml:2: not YAML ("),
        ("a: \x07", "spec.yaml: not YAML (special characters are not allowed)"),
        ("[" * 3000, "spec.yaml: nested too deeply"),
    ],
)
def test_what_is_no_spec_is_named_with_its_line(path: Path, text: str, problem: str) -> None:
    path.write_text(text)
    assert problems(path)[0].startswith(problem)


def test_a_missing_file_is_named(path: Path) -> None:
    assert problems(path) == ["spec.yaml: there is no such file, expected a tuning spec"]


def test_a_folder_is_no_spec(tmp_path: Path) -> None:
    assert "not readable" in problems(tmp_path)[0]


def test_a_file_that_is_not_utf_8_is_named(path: Path) -> None:
    path.write_bytes("name: größer".encode("latin-1"))
    assert problems(path) == ["spec.yaml: byte 8 is not UTF-8, expected UTF-8 text"]


def test_a_byte_order_mark_is_no_part_of_the_first_key(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + written(path).read_bytes())
    assert load(path).name == "my-task"


def test_the_command_line_overrides_the_file(path: Path) -> None:
    changes = {"epoch_count": "4", "stop_sequences": "[a, b]", "submission.target": "vertex", "temperature": "0"}
    spec = load(
        written(path, epoch_count=2, submission={"service_account": "steps@p-1234.iam.gserviceaccount.com"}), changes
    )
    assert (spec.epoch_count, spec.stop_sequences, spec.temperature) == (4, ["a", "b"], 0.0)
    assert (spec.submission.target, spec.submission.service_account) == (
        "vertex",
        "steps@p-1234.iam.gserviceaccount.com",
    )


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("epoch_count", "many", "--set: epoch_count: 'many', expected a whole number: "),
        ("epochs", "3", "--set: epochs: unknown key, did you mean `epoch_count`?"),
        ("submission.target", "cloud", "--set: submission.target: 'cloud', expected one of"),
        ("base_model", "a: b: c", "--set base_model:1: not YAML ("),
    ],
)
def test_a_wrong_override_is_named(path: Path, key: str, text: str, problem: str) -> None:
    assert problems(written(path, epoch_count=1), overrides={key: text})[0].startswith(problem)


def test_defaults_give_way_to_the_file_and_to_overrides(path: Path) -> None:
    path.write_text("project: from-file\ntrain_data: a.jsonl\n")
    defaults = {"project": "default", "bucket": "default", "name": "default"}
    spec = load(path, {"bucket": "from-override"}, defaults)
    assert (spec.project, spec.bucket, spec.name) == ("from-file", "from-override", "default")


def test_catalog_overrides_can_stand_in_a_toml_file_beside_the_spec(path: Path) -> None:
    path.with_name("prices.toml").write_text('["gemini-3.5-flash"]\nretires = 2030-01-01\nprices.training = 4\n')
    spec = load(written(path, catalog_overrides="prices.toml"))
    assert spec.parameters()["catalog_overrides"] == {
        "gemini-3.5-flash": {"retires": "2030-01-01", "prices": {"training": 4}}
    }


@pytest.mark.parametrize(
    ("text", "problem"), [(None, "(No such file or directory)"), ("a = [", "(Invalid value (at end of document))")]
)
def test_a_catalog_file_that_cannot_be_read_is_named(path: Path, text: str | None, problem: str) -> None:
    if text is not None:
        path.with_name("prices.toml").write_text(text)
    expected = f"spec.yaml:5: catalog_overrides: 'prices.toml', expected the path of a TOML file {problem}"
    assert problems(written(path, catalog_overrides="prices.toml")) == [expected]


PRINTABLE = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
VALID = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True),
        "project": PRINTABLE.filter(bool),
        "bucket": st.from_regex(r"[a-z0-9][a-z0-9._-]{1,20}[a-z0-9]", fullmatch=True),
        "train_data": PRINTABLE.filter(bool),
    },
    optional={
        "system_instruction": PRINTABLE,
        "epoch_count": st.integers(0, 100),
        "adapter_size": st.sampled_from([0, 1, 2, 4, 8, 16]),
        "learning_rate_multiplier": st.floats(0, 10),
        "temperature": st.one_of(st.floats(0, 2), st.integers(0, 2)),
        "stop_sequences": st.lists(PRINTABLE, max_size=5),
        "thinking": st.one_of(st.just("low"), st.integers(0, 999_999)),
        "force_retune": st.booleans(),
        "guard_metrics": st.dictionaries(st.sampled_from(["rouge1_f1", "rougeL_recall"]), st.floats(-1, 0)),
        "submission": st.fixed_dictionaries({}, optional={"target": st.just("vertex"), "catch_up": st.booleans()}),
    },
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(keys=VALID)
def test_a_valid_spec_survives_being_written_and_read(path: Path, keys: dict[str, Any]) -> None:
    spec = load(written(path, **keys))
    path.write_text(json.dumps(spec.model_dump(), ensure_ascii=False), encoding="utf-8")
    assert load(path) == spec


MARKS = [*"\n{}[]|>'\"\t~,", "- ", ": ", "? ", "# ", "!!", "!!int ", "!!seq ", "&a ", "*a", "---", "<<: ", "%YAML 9"]
KEYS = ["name: ", "train_data: ", "submission:", "catalog_overrides: ", "  ", "\\u", "d800", ".inf", "1e999"]
FRAGMENTS = st.sampled_from(MARKS + KEYS)


@settings(FEW, max_examples=300)
@given(text=st.one_of(st.text(), st.lists(st.one_of(FRAGMENTS, st.text(max_size=3)), max_size=20).map("".join)))
def test_no_text_makes_loading_fail_in_another_way(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SpecError):
        load(path)


@FEW
@given(text=st.lists(FRAGMENTS, max_size=10).map("".join), key=st.sampled_from(sorted(TuningSpec.model_fields)))
def test_no_override_makes_loading_fail_in_another_way(path: Path, text: str, key: str) -> None:
    written(path)
    try:
        load(path, {key: text})
    except SpecError as error:
        assert "--set" in str(error)


def test_importing_the_spec_loads_nothing_heavy() -> None:
    code = "import sys, gemtune.spec; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("google.auth", "google.cloud.storage", "google.genai", "kfp", "numpy", "pandas", "requests"):
        assert f"'{heavy}'" not in loaded
