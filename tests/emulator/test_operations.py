import httpx
import pytest

from emulator.operations import done_operation
from tests.conftest import Emulator

LOCATION = "projects/123456789012/locations/us-central1"


@pytest.mark.parametrize("owner", [LOCATION, f"{LOCATION}/models/7", f"{LOCATION}/metadataStores/default/contexts/a"])
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_an_operation_is_done_and_can_be_read_again(emulator: Emulator, owner: str, version: str) -> None:
    made = done_operation(emulator.state, owner, "google.cloud.aiplatform.v1.Model", {"name": "models/7"})
    asked = f"{emulator.url}/{version}/{made['name']}".replace("123456789012", "gemtune-local")
    found = httpx.get(asked, headers={"Authorization": f"Bearer {emulator.state.token}"}).json()
    assert found == made
    assert found["name"].startswith(f"{owner}/operations/")
    assert found["done"] is True
    assert found["response"] == {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.Model", "name": "models/7"}
