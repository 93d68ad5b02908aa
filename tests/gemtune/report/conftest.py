"""One browser for all tests of the report that need one."""

from collections.abc import Iterator

import pytest

from tests.gemtune.report.browser import Tab, browser


@pytest.fixture(scope="package")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        yield tab
