"""The guardian's one activity that looks: look, compare, look again at what differs, report.

It returns as soon as something was found, so that a workflow carries it out, and after a few looks
in any case. Nothing is lost when it dies: what it would have found is found by the next look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from temporalio import activity
from temporalio.client import Client as Temporal
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from twilio.rest import Client

from activities.errors import GONE, TwilioError, ask
from activities.guardian.compare import LEG_AWAITED, ROOM_ENDED, Suspicion, differences
from activities.guardian.look import CallSeen, Look, call_seen, look_around
from activities.guardian.owners import Owner, Owners, Person
from activities.reading import find_participant, read_conference
from activities.room import ENDED

GRACE_SECONDS = 1.0
"""Between a suspicion and the second look: a report that is on its way arrives within this time."""
TOLD_AGAIN_SECONDS = 30.0
"""Who did not act on what was told is told again, but not with every look: each telling costs."""
AGAIN_MAX = 200
"""Differences looked at again per look; after a long outage the rest waits for the next one."""
PARALLEL_MAX = 20

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GuardInput:
    """Whose beliefs are held against Twilio, and how often. Times in seconds.

    `types`, `view` and `task_queue` as in `Owners`, `silent_while` as in `differences`. `looked_at`
    and `told` come from the report before: seconds since the epoch.
    """

    types: tuple[str, ...]
    view: str
    task_queue: str
    silent_while: dict[str, str] = field(default_factory=dict)
    look_seconds: float = 4.0
    looks: int = 5
    page_size: int = 1000
    looked_at: float = 0.0
    told: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One difference that held when it was looked at again. `kind` is a word of `compare`."""

    kind: str
    key: str
    """The same for the same difference of the same run."""
    workflow_id: str
    run_id: str
    conference_sid: str
    call_sid: str = ""
    label: str = ""
    cause: str = ""
    answered_by: str = ""


@dataclass(frozen=True)
class GuardReport:
    """What the looks of one attempt found, and how they went."""

    findings: tuple[Finding, ...] = ()
    looks: int = 0
    looks_failed: int = 0
    looked_at: float = 0.0
    """When the last look began."""
    seconds: float = 0.0
    """How long it took."""
    calls: int = 0
    rooms: int = 0
    owners: int = 0
    told: dict[str, float] = field(default_factory=dict)


