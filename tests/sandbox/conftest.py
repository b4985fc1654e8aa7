"""What the tests of the sandbox share: one run for each engine that stands on this machine."""

from __future__ import annotations

import pytest
from sandbox_outside import ENGINE_NAMES, engine, standing

from cab_check.sandbox.box import Engine


@pytest.fixture(params=ENGINE_NAMES)
def walls(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn; skipped, with the reason, where it does not stand."""
    found = standing()[request.param]
    if isinstance(found, str):
        pytest.skip(f"{request.param}: {found}")
    return engine(request.param)
