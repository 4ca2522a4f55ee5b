"""A storm of repeated starts: each key posted many times at once, while apis are killed.

What must come of it: one transfer per key, whoever of the posts was first. A post that nobody
answered, or that was answered 503, is repeated until it is answered.

The posts of one key go to both apis in turn, all at once; a few keys are played at a time, each on
a call of its own, which is ended before the next begins. Nothing is asked of the engine but its
answers: what was dialled is read from the simulator.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

import aiohttp

from benchmarks.processes import KEEP_ALIVE_SECONDS, Bench
from benchmarks.rooms import RINGING, Call, Rooms
from tests.chaos.checker import CREATES
from tests.chaos.rig import Rig
from tests.e2e.telephones import Json

KEYS_AT_A_TIME = 4
KILLS_MAX = 50
"""In a long storm: a start of an api costs as much as a thousand posts."""
BACK_AFTER_SECONDS = 0.5
POST_SECONDS_MAX = 90.0
AGAIN_SECONDS = 0.2
LOOK_SECONDS = 0.01
REPLAYED = "Idempotent-Replayed"
ACCEPTED = "202"
NOBODY_ANSWERED = (aiohttp.ClientError, TimeoutError)


@dataclass
class Storm:
    """What came of it."""

    keys: int
    posts: int
    """Per key."""
    seconds: float = 0.0
    played: int = 0
    """Keys that have been played, well or not."""
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

    @property
    def sent(self) -> int:
        """Posts that have been answered, finally or not."""
        return sum(self.answered.values()) + self.lost + self.unavailable

    def as_dict(self) -> Json:
        """For the report."""
        return {**self.__dict__, "answered": dict(self.answered)}


def silent(told: Storm) -> None:
    """Says nothing while it goes on."""


async def storm(
    keys: int, posts: int, seed: int, progress: Callable[[Storm], None] = silent
) -> Storm:
    """So many keys, each posted so many times at once and once with another body. `progress` is
    called after each key."""
    told = Storm(keys, posts)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=20)
    async with (
        Rig(has_links=False) as rig,
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
                told.played += 1
                told.seconds = time.monotonic() - began
                progress(told)

        try:
            await asyncio.gather(*(one(number) for number in range(keys)))
        finally:
            killing.cancel()
        await rig.heal()
    return told


async def _kill_apis(rig: Rig, told: Storm, chance: Random) -> None:
    """One of the two is killed again and again, at moments spread over all posts; the other is
    always up."""
    between = told.keys * told.posts / min(told.keys, KILLS_MAX)
    for number in count():
        due = between * (number + chance.random())
        while sum(told.answered.values()) < due:  # noqa: ASYNC110 - each post would have to tell
            await asyncio.sleep(LOOK_SECONDS)
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
        self._apis = sorted(rig.api_ports.values())
        self._first_answers = 0
        """Answers that claim to be the first: accepted, and no repetition."""

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
        posts = (self._post(body, number) for number in range(self._told.posts))
        answers = await asyncio.gather(*posts)
        ids = {each["id"] for status, each in answers if status == 202}
        if len(ids) != 1 or any(status != 202 for status, _ in answers):
            self.wrong(f"{len(ids)} transfers: {Counter(status for status, _ in answers)}")
        refused, _ = await self._post(other)
        if refused != 422:
            self.wrong(f"another body was answered {refused}")
        await self._ringing(call)
        await self._rooms.close(call)
        status, late = await self._post(body)
        if status != 202 or {late["id"]} != ids:
            self.wrong(f"after the end it was answered {status}")
        if self._first_answers > 1:
            self.wrong(f"{self._first_answers} answers claim to be the first")
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

    async def _post(self, body: Json, number: int = 0) -> tuple[int, Json]:
        """Repeat one post until it is answered, now at one api and now at the other."""
        headers = {
            "Authorization": f"Bearer {self._rig.keys['service']}",
            "Idempotency-Key": self._key,
        }
        give_up_at = time.monotonic() + POST_SECONDS_MAX
        for turn in count(number):
            url = f"http://127.0.0.1:{self._apis[turn % len(self._apis)]}/v1/transfers"
            try:
                async with self._http.post(url, json=body, headers=headers) as answer:
                    told: Json = await answer.json()
                    if answer.status != 503 or time.monotonic() > give_up_at:
                        return answer.status, self._counted(answer, told)
                    self._told.unavailable += 1
            except NOBODY_ANSWERED:
                if time.monotonic() > give_up_at:
                    raise
                self._told.lost += 1
            await asyncio.sleep(AGAIN_SECONDS)
        raise AssertionError("counted to the end")

    def _counted(self, answer: aiohttp.ClientResponse, told: Json) -> Json:
        is_replayed = REPLAYED in answer.headers
        self._told.answered[f"{answer.status}{' replayed' if is_replayed else ''}"] += 1
        self._first_answers += str(answer.status) == ACCEPTED and not is_replayed
        return told

    def wrong(self, what: str) -> None:
        """One more problem."""
        self._told.problems.append(f"{self._key}: {what}")
