"""Debian's chromium, driven by Playwright. Skips with the reason when there is no browser."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Error, Page, async_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
WAIT_MS = 10_000


def program() -> str:
    """Where the browser is; skips the test if it is nowhere."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("no chromium here: `make browser` installs Debian's")
    return found


class Window:
    """A page, and everything that it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._said)
        page.on("pageerror", self._failed)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, error: Error) -> None:
        self.complaints.append(f"uncaught: {error}")

    async def picture(self, folder: Path, name: str) -> None:
        """A screenshot of the whole page."""
        await self.page.screenshot(path=folder / f"{name}.png", full_page=True)


@asynccontextmanager
async def browser() -> AsyncIterator[BrowserContext]:
    """A fresh browser without any history."""
    executable = program()
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=executable, args=ARGUMENTS, headless=True
        )
        context = await running.new_context(viewport={"width": 1280, "height": 800})
        try:
            yield context
        finally:
            await running.close()
