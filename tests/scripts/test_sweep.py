import argparse
from pathlib import Path

import pytest

from gemtune.errors import SpecError
from scripts.sweep import variants_of


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ntrain_data: t.jsonl\nsubmission: {target: emulator}\n")
    return str(path)


def asked(spec: str, *more: str, set: tuple[str, ...] = (), target: str | None = None) -> argparse.Namespace:
    return argparse.Namespace(spec=spec, more=list(more), set=list(set), target=target)


def test_one_spec_without_alternatives_is_one_run_with_its_own_name(spec: str) -> None:
    (one,) = variants_of(asked(spec, set=("epoch_count=3",)))
    assert one.label == "mine" and one.arguments.set == ["epoch_count=3"]


def test_every_combination_is_a_run_with_a_name_of_its_own(spec: str) -> None:
    found = variants_of(asked(spec, set=("epoch_count=2,4", "learning_rate_multiplier=0.5,1", "seed=1")))
    assert [each.label for each in found] == [
        "epoch_count=2 learning_rate_multiplier=0.5",
        "epoch_count=2 learning_rate_multiplier=1",
        "epoch_count=4 learning_rate_multiplier=0.5",
        "epoch_count=4 learning_rate_multiplier=1",
    ]
    assert all(each.arguments.set[-1] == "experiment=mine" for each in found), "to be compared there"
    names = [each.arguments.set[-2] for each in found]
    assert names[0] == "name=mine-epoch-count-2-learning-rate-multiplier-0-5"
    assert len(set(names)) == 4 and all("seed=1" in each.arguments.set for each in found)


def test_several_specs_are_run_as_they_are(spec: str, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("name: theirs\ntrain_data: t.jsonl\nsubmission: {target: emulator}\n")
    found = variants_of(asked(spec, str(other)))
    assert [(each.label, each.arguments.spec) for each in found] == [("mine", spec), ("other", str(other))]


def test_values_with_commas_of_their_own_are_not_split(spec: str) -> None:
    (one,) = variants_of(asked(spec, set=("train_data=a.jsonl,b.jsonl", 'base_model="a,b"', "stop_sequences=[a,b]")))
    assert "train_data=a.jsonl,b.jsonl" in one.arguments.set


def test_a_wrong_value_in_any_run_is_refused_before_the_first_one_starts(spec: str) -> None:
    with pytest.raises(SpecError, match="--set: adapter_size: 3, expected one of"):
        variants_of(asked(spec, set=("adapter_size=4,3",)))


def test_runs_that_are_the_same_or_go_elsewhere_are_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="epoch_count=2 is there twice"):
        variants_of(asked(spec, set=("epoch_count=2,2",)))
    paid = tmp_path / "paid.yaml"
    paid.write_text("name: paid\nproject: p\nbucket: buck\ntrain_data: t.jsonl\nsubmission: {target: vertex}\n")
    with pytest.raises(SpecError, match="found emulator, vertex, expected one for all specs"):
        variants_of(asked(spec, str(paid)))
    assert len(variants_of(asked(spec, str(paid), target="emulator"))) == 2