class Guard:
    """Activities of the guardian that read. `client` is its own, so that its long lists stand in
    nobody's way."""

    def __init__(self, client: Client, temporal: Temporal) -> None:
        self._client = client
        self._temporal = temporal

    @activity.defn(name="guard")
    async def guard(self, given: GuardInput) -> GuardReport:
        """Look until something is found, or until the looks of this attempt are used up."""
        owners = Owners(self._temporal, given.types, given.view, given.task_queue)
        report = GuardReport(looked_at=given.looked_at, told=_recent(given.told, time.time()))
        while report.looks + report.looks_failed < given.looks:
            wait = report.looked_at + given.look_seconds - time.time()
            if not await _pause(min(wait, given.look_seconds)):
                break
            began = time.time()
            try:
                report = await self._look_once(given, owners, report, began)
            except (ApplicationError, RPCError) as error:
                _logger.warning("a look failed: %s", error)
                report = replace(report, looks_failed=report.looks_failed + 1)
            report = replace(report, looked_at=began, seconds=time.time() - began)
            if report.findings:
                break
        return report

    async def _look_once(
        self, given: GuardInput, owners: Owners, report: GuardReport, began: float
    ) -> GuardReport:
        look, believed = await asyncio.gather(
            look_around(self._client, given.page_size), owners.running()
        )
        suspected = [
            each
            for each in differences(believed, look, given.silent_while)
            if each.key not in report.told
        ]
        found: list[Finding] = []
        if suspected and await _pause(GRACE_SECONDS):
            found = await self._look_again(given, owners, suspected[:AGAIN_MAX], report.told)
        told = {each.key: began for each in found}
        return replace(
            report,
            findings=tuple(found),
            looks=report.looks + 1,
            calls=len(look.calls),
            rooms=len(look.rooms),
            owners=len(believed),
            told=report.told | told,
        )

    async def _look_again(
        self,
        given: GuardInput,
        owners: Owners,
        suspected: Sequence[Suspicion],
        told: dict[str, float],
    ) -> list[Finding]:
        """The same comparison over what is suspected alone, everything read afresh."""
        gate = asyncio.Semaphore(PARALLEL_MAX)

        async def fresh(workflow_id: str) -> Owner | None:
            async with gate:
                return await owners.read(workflow_id)

        ids = {each.owner.workflow_id for each in suspected}
        ids |= {
            f"{better}/{each.owner.conference_sid}"
            for each in suspected
            if (better := given.silent_while.get(each.owner.kind))
        }
        believed = [each for each in await asyncio.gather(*map(fresh, sorted(ids))) if each]
        look = await self._narrow_look(suspected, gate)
        subjects = {each.subject for each in suspected}
        return [
            _finding(each)
            for each in differences(believed, look, given.silent_while)
            if each.subject in subjects and each.kind != LEG_AWAITED and each.key not in told
        ]

    async def _narrow_look(self, suspected: Iterable[Suspicion], gate: asyncio.Semaphore) -> Look:
        """What Twilio shows of the suspected legs and rooms, each asked for by itself."""

        async def leg(conference_sid: str, person: Person) -> tuple[str, CallSeen | None]:
            async with gate:
                return person.key, await self._read_leg(conference_sid, person.call_sid, person.key)

        async def room(conference_sid: str) -> str:
            async with gate:
                found = await read_conference(self._client, conference_sid)
                return conference_sid if found.is_live else ""

        ended = {each.owner.conference_sid for each in suspected if each.kind == ROOM_ENDED}
        others = {each.owner.conference_sid for each in suspected} - ended
        legs = [leg(each.owner.conference_sid, each.person) for each in suspected if each.person]
        read, rooms = await asyncio.gather(
            asyncio.gather(*legs), asyncio.gather(*map(room, sorted(ended)))
        )
        seen = {key: each for key, each in read if each is not None}
        return Look(seen, frozenset(rooms) | others)

    async def _read_leg(self, conference_sid: str, call_sid: str, key: str) -> CallSeen | None:
        """One leg: its call, and whether the room shows it. None: Twilio shows neither."""
        in_room = await find_participant(self._client, conference_sid, key)
        call_sid = call_sid or (in_room.call_sid if in_room else "")
        if not call_sid:
            return None
        try:
            seen = call_seen(await ask(self._client.calls(call_sid).fetch_async()))
        except TwilioError as error:
            if error.kind != GONE:
                raise
            return CallSeen(ENDED)
        is_there = in_room is not None and in_room.status != ENDED
        return replace(seen, is_in_room=is_there, held=bool(in_room and in_room.held))


async def _pause(seconds: float) -> bool:
    """Whether the time passed without the worker being told to stop."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await activity.wait_for_worker_shutdown()
    except TimeoutError:
        return True
    return False


def _recent(told: dict[str, float], now: float) -> dict[str, float]:
    return {key: at for key, at in told.items() if now - at < TOLD_AGAIN_SECONDS}


def _finding(suspicion: Suspicion) -> Finding:
    owner, person, seen = suspicion.owner, suspicion.person, suspicion.seen
    return Finding(
        kind=suspicion.kind,
        key=suspicion.key,
        workflow_id=owner.workflow_id,
        run_id=owner.run_id,
        conference_sid=owner.conference_sid,
        call_sid=(person.call_sid or (seen.call_sid if seen else "")) if person else "",
        label=person.label if person else "",
        cause=seen.cause if seen else "",
        answered_by=seen.answered_by if seen else "",
    )
