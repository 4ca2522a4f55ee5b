"""What people ask of the api in a story: starts, buttons, and knocks at the door."""

from __future__ import annotations

from typing import Any

from tests.matrix.door import Door
from tests.matrix.moments import Deed
from tests.matrix.story import Said, Seen, Story
from tests.simulation.edge import Answer
from tests.simulation.stage import Stage, address_of, desk, supervisor_desk

ASKED_AGAIN_SECONDS = 1.0
STARTS_MAX = 80


class Desks:
    """The part of a scene that presses buttons."""

    stage: Stage
    story: Story
    seen: Seen
    checker: Any
    agent: str
    transfer_id: str
    joined: dict[str, str]
    """Supervisors who have joined, and the id of each."""

    def say(self, text: str) -> None:
        """One line of the ladder."""
        raise NotImplementedError

    async def _pass(self, seconds: float) -> None:
        await self.stage.pause(seconds)

    async def _start(self, who: str, key: str) -> Answer:
        if self.story.kind == "supervise":
            return await self._join(who, key)
        edge, principal = self.stage.edge, desk(address_of(who))
        if self.story.kind == "hold":
            sid = self.checker.conference_sid()
            answer = await edge.hold(principal, sid, {"policy": dict(self.story.policy)}, key)
        else:
            answer = await edge.start(principal, self._body(), key)
        self._said(who, "start", key, answer)
        if answer.status == 202:
            self.transfer_id = str(answer.body["id"])
        return answer

    async def _join(self, who: str, key: str) -> Answer:
        """A supervisor joins; whoever comes later only listens."""
        ears, address = self.checker.ears, address_of(who)
        mode = self.story.voice if who == "supervisor" else "monitor"
        sid = self.checker.conference_sid()
        number = ears.asked(address, mode, is_join=True)
        answer = await self.stage.edge.supervise(
            supervisor_desk(address), sid, {"mode": mode, **dict(self.story.asks)}, key
        )
        self._said(who, "start", key, answer)
        ears.answered(address, number, answer)
        if answer.is_ok:
            ears.joined(key, answer.body["id"])
            self.transfer_id = self.joined[who] = str(answer.body["id"])
        return answer

    async def _change(self, who: str, mode: str, key: str) -> Answer:
        """A supervisor wants another mode, or to leave."""
        ears, address = self.checker.ears, address_of(who)
        number = ears.asked(address, mode)
        answer = await self.stage.edge.change_mode(
            supervisor_desk(address), self.checker.conference_sid(), self.joined[who], mode, key
        )
        self._said(who, mode, key, answer)
        ears.answered(address, number, answer)
        return answer

    async def _press(self, deed: Deed) -> None:
        who, key = deed.who or self.agent, deed.detail or f"key-{self.stage.loop.time():.4f}"
        if deed.what == "start":
            await self._start(who, key)
            return
        if deed.what == "start_again":
            await self._start(who, "key-of-the-first")
            return
        await self.stage.until(lambda: bool(self.transfer_id), 10.0)
        principal = desk(address_of(who))
        for _ in range(STARTS_MAX):
            if self.story.kind == "supervise":
                if (await self._change(who, deed.what, key)).status not in (0, 503):
                    return
                await self._pass(ASKED_AGAIN_SECONDS)
                continue
            if deed.what == "resume":
                sid = self.checker.conference_sid()
                answer = await self.stage.edge.resume(principal, sid, key)
            else:
                answer = await self.stage.edge.press(principal, self.transfer_id, deed.what, key)
            self._said(who, deed.what, key, answer)
            if answer.status not in (0, 503):
                return
            await self._pass(ASKED_AGAIN_SECONDS)

    async def _knock(self, deed: Deed) -> None:
        """Somebody at the api's door who must not come in."""
        door = Door(self.stage)
        misused = {"hold": door.misused_hold, "supervise": door.misused_join}.get(
            self.story.kind, door.misused
        )
        knock = {"forge": door.forged, "poison": door.poisoned, "misuse": misused}[deed.what]
        async for name, answered in knock(self.checker.conference_sid()):
            self.say(f"     {name} -> {answered}")
            self.seen.knocks.append((name, answered))

    def _said(self, who: str, verb: str, key: str, answer: Answer) -> None:
        self.say(f"{who}: {verb} {key} -> {answer.status} {answer.code}")
        self.seen.said.append(Said(self.stage.loop.time(), who, verb, key, answer))
        if answer.status:
            is_join = verb == "start" and self.story.kind == "supervise"
            self.checker.answered("supervise" if is_join else verb, answer, key)

    def _body(self) -> dict[str, Any]:
        return {
            "kind": self.story.kind,
            "call": {"conference_sid": self.checker.conference_sid()},
            "targets": [
                {"address": address_of(who), **options} for who, options in self.story.targets
            ],
            "policy": dict(self.story.policy),
        }
