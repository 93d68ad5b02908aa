from collections.abc import Callable
from typing import Any

import pytest

from gemtune import catalog as catalogs
from gemtune.errors import SpecError
from gemtune.serving import resolve_model, resolve_version

CATALOG = catalogs.load()
BASE = "gemini-3.1-flash-lite"
REGION = "us-central1"


@pytest.mark.parametrize(
    "named", [lambda job: job["tuning_job"], lambda job: job["model"], lambda job: job["endpoint"]]
)
def test_a_tuned_model_is_found_by_any_of_its_names(tuning: Any, named: Callable[[dict[str, Any]], str]) -> None:
    job = tuning.tune()
    served = resolve_model(named(job), project=tuning.emulator.project, location=REGION, catalog=CATALOG)
    assert served == (job["endpoint"], "us", BASE)


def test_a_model_is_served_by_its_default_checkpoint(tuning: Any) -> None:
    job = tuning.tune()
    model = job["model"].partition("@")[0]
    document = tuning.emulator.state.get("models", job["model"])
    tuning.emulator.state.put("models", job["model"], {**document, "defaultCheckpointId": "1"})
    served = resolve_model(model, project=tuning.emulator.project, location=REGION, catalog=CATALOG)
    assert served.model == job["checkpoints"][0]["endpoint"]
    assert resolve_version(model, project=tuning.emulator.project) == job["model"]


@pytest.mark.parametrize("name", [BASE, f"google/{BASE}", f"publishers/google/models/{BASE}@default"])
def test_a_base_model_is_served_where_the_catalogue_says(name: str) -> None:
    assert resolve_model(name, project="p", location=REGION, catalog=CATALOG) == (BASE, "global", BASE)
    assert resolve_model(name, project="p", location=REGION, inference_location="eu", catalog=CATALOG).location == "eu"


def test_a_name_of_no_known_form_is_refused() -> None:
    for name in ("endpoints/5", "5091185849104563738"):
        with pytest.raises(SpecError, match=f"model is '{name}', expected a base model id, or projects/"):
            resolve_model(name, project="p", location=REGION, catalog=CATALOG)
    with pytest.raises(SpecError, match=r"pre_tuned_model is 'gemini-3\.5-flash', expected"):
        resolve_version("gemini-3.5-flash", project="p")
