"""Makes the recorded conversations importable, and keeps this machine's proxies out of loopback tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

_PROXIES = [name for base in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (base, base.upper())]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
