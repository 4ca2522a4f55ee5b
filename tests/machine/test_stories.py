"""Every story that is told is proven, and every one that is proven is told."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.control_stories import CONTROL_STORIES
from tests.e2e.hold_stories import HOLD_STORIES
from tests.e2e.recording_stories import RECORDING_STORIES
from tests.e2e.supervision_stories import SUPERVISION_STORIES
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


def test_stories_that_are_only_played_are_told_as_they_are_played() -> None:
    page = " ".join(Path("docs/stories.md").read_text(encoding="utf-8").split())
    told = (*RECORDING_STORIES, *SUPERVISION_STORIES, *HOLD_STORIES, *CONTROL_STORIES)
    assert [story.title for story in told if f"**{story.title}.**" not in page] == []
