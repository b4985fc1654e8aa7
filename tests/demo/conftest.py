from __future__ import annotations

from collections.abc import Iterator

import pytest
from openai import OpenAI

from cab_check.demo.server import DemoServer, serve

KEY = "sk-test-not-a-key-0123456789"


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    """A running demo endpoint that wants a key."""
    with serve(key=KEY) as server:
        yield server


@pytest.fixture
def client(demo: DemoServer) -> Iterator[OpenAI]:
    """The official SDK, pointed at `demo`, without retries that would hide a fault."""
    with OpenAI(base_url=demo.base_url, api_key=KEY, max_retries=0) as sdk:
        yield sdk
