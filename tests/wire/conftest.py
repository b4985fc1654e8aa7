from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# A loaded machine is no fault of the code, and a test leaves no files behind.
settings.register_profile("wire", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wire")

PROXY_NAMES = [name for base in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (base, base.upper())]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificate store of the machine that runs the tests."""
    for name in (*PROXY_NAMES, "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
