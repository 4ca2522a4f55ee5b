"""A storm of repeated starts: each key posted many times at once, while apis are killed.

What must come of it: one transfer per key, whoever of the posts was first. A post that nobody
answered, or that was answered 503, is repeated until it is answered.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import aiohttp

from benchmarks.processes import KEEP_ALIVE_SECONDS, Bench
from benchmarks.rooms import RINGING, Call, Rooms
from tests.chaos.checker import CREATES
from tests.chaos.rig import Rig
from tests.e2e.telephones import Json

KEYS_AT_A_TIME = 2
KILL_EVERY_SECONDS = 2.0
BACK_AFTER_SECONDS = 0.5
POST_SECONDS_MAX = 90.0
AGAIN_SECONDS = 0.2
REPLAYED = "Idempotent-Replayed"


@dataclass
class Storm:
    """What came of it."""

    keys: int
    posts: int
    """Per key."""
    seconds: float = 0.0
    answered: Counter[str] = field(default_factory=Counter)
    """Answers by status; `202 replayed` apart."""
    lost: int = 0
    """Posts that nobody answered, and that were sent again."""
    unavailable: int = 0
    """Posts that were answered 503, and sent again."""
    kills: int = 0
    transfers: int = 0
    """Attempts that were dialled, by their labels."""
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> Json:
        """For the report."""
        return {**self.__dict__, "answered": dict(self.answered)}


async def storm(keys: int, posts: int, seed: int, settings: dict[str, str] | None = None) -> Storm:
    """So many keys, each posted so many times at once and once with another body."""
    told = Storm(keys, posts)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=20)
    async with (
        Rig(settings) as rig,
        aiohttp.ClientSession(connector=connector, timeout=timeout) as http,
    ):
        rooms = Rooms(Bench(rig, "", http))
        await rooms.prepare()
        killing = asyncio.create_task(_kill_apis(rig, told, Random(seed)))
        began = time.monotonic()
        gate = asyncio.Semaphore(KEYS_AT_A_TIME)

        async def one(number: int) -> None:
            async with gate:
                key = _Key(rig, rooms, http, told, f"storm-{seed}-{number}")
                try:
                    await key.play()
                except Exception as error:
                    key.wrong(f"{type(error).__name__}: {error}")

        try:
            await asyncio.gather(*(one(number) for number in range(keys)))
        finally:
            killing.cancel()
        told.seconds = time.monotonic() - began
        await rig.heal()
    return told


async def _kill_apis(rig: Rig, told: Storm, chance: Random) -> None:
    """One of the two is killed again and again; the other is always up."""
    while True:
        await asyncio.sleep(KILL_EVERY_SECONDS * chance.uniform(0.5, 1.5))
        name = chance.choice(sorted(rig.api_ports))
        rig.kill(name)
        told.kills += 1
        await asyncio.sleep(BACK_AFTER_SECONDS)
        await rig.start_again(name)


class _Key:
    """One key on one call."""

    def __init__(
        self, rig: Rig, rooms: Rooms, http: aiohttp.ClientSession, told: Storm, key: str
    ) -> None:
        self._rig, self._rooms, self._http = rig, rooms, http
        self._told, self._key = told, key

    async def play(self) -> None:
        """Open a call, post, look what was dialled, post once more after the end."""
        call = await self._rooms.open(lambda _: f"{self._rig.api_url}/twilio/conference")
        mark = await self._rooms.mark()
        body = {
            "kind": "warm",
            "call": {"conference_sid": call.conference_sid},
            "agent": {"address": "client:alice", "call_sid": call.agent_sid},
            "targets": [RINGING],
        }
        other = {**body, "targets": ["client:carl"]}
        answers = await asyncio.gather(*(self._post(body) for _ in range(self._told.posts)))
        ids = {each["id"] for status, each in answers if status == 202}
        if len(ids) != 1:
            self.wrong(f"{len(ids)} transfers: {Counter(status for status, _ in answers)}")
        refused, _ = await self._post(other)
        if refused != 422:
            self.wrong(f"another body was answered {refused}")
        await self._ringing(call)
        await self._rooms.close(call)
        status, late = await self._post(body)
        if status != 202 or {late["id"]} != ids:
            self.wrong(f"after the end it was answered {status}")
        await self._count(call, mark)

    async def _ringing(self, call: Call) -> None:
        """Wait for the target's phone: the posts are ahead of it in every queue."""
        give_up_at = time.monotonic() + POST_SECONDS_MAX
        while True:
            try:
                await self._rooms.ringing(call)
            except TimeoutError:
                if time.monotonic() > give_up_at:
                    raise
            else:
                return

    async def _count(self, call: Call, mark: int) -> None:
        found = await self._rooms.control("GET", f"/requests?since={mark}")
        labels = [
            each["params"]["Label"]
            for each in found["requests"]
            if each["route"] in CREATES and each["effect"] and call.conference_sid in each["path"]
            and each["params"].get("Label")
        ]  # fmt: skip
        self._told.transfers += len(labels)
        if len(labels) != 1:
            self.wrong(f"dialled {labels}")

    async def _post(self, body: Json) -> tuple[int, Json]:
        """Repeat one post until it is answered."""
        headers = {
            "Authorization": f"Bearer {self._rig.keys['service']}",
            "Idempotency-Key": self._key,
        }
        give_up_at = time.monotonic() + POST_SECONDS_MAX
        url = f"{self._rig.api_url}/v1/transfers"
        while True:
            try:
                async with self._http.post(url, json=body, headers=headers) as answer:
                    told: Json = await answer.json()
                    if answer.status != 503 or time.monotonic() > give_up_at:
                        replayed = " replayed" if REPLAYED in answer.headers else ""
                        self._told.answered[f"{answer.status}{replayed}"] += 1
                        return answer.status, told
                    self._told.unavailable += 1
            except (aiohttp.ClientError, TimeoutError):
                if time.monotonic() > give_up_at:
                    raise
                self._told.lost += 1
            await asyncio.sleep(AGAIN_SECONDS)

    def wrong(self, what: str) -> None:
        """One more problem."""
        self._told.problems.append(f"{self._key}: {what}")
