"""The guardian's one activity that looks: look, compare, look again at what differs, report.

It returns as soon as something was found, so that a workflow carries it out, and after a few looks
in any case. Nothing is lost when it dies: what it would have found is found by the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from temporalio import activity
from temporalio.client import Client as Temporal
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from twilio.rest import Client

from activities.clocks import Clock, temporals_clock, twilios_clock
from activities.guardian.closer import Closer
from activities.guardian.compare import (
    LEG_STRAY,
    OWNER_CUT_OFF,
    OWNER_OVERDUE,
    OWNER_STUCK,
    ROOM_UNOWNED,
    TASK_LEFT,
    Suspicion,
    abandoned,
    differences,
    overdue,
)
from activities.guardian.left_tasks import OpenTasks, label_of, left_over
from activities.guardian.look import Look, look_around, with_room
from activities.guardian.strays import Confirmed, Strays
from activities.owners import Owner, Owners, Person
from activities.reading import read_legs
from activities.room import Room
from activities.task_state import TaskState

GRACE_SECONDS = 1.0
"""Between a suspicion and the second look: a report that is on its way arrives within this time."""
QUIET_SECONDS = {
    OWNER_CUT_OFF: 6.0,
    OWNER_STUCK: 6.0,
    ROOM_UNOWNED: 6.0,
    LEG_STRAY: 6.0,
    OWNER_OVERDUE: 300.0,
}
QUIET_SECONDS_ELSE = 30.0
"""How long a finding is not reported again. Who did not act on what was told is told again, but not
with every look: each telling costs. A rescue is looked after until nothing is left to be done."""
AGAIN_MAX = 200
"""Differences looked at again per look; after a long outage the rest waits for the next one."""
CUT_OFF_SECONDS = 3600.0
"""For how long an owner that was cut off is listed. Who was cut off before, while no guardian
looked, is found by the live room that nobody owns."""
TASKS_SECONDS = 12.0
"""From one list of TaskRouter's open tasks to the next: what is left open is to be closed within
half a minute."""
ROOMS_READ_MAX = 5
"""Rooms whose people are read per look, in turn: with five transfers or fewer each is read every
time, with a hundred every twentieth time, and a look costs the same."""
ROOM_AGE_SECONDS_MIN = 30.0
"""A room's set-up takes up to 20 seconds; before that its owner may be on its way."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GuardInput:
    """Whose beliefs are held against Twilio. `seconds`: about how long, but for one look at least.

    `types`, `view` and `task_queue` as in `Owners`, `silent_while` and `knows_holds` as in
    `differences`. `looked_at` comes from the report before: seconds since the epoch. `quiet` says
    until when a difference is not reported again.
    """

    types: tuple[str, ...]
    view: str
    task_queue: str
    silent_while: dict[str, str] = field(default_factory=dict)
    knows_holds: tuple[str, ...] = ()
    transfer: str = "transfer"
    """The kind of owner whose tasks are its own business as long as it runs."""
    call: str = "call"
    """The kind that has a call between its transfers."""
    seconds: float = 20.0
    looked_at: float = 0.0
    quiet: dict[str, float] = field(default_factory=dict)


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
    held: bool = False
    task_sid: str = ""


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
    quiet: dict[str, float] = field(default_factory=dict)


