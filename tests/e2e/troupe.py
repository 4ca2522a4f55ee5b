"""Plays stories: finds each an agent who is free, lets them run, and hears what they say."""

from __future__ import annotations

import asyncio

from tests.e2e.scene import Scene, Told
from tests.e2e.stack import AGENTS, Stack
from tests.e2e.stories import NEXT, Story
from tests.e2e.telephones import Telephones


class Troupe:
    """Everybody needed for stories at once: an agent talks in one story, and is busy for others."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._phones = Telephones(stack)
        self._free = list(AGENTS)
        self._curtain = asyncio.Lock()
        self._callers = 0

    async def open(self) -> None:
        """Every agent takes one call and is busy for all others, so the next agent takes those."""
        for agent in AGENTS:
            await self._phones.behave(agent, "answer", "busy")

    async def free_agent(self) -> str:
        """The agent who takes the next call. When all have had one, the first is free again."""
        if not self._free:
            self._free = list(AGENTS)
            await self.open()
        return self._free.pop(0)

    async def perform(self, story: Story) -> Told:
        """Play one story to its end, hold it against the network, and clear the stage."""
        told = Told(story.name, story.title)
        async with self._curtain:
            scene = await self._scene(story)
        try:
            ending = await story.play(scene)
            told = await scene.told(story.name, story.title, ending)
            await scene.everybody_goes()
        except Exception as error:
            told = await self._as_far(scene, told)
            told.problems.append(str(error) or repr(error))
        return told

    async def _scene(self, story: Story) -> Scene:
        """A caller talks with the first agent who is free."""
        self._callers += 1
        agent = await self.free_agent()
        others = {"target": story.target}
        if story.next_target:
            others[NEXT] = story.next_target
        if story.supervisor:
            others["supervisor"] = story.supervisor
        scene = Scene(self.stack, f"+1555010{9000 + self._callers}", agent, **others)
        await scene.open()
        return scene

    async def _as_far(self, scene: Scene, told: Told) -> Told:
        """What can be told of a story that went wrong."""
        try:
            return await scene.told(told.name, told.title)
        except Exception as error:
            told.problems.append(f"and nothing can be told of it: {error!r}")
            return told
