"""Every story that is told is proven, and every one that is proven is told."""

from __future__ import annotations

from pathlib import Path

from tests.machine import test_scenarios


def test_stories_and_scenarios_have_the_same_names() -> None:
    page = Path("docs/stories.md").read_text(encoding="utf-8")
    told = [line.removeprefix("### ") for line in page.splitlines() if line.startswith("### ")]
    proven = [
        name.removeprefix("test_").replace("_", " ")
        for name in vars(test_scenarios)
        if name.startswith("test_")
    ]
    assert told == proven