class Guard:
    """Activities of the guardian that read. `client` is its own, so that its long lists stand in
    nobody's way. `look_seconds` from one look to the next, `page_size` calls asked for at once."""

    def __init__(
        self,
        client: Client,
        temporal: Temporal,
        look_seconds: float = 4.0,
        page_size: int = 1000,
        tasks: OpenTasks | None = None,
    ) -> None:
        self._client = client
        self._temporal = temporal
        self._look_seconds = look_seconds
        self._page_size = page_size
        self._tasks = tasks
        self._tasks_looked_at = 0.0
        self._strange: set[str] = set()
        """Rooms that are none of ours, so that each is asked about once. Only a cache."""
        self._strays = Strays(client)
        self._last_rooms = ["", ""]
        """Where the next look goes on reading rooms: those with an owner that knows of holds, and
        the others."""
        self._knows_problems = True
        """Whether this Temporal tells whose code fails: servers before 1.30 do not."""

    @activity.defn(name="guard")
    async def guard(self, given: GuardInput) -> GuardReport:
        """Look until something is found, or until the time of this attempt is used up."""
        owners = Owners(self._temporal, given.types, given.view, given.task_queue)
        # What is remembered and what workflows tell has Temporal's time, whoever looks next.
        clock = temporals_clock()
        now = clock()
        quiet = {key: until for key, until in given.quiet.items() if until > now}
        report = GuardReport(looked_at=given.looked_at, quiet=quiet)
        while not report.findings:
            wait = report.looked_at + self._look_seconds - clock()
            is_enough = clock() + wait - now > given.seconds
            has_looked = report.looks + report.looks_failed > 0
            if (is_enough and has_looked) or not await _pause(min(wait, self._look_seconds)):
                break
            began = clock()
            try:
                report = await self._look_once(given, owners, report, clock)
            except (ApplicationError, RPCError) as error:
                _logger.warning("a look failed: %s", error)
                report = replace(report, looks_failed=report.looks_failed + 1)
            report = replace(report, looked_at=began, seconds=clock() - began)
        return report

    async def _look_once(
        self, given: GuardInput, owners: Owners, report: GuardReport, clock: Clock
    ) -> GuardReport:
        began = clock()
        look, running, cut_off, stuck = await asyncio.gather(
            self._look_around(),
            owners.running(),
            owners.cut_off(began - CUT_OFF_SECONDS),
            self._stuck(owners),
        )
        look, read = await self._with_rooms(look, running, cut_off, given.knows_holds)
        suspected = [
            *differences(running, look, given.silent_while, given.knows_holds),
            *(Suspicion(OWNER_STUCK, each) for each in stuck),
            *abandoned(cut_off, running, given.silent_while),
            *overdue(running, began),
        ]
        suspected = [each for each in suspected if each.key not in report.quiet]
        rooms = self._unknown_rooms(look, running, cut_off, clock)
        tasks = await self._left_tasks(given, look, running, began)
        astray = await self._strays.rooms(read, running, owners, given.knows_holds, look.calls)
        found: list[Suspicion] = []
        left: list[TaskState] = []
        if (suspected or rooms or tasks or astray) and await _pause(GRACE_SECONDS):
            closer = Closer(self._client, owners, given.silent_while, given.knows_holds)
            found = await closer.look(suspected[:AGAIN_MAX], began)
            unowned, strange, ended = await closer.look_into(rooms)
            found += unowned
            for sid in (*astray, *sorted(ended)):
                there = await self._strays.confirmed(sid, owners, given.knows_holds, given.call)
                found += _astray(sid, there)
                if sid in ended and there.is_sure and not there.legs:
                    strange.add(sid)
            self._strange = (self._strange | strange) & look.rooms.keys()
            if self._tasks is not None:
                left = await closer.look_at_tasks(tasks, self._tasks, given.transfer)
        findings = [_finding(each) for each in found] + [_task_finding(each) for each in left]
        findings = [each for each in findings if each.key not in report.quiet]
        quiet = {
            each.key: began + QUIET_SECONDS.get(each.kind, QUIET_SECONDS_ELSE) for each in findings
        }
        return replace(
            report,
            findings=tuple(findings),
            looks=report.looks + 1,
            calls=len(look.calls),
            rooms=len(look.rooms),
            owners=len(running),
            quiet=quiet | report.quiet,
        )

    async def _look_around(self) -> Look:
        return await look_around(self._client, self._page_size)

    async def _left_tasks(
        self, given: GuardInput, look: Look, running: list[Owner], now: float
    ) -> list[TaskState]:
        """Open tasks that nobody seems to work on, asked for now and then."""
        if self._tasks is None or now - self._tasks_looked_at < TASKS_SECONDS:
            return []
        self._tasks_looked_at = now
        return left_over(await self._tasks.all(), look, running, given.transfer)

    async def _with_rooms(
        self,
        look: Look,
        running: list[Owner],
        cut_off: list[Owner],
        knows_holds: Collection[str],
    ) -> tuple[Look, list[Room]]:
        """This look, with a few rooms read, and the rooms: lists of calls tell neither who is on
        hold, nor who has left a room without hanging up, nor who is in it unasked. Owners that know
        of holds come first, in turn; one room is for the others, where there are any."""
        owners = [each for each in running if each.conference_sid in look.rooms]
        first = {each.conference_sid for each in owners if each.kind in knows_holds}
        others = {each.conference_sid for each in (*running, *cut_off)} & look.rooms.keys() - first
        sids = self._in_turn(0, first, ROOMS_READ_MAX - bool(others))
        sids += self._in_turn(1, others, ROOMS_READ_MAX - len(sids))
        read = list(await asyncio.gather(*(self._read_room(sid) for sid in sids)))
        for room in read:
            people = [
                person.call_sid
                for owner in owners
                if owner.conference_sid == room.conference_sid
                for person in owner.people
            ]
            look = with_room(look, room, people)
        return look, read

    def _in_turn(self, which: int, rooms: Iterable[str], most: int) -> list[str]:
        """The next few of these rooms."""
        ordered = sorted(rooms)
        later = [sid for sid in ordered if sid > self._last_rooms[which]]
        chosen = list(dict.fromkeys((*later, *ordered)))[:most]
        self._last_rooms[which] = chosen[-1] if chosen else ""
        return chosen

    async def _read_room(self, conference_sid: str) -> Room:
        return await read_legs(self._client, conference_sid)

    async def _stuck(self, owners: Owners) -> list[Owner]:
        if not self._knows_problems:
            return []
        try:
            return await owners.stuck()
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise
            self._knows_problems = False
            _logger.info("this Temporal does not tell whose code fails; deadlines do")
            return []

    def _unknown_rooms(
        self, look: Look, running: list[Owner], cut_off: list[Owner], clock: Clock
    ) -> list[str]:
        """Rooms in which nobody of ours is known, as far as they are not told to be strange. How
        old one is Twilio's own clock tells: a young one may be a call that is being set up."""
        now = twilios_clock(self._client, clock)()
        known = {each.conference_sid for each in (*running, *cut_off)} | self._strange
        return [
            sid
            for sid, created in look.rooms.items()
            if sid not in known and now - created > ROOM_AGE_SECONDS_MIN
        ]


async def _pause(seconds: float) -> bool:
    """Whether the time passed without the worker being told to stop."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await activity.wait_for_worker_shutdown()
    except TimeoutError:
        return True
    return False


def _astray(conference_sid: str, there: Confirmed) -> list[Suspicion]:
    nobody = Owner("", conference_sid, conference_sid=conference_sid)
    legs = (Person("", leg.call_sid, leg.label) for leg in there.legs)
    return [Suspicion(LEG_STRAY, nobody, leg) for leg in legs]


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
        held=bool(seen and seen.held),
    )


def _task_finding(task: TaskState) -> Finding:
    return Finding(
        kind=TASK_LEFT,
        key=f"{task.task_sid}/{TASK_LEFT}",
        workflow_id="",
        run_id="",
        conference_sid=task.conference_sid,
        label=label_of(task),
        task_sid=task.task_sid,
    )
