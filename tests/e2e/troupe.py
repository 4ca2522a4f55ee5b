"""Plays stories: finds each an agent who is free, lets them run, and hears what they say."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from tests.e2e.scene import Scene, Told
from tests.e2e.stack import AGENTS, Stack
from tests.e2e.stories import NEXT, Story
from tests.e2e.telephones import Telephones


class Troupe:
    """Everybody needed for stories at once: an agent talks in one story, and is busy for others."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._phones = Telephones(stack)
        self._rota = deque(AGENTS)
        self._on_stage: set[str] = set()
        self._off_stage = asyncio.Condition()
        self._curtain = asyncio.Lock()
        self._callers = 0

    async def open(self) -> None:
        """Every agent is busy, until it is their turn."""
        for agent in AGENTS:
            await self._phones.behave(agent, "busy")

    async def free_agent(self) -> str:
        """The agent who takes the next call, and no other: who is in a story is passed over, and
        when all are, the first to leave the stage is taken."""
        async with self._off_stage:
            await self._off_stage.wait_for(lambda: len(self._on_stage) < len(AGENTS))
            while self._rota[0] in self._on_stage:
                self._rota.rotate(-1)
            agent = self._rota[0]
            self._rota.rotate(-1)
        await self._phones.behave(agent, "answer", "busy")
        return agent

    async def perform(self, story: Story) -> Told:
        """Play one story to its end, hold it against the network, and clear the stage."""
        self._callers += 1
        caller = f"+1555010{9000 + self._callers}"
        told = Told(story.name, story.title)
        scene: Scene | None = None
        try:
            async with self._curtain:
                scene = self._scene(story, caller, await self.free_agent())
                self._on_stage.add(scene.people["agent"])
                await scene.open()
            ending = await story.play(scene)
            told = await scene.told(story.name, story.title, ending)
            await scene.everybody_goes()
        except Exception as error:
            told = await self._as_far(scene, told)
            told.problems.append(str(error) or repr(error))
        finally:
            await self._leaves(scene)
        return told

    def _scene(self, story: Story, caller: str, agent: str) -> Scene:
        others = {"target": story.target}
        if story.next_target:
            others[NEXT] = story.next_target
        if story.supervisor:
            others["supervisor"] = story.supervisor
        return Scene(self.stack, caller, agent, **others)

    async def _leaves(self, scene: Scene | None) -> None:
        """The agent may play in another story; until then their phone is busy."""
        if scene is None:
            return
        agent = scene.people["agent"]
        with suppress(Exception):
            await self._phones.behave(agent, "busy")
        async with self._off_stage:
            self._on_stage.discard(agent)
            self._off_stage.notify_all()

    async def _as_far(self, scene: Scene | None, told: Told) -> Told:
        """What can be told of a story that went wrong."""
        if scene is None:
            return told
        try:
            return await scene.told(told.name, told.title)
        except Exception as error:
            told.problems.append(f"and nothing can be told of it: {error!r}")
            return told
