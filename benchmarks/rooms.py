"""Calls to be transferred, made beforehand; and what the simulator saw, to the microsecond.

A call is a caller and an agent who talk in a conference that was set up over REST, as by an
application that the engine knows nothing of; only the caller's label is the one that the engine
itself gives. The same for engine and floor, but for the address
that hears of the conference.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp

from benchmarks.processes import Bench
from tests.e2e.stack import ACCOUNT, NUMBER
from workflows.views import CALLER_LABEL

Json = dict[str, Any]
T = TypeVar("T")
CALLER = "+15550102000"
AGENT = "client:alice"
RINGING = "client:bob"
"""A target whose phone rings until somebody answers."""
PROMPT = "client:prompt"
"""A target whose phone answers at once."""

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Call:
    """One caller and one agent who talk."""

    name: str
    conference_sid: str
    caller_sid: str
    agent_sid: str


class Rooms:
    """Makes calls, acts on phones, reads the simulator's logs."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._numbers = count(1)
        settings = bench.stack.settings
        self._auth = aiohttp.BasicAuth(
            settings["TWILIO_API_KEY_SID"], settings["TWILIO_API_KEY_SECRET"]
        )
        self._rest = f"{bench.stack.simulator_url}{rest_path('')}"
        self._control = f"{bench.stack.simulator_url}/simulator/v1"

    async def prepare(self) -> None:
        """Phones that answer by themselves."""
        for address in (CALLER, AGENT, PROMPT):
            await self.control("PUT", f"/phones/{_quoted(address)}/behavior", {"kind": "answer"})

    async def open(self, hears: Callable[[str], str]) -> Call:
        """A caller and an agent who talk; `hears` gives the address for the room's callbacks."""
        name = f"bench-{next(self._numbers)}"
        first = await self._add(
            name,
            CALLER,
            Label=CALLER_LABEL,
            ConferenceStatusCallback=hears(name),
            ConferenceStatusCallbackEvent="start end join leave",
        )
        second = await self._add(str(first["conference_sid"]), AGENT)
        call = Call(name, first["conference_sid"], first["call_sid"], second["call_sid"])
        await self.until(lambda: self._is_talking(call))
        return call

    async def close(self, call: Call) -> None:
        """End the call, whoever is still on it."""
        await self.rest("POST", f"Conferences/{call.conference_sid}.json", Status="completed")
        room = await self.control("GET", f"/conferences/{call.conference_sid}/hearing")
        for each in room["participants"]:
            await self.rest("POST", f"Calls/{each['call_sid']}.json", Status="completed")

    async def ringing(self, call: Call) -> str:
        """Wait until the target's phone rings; answers the leg's call SID."""

        async def look() -> str | None:
            phone = await self.control("GET", f"/phones/{_quoted(RINGING)}")
            for leg in phone["calls"]:
                if leg["conference_sid"] == call.conference_sid and leg["can_answer"]:
                    return str(leg["call_sid"])
            return None

        return await self.until(look)

    async def answer(self, call_sid: str) -> None:
        """The target picks up."""
        await self.control("POST", f"/phones/{_quoted(RINGING)}/answer", {"call_sid": call_sid})

    async def hang_up(self, call: Call) -> None:
        """The caller puts the receiver down."""
        body = {"call_sid": call.caller_sid}
        await self.control("POST", f"/phones/{_quoted(CALLER)}/hangup", body)

    # --- what the simulator saw ---

    async def mark(self) -> int:
        """The number of the latest request that the simulator received."""
        return int((await self.control("GET", "/requests?since=999999999"))["last"])

    async def received(
        self, since: int, fits: Callable[[Json], bool], seconds: float = PATIENCE_SECONDS
    ) -> Json:
        """Wait for the first request after `since` that fits."""

        async def look() -> Json | None:
            found = (await self.control("GET", f"/requests?since={since}"))["requests"]
            return next((each for each in found if fits(each)), None)

        return await self.until(look, seconds)

    async def sent(self, call_sid: str, word: str) -> int:
        """The monotonic nanosecond in which the callback with this word was sent."""

        async def look() -> int | None:
            for each in reversed((await self.control("GET", "/callbacks"))["callbacks"]):
                told = each["params"]
                words = (told.get("StatusCallbackEvent"), told.get("CallStatus"))
                if told.get("CallSid") == call_sid and word in words and "sent_ns" in each:
                    return int(each["sent_ns"])
            return None

        return await self.until(look)

    async def forget(self) -> None:
        """An empty network: logs that grow would slow the simulator down."""
        await self.control("POST", "/reset")
        await self.prepare()

    async def until(
        self, look: Callable[[], Awaitable[T | None]], seconds: float = PATIENCE_SECONDS
    ) -> T:
        """Look until there is something to be seen."""
        give_up_at = time.monotonic() + seconds
        while (seen := await look()) is None:
            if time.monotonic() > give_up_at:
                raise TimeoutError("the simulator never saw what was waited for")
            await asyncio.sleep(LOOK_SECONDS)
        return seen

    # --- the simulator's two faces ---

    async def control(self, method: str, path: str, body: Any = None) -> Json:
        """One request to the control face."""
        async with self._bench.http.request(method, self._control + path, json=body) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return {} if answer.status == 204 else dict(await answer.json())

    async def rest(self, method: str, path: str, **form: str) -> Json:
        """One request as Twilio's customer. A refusal is answered too."""
        async with self._bench.http.request(
            method, self._rest + path, data=form or None, auth=self._auth
        ) as answer:
            return dict(await answer.json()) if answer.status != 204 else {}

    async def _add(self, room: str, address: str, **form: str) -> Json:
        made = await self.rest(
            "POST",
            f"Conferences/{room}/Participants.json",
            **{"From": NUMBER, "To": address, "Beep": "false", "EndConferenceOnExit": "false"},
            **form,
        )
        if "call_sid" not in made:
            raise RuntimeError(f"no participant: {made}")
        return made

    async def _is_talking(self, call: Call) -> bool | None:
        room = await self.control("GET", f"/conferences/{call.conference_sid}/hearing")
        return True if len(room["pairs"]) == 2 else None


def rest_path(rest: str) -> str:
    """A path of Twilio's REST face."""
    return f"/2010-04-01/Accounts/{ACCOUNT}/{rest}"


def _quoted(address: str) -> str:
    return quote(address, safe="+:@")
