"""An authorization server, and a tab whose page is left for it."""

import pytest

from tests.reissue.provider import Provider
from tests.reissue.redirects import Tab


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def tab(provider: Provider) -> Tab:
    return Tab(provider)
