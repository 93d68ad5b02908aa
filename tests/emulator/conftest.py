import pytest
from google.cloud import storage
from google.cloud.storage import Bucket, Client

from tests.conftest import Emulator


@pytest.fixture
def client(emulator: Emulator) -> Client:
    return storage.Client()


@pytest.fixture
def bucket(client: Client, emulator: Emulator) -> Bucket:
    return client.bucket(emulator.bucket)
