"""People on a bad day: a scene whose desktop tries again, as a desktop should."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import quote

import httpx

from tests.chaos.checker import Bounds, Day, findings, orphans
from tests.chaos.rig import Rig
from tests.e2e.desk import Desk
from tests.e2e.scene import Scene
from tests.e2e.telephones import NeverSeenError, until

PATIENCE_SECONDS = 30.0
AGAIN_SECONDS = 0.1
AGENT = "client:alice"
TARGET = "client:bob"
_AGAIN = frozenset({502, 503, 504})


class PatientDesk(Desk):
    """Repeats a request with its key while nobody answers, or while the answer is "try again"."""

    async def request(
        self, method: str, path: str, body: Any = None, key: str = ""
    ) -> httpx.Response:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = await super().request(method, path, body, key)
                if not _is_to_be_repeated(answer) or time.monotonic() > give_up_at:
                    return answer
            except httpx.TransportError:
                if time.monotonic() > give_up_at:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)


def _is_to_be_repeated(answer: httpx.Response) -> bool:
    """503, or an agent whose answer is not known yet: "Ask again in a moment."."""
    if answer.status_code == httpx.codes.CONFLICT:
        return bool(answer.json().get("code") == "agent_not_on_call")
    return answer.status_code in _AGAIN


class BadDay(Scene):
    """One call on a rig. What is known of it comes from the network alone."""

    def __init__(self, rig: Rig, caller: str, target: str = TARGET, agent: str = AGENT) -> None:
        super().__init__(rig, caller, agent, target=target)
        self.desk = PatientDesk(rig, agent.partition(":")[2])
        self.since_entry = 0
        self.since_request = 0

    async def open(self) -> None:
        """The caller dials us and talks with the agent. Also with nobody's help but the phones'."""
        await self.begin()
        await self.phones.call_us(self.people["caller"])
        phone = await self.phones.hears(self.people["caller"], self.people["agent"])
        (call,) = phone["calls"]
        self.conference_sid = call["conference_sid"]

    async def begin(self) -> None:
        """What happened before is no evidence."""
        last = await self.phones.ask("GET", "/ledger", since=10**12)
        self.since_entry = last["last"]
        last = await self.phones.ask("GET", "/requests", since=10**12)
        self.since_request = last["last"]

    async def rings(self, part: str) -> None:
        """Wait until somebody's phone rings, whatever other calls they have."""
        await self._ringing(part)

    async def answers(self, part: str) -> None:
        """Somebody's phone rings, and is picked up."""
        call_sid = await self._ringing(part)
        address = quote(self.people[part], safe="+:@")
        await self.phones.ask("POST", f"/phones/{address}/answer", {"call_sid": call_sid})

    async def _ringing(self, part: str) -> str:
        async def look() -> str | None:
            for call in (await self.phones.phone(self.people[part]))["calls"]:
                if call["can_answer"] and call["conference_sid"] in (self.conference_sid, None):
                    return str(call["call_sid"])
            return None

        return await until(look, f"{self.people[part]} to ring")

    async def day(self) -> Day:
        """The evidence since the call began."""
        ledger = await self.phones.ask("GET", "/ledger", since=self.since_entry)
        requests = await self.phones.ask("GET", "/requests", since=self.since_request)
        callers = frozenset({self.people["caller"]})
        return Day(ledger["entries"], requests["requests"], callers, time.time())

    async def findings(self, bounds: Bounds) -> list[str]:
        """What is wrong so far, by the network's word."""
        return findings(await self.day(), bounds)

    async def curtain(self, bounds: Bounds) -> list[str]:
        """The caller hangs up, if still there, and then nobody may have a call for long."""
        if self.people["caller"] in await self.phones.live_legs():
            await self.hangs_up("caller")

        async def look() -> bool | None:
            return None if await self.phones.live_legs() else True

        try:
            await until(look, "all legs to end", bounds.cleaned)
        except NeverSeenError:
            return orphans(await self.phones.live_legs())
        return []

    async def exit_flag_on(self, part: str) -> None:
        """As an application may have set it up: the room ends when this person leaves."""
        phone = await self.phones.phone(self.people[part])
        (call,) = [each for each in phone["calls"] if each["conference_sid"] == self.conference_sid]
        settings = self.stack.settings
        path = f"Conferences/{self.conference_sid}/Participants/{call['call_sid']}.json"
        answer = await self.stack.http.post(
            f"{self.stack.simulator_url}/2010-04-01/Accounts/"
            f"{settings['TWILIO_ACCOUNT_SID']}/{path}",
            data={"EndConferenceOnExit": "true"},
            auth=(settings["TWILIO_API_KEY_SID"], settings["TWILIO_API_KEY_SECRET"]),
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        self.since_request += 1
