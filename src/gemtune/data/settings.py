"""How raw data becomes a dataset: what a spec says of it, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gemtune.data.dialects import DIALECTS
from gemtune.errors import SpecError

_CHOICES = {
    "data_format": ("auto", *DIALECTS),
    "sampling": ("random", "head"),
    "on_invalid": ("raise", "drop"),
    "on_leakage": ("raise", "drop"),
}


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """How raw data becomes a dataset; the names are those of the tuning spec."""

    data_format: str = "auto"
    """auto, or the name of a dialect: contents, messages, sharegpt, alpaca, input_output or prompt_completion."""
    prompt_template: str = ""
    """How columns become the prompt; empty to take the prompt column as it is."""
    system_instruction: str = ""
    """Given to every example that has none."""
    max_train_examples: int = 0
    """0 for all."""
    max_validation_examples: int = 0
    """0 for all."""
    max_test_examples: int = 0
    """0 for all."""
    sampling: str = "random"
    """random or head."""
    sample_seed: int = 0
    """Picks the random sample."""
    validation_fraction: float = 0.1
    """Share of the training sources, where there is no validation source."""
    test_fraction: float = 0.1
    """Share of the training sources, where there is no test source."""
    on_invalid: str = "raise"
    """raise or drop."""
    on_leakage: str = "raise"
    """raise or drop."""
    base_model: str = ""
    """Whose limits the examples must keep; empty for none."""
    catalog_overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Corrections to the catalogue of models."""
    task: str = "summarization"
    """What the model is tuned for; advice depends on it, as on the next."""
    adapter_size: int = 0
    """0 = the service's default."""
    checkpoint_selection: str = "last"
    """last, or validation, which needs validation examples."""
    for_tuning: bool = True
    """Whether there must be training examples; an evaluation needs only those of the test."""

    def limit(self, split: str) -> int:
        """Return the most examples of a split; 0 for all."""
        return int(getattr(self, f"max_{split}_examples"))

    def check(self) -> None:
        """Check the values: a console's form passes anything on.

        Raises:
            SpecError: A value is not among those allowed.
        """
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SpecError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(allowed)}")
        for name in ("train", "validation", "test"):
            if self.limit(name) < 0:
                raise SpecError(f"max_{name}_examples is {self.limit(name)}, expected 0 (all) or more")
        if min(self.validation_fraction, self.test_fraction) < 0 or self.validation_fraction + self.test_fraction >= 1:
            fractions = f"{self.validation_fraction} and {self.test_fraction}"
            raise SpecError(
                f"validation_fraction and test_fraction are {fractions}, expected 0 or more each and below 1 together"
            )
