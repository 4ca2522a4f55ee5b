"""One stack for all tests of this folder that break nothing, and stacks of their own for others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.e2e.stack import Options, Stack
from tests.e2e.troupe import Troupe


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """Every process of the product on free ports, with two workers."""
    async with Stack(Options(workers=2, simulated_in_page=True)) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def troupe(stack: Stack) -> Troupe:
    """Agents who are free, and callers."""
    company = Troupe(stack)
    await company.open()
    return company


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def durable() -> AsyncIterator[Stack]:
    """A stack whose processes a test may kill: Temporal keeps its state in a file."""
    async with Stack(Options(workers=1, is_durable=True)) as running:
        yield running
