"""Fixtures: a network without HTTP, and the whole simulator beside a test application."""

from collections.abc import AsyncIterator

import pytest

from tests.simulator.network_kit import NUMBER, World
from tests.simulator.stack import Stack, stack_with


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """On a turnable clock, with one number whose calls ask the application's /voice."""
    async with stack_with() as running:
        number = {"phone_number": NUMBER, "voice_url": running.url("/voice")}
        await running.control("POST", "/numbers", number)
        yield running
