"""The story of mute and announcements, held against the ledger of the simulated network."""

from __future__ import annotations

import pytest

from tests.e2e.control_stories import CONTROL_STORIES
from tests.e2e.stack import Stack
from tests.e2e.stories import Story
from tests.e2e.telephones import Telephones
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("story", CONTROL_STORIES, ids=lambda story: story.name)
async def test_story_ends_as_told(troupe: Troupe, stack: Stack, story: Story) -> None:
    told = await troupe.perform(story)
    assert not told.problems, f"{told.problems}\n{told.ladder}\n{told.asides}"
    assert 6 <= told.requests <= 20, (
        "two announcements, two changes read back, the guardian's looks"
    )
    assert await Telephones(stack).live_legs() == {}
    complaints = {name: process.complaints() for name, process in stack.processes.items()}
    assert not any(complaints.values()), complaints
