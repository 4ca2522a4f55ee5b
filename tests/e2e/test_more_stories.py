"""Stories of holds, supervisors, mute and announcements, each held against the ledger of the
simulated network."""

from __future__ import annotations

import pytest

from tests.e2e.control_stories import CONTROL_STORIES
from tests.e2e.guardians import nothing_runs
from tests.e2e.hold_stories import HOLD_STORIES
from tests.e2e.stack import Stack
from tests.e2e.stories import Story
from tests.e2e.supervision_stories import SUPERVISION_STORIES
from tests.e2e.telephones import Telephones
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

REQUESTS_MAX = {
    **dict.fromkeys(HOLD_STORIES, 40),
    **dict.fromkeys(SUPERVISION_STORIES, 60),
    **dict.fromkeys(CONTROL_STORIES, 20),
}
"""Requests to Twilio that a story may cost, the guardian's looks included."""


@pytest.mark.parametrize("story", REQUESTS_MAX, ids=lambda story: story.name)
async def test_story_ends_as_told(troupe: Troupe, stack: Stack, story: Story) -> None:
    told = await troupe.perform(story)
    assert not told.problems, f"{told.problems}\n{told.ladder}\n{told.asides}"
    assert 0 < told.requests <= REQUESTS_MAX[story]
    assert await Telephones(stack).live_legs() == {}
    await nothing_runs(stack)
    complaints = {name: process.complaints() for name, process in stack.processes.items()}
    assert not any(complaints.values()), complaints
