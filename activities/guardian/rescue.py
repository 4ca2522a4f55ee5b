"""The guardian's one activity that acts: it looks after the people of an owner that was cut off.

It reads everything afresh, does what is left to be done, and may be repeated at any point: what has
been done already is not found any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from temporalio import activity
from temporalio.client import Client as Temporal
from twilio.rest import Client

from activities.calls import Calls, DivertInput, EndLegInput
from activities.conferences import Conferences, EndRoomInput
from activities.ending import is_old
from activities.errors import GONE, REFUSED, UNAVAILABLE, UNMET, TwilioError
from activities.guardian.remedy import (
    ACCEPT_TASK,
    CALLER,
    DIVERT,
    END_LEG,
    END_ROOM,
    END_TASK,
    MUTE,
    RESUME,
    Left,
    Step,
    call_part,
    is_of_task,
    remedy,
)
from activities.guardian.strays import Strays
from activities.guardian.supervised import silencing, without_owner, without_supervisors
from activities.owners import Owner, Owners, Person
from activities.participants import MuteInput, Participants, ResumeInput
from activities.reading import read_call, read_whole
from activities.room import CONNECTED, ENDED, Room
from activities.settings import TwilioSettings
from activities.task_ending import UNWANTED
from activities.task_marks import is_of_task as is_of_label
from activities.task_state import OVER, WAITING
from activities.tasks import AcceptInput, EndTaskInput, ReadTaskInput, Tasks

FAILURES_MIN = 3
"""So often its step must have failed before a run counts as stuck: a worker that dies fails one or
two steps as well."""
TOOK_OVER = "took_over"
"""State of a supervisor who is the agent now."""


@dataclass(frozen=True)
class RescueInput:
    """Whose people are looked after. `types`, `view`, `task` and `task_queue` as in `Owners`.

    `transfer`, `call`, `hold` and `supervision` are the kinds of owners that know best about a
    call, between transfers, about a hold, and about supervisors. Without `run_id`: a room in which
    nobody was ever known.
    """

    conference_sid: str
    types: tuple[str, ...]
    view: str
    task: str
    task_queue: str
    workflow_id: str = ""
    run_id: str = ""
    is_stuck: bool = False
    transfer: str = "transfer"
    call: str = "call"
    hold: str = "hold"
    supervision: str = "supervision"


@dataclass(frozen=True)
class Watch:
    """A call that goes on without anybody who watches it."""

    conference_sid: str
    room_name: str
    caller_call_sid: str
    """Empty: the task after which the room is named tells."""


@dataclass(frozen=True)
class RescueReport:
    """`did` names each step that was carried out. `is_settled`: nothing is left to be done."""

    did: tuple[str, ...] = ()
    is_settled: bool = True
    watch: Watch | None = None


class Rescue:
    """Activities of the guardian that act."""

    def __init__(self, client: Client, settings: TwilioSettings, temporal: Temporal) -> None:
        self._client = client
        self._settings = settings
        self._temporal = temporal
        self._has_tasks = bool(settings.twilio_workspace_sid)
        self._participants = Participants(client, settings)
        self._conferences = Conferences(client, settings)
        self.tasks = Tasks(client, settings)
        """For the guardian's queue: it closes tasks as well."""

    @activity.defn(name="rescue")
    async def rescue(self, given: RescueInput) -> RescueReport:
        """Look after the people of one call whose owner was cut off.

        Nobody acts while another owner runs: it was asked in this very moment, so an agent who
        presses "transfer" again within some milliseconds is the only one who can still be crossed;
        that transfer then finds the difference as it finds any other.
        """
        owners = Owners(self._temporal, given.types, given.view, given.task_queue, given.task)
        dead, transfer, call, hold, supervision = await asyncio.gather(
            self._dead(owners, given),
            *(
                owners.read(f"{kind}/{given.conference_sid}")
                for kind in (given.transfer, given.call, given.hold, given.supervision)
            ),
        )
        is_of_supervisors = dead is not None and dead.is_supervision
        is_anothers = transfer is not None and transfer.is_running and not is_of_supervisors
        if is_anothers and not given.is_stuck:
            return RescueReport(is_settled=False)
        if given.is_stuck:
            if dead is None or not dead.is_running or dead.failures < FAILURES_MIN:
                return RescueReport(is_settled=False)
            await owners.end(dead, "stuck in its own code; its people are looked after")
        room = await read_whole(self._client, given.conference_sid)
        is_held = _is_another(hold, given)
        left = replace(_left(given, dead, is_held), heirs=_heirs(supervision))
        if dead is not None and is_of_supervisors:
            live = await self._live(room, (each.call_sid for each in dead.supervisors))
            mine = (dead.workflow_id, dead.run_id)
            others = [
                each
                for each in (transfer, call, hold, supervision)
                if each is not None and (each.workflow_id, each.run_id) != mine
            ]
            steps = without_supervisors(dead, room, live, others)
        else:
            known = left if dead is not None else await self._known(left, room)
            live = await self._live(room, (known.caller_call_sid, *known.call_sids))
            steps = silencing(remedy(known, room, live), room)
            if dead is None:
                steps = (*without_owner(room), *steps)
        calls = Calls(self._client, self._settings, owners)
        sought = [step for step in steps if _is_sought(step)]
        clear = [step for step in steps if step not in sought]
        did = [step.what for step in clear if await self._carry_out(given, calls, step)]
        is_sure = all([await self._is_decided(given, calls, step) for step in sought])
        is_watched = is_of_supervisors or _is_another(call, given)
        watch = None if is_watched or did else _watch(left, room)
        return RescueReport(tuple(did), is_settled=not did and is_sure, watch=watch)

    @activity.defn(name="end_strays")
    async def end_strays(self, given: RescueInput) -> RescueReport:
        """End the legs of ours that nobody wants any more, on a call that goes on."""
        owners = Owners(self._temporal, given.types, given.view, given.task_queue, given.task)
        kinds = (given.transfer, given.hold)
        sid = given.conference_sid
        found = await Strays(self._client).confirmed(sid, owners, kinds, given.call)
        steps = silencing((Step(END_LEG, leg.call_sid) for leg in found.legs), found.room)
        calls = Calls(self._client, self._settings, owners)
        did = [step.what for step in steps if await self._carry_out(given, calls, step)]
        return RescueReport(tuple(did), is_settled=False)

    async def _dead(self, owners: Owners, given: RescueInput) -> Owner | None:
        if not given.workflow_id:
            return None
        return await owners.read(given.workflow_id, given.run_id)

    async def _known(self, left: Left, room: Room) -> Left:
        """With whom a task brought together: in a room of TaskRouter's nobody has a label."""
        if not self._has_tasks or not is_of_task(room.room_name):
            return left
        task = await self.tasks.read_task(ReadTaskInput(room.room_name, with_position=False))
        return replace(
            left,
            caller_call_sid=task.caller_call_sid,
            agent_call_sid=task.worker_call_sid,
            task_sid=task.task_sid,
        )

    async def _live(self, room: Room, call_sids: Iterable[str]) -> list[str]:
        """Which of these calls are not over."""
        wanted = [sid for sid in dict.fromkeys(call_sids) if sid]
        read = await asyncio.gather(*(read_call(self._client, sid) for sid in wanted))
        alive = [leg.call_sid for leg in read if leg is not None and leg.status != ENDED]
        return alive + [leg.call_sid for leg in room.legs if leg.status == CONNECTED]

    async def _carry_out(self, given: RescueInput, calls: Calls, step: Step) -> bool:
        """Whether the step was there to be done. A leg or room that has gone needs nothing."""
        conference_sid = given.conference_sid
        try:
            if step.what == END_LEG:
                await calls.end_leg(_leg_of(given, step))
            elif step.what == MUTE:
                mute = MuteInput(conference_sid, step.key, muted=True)
                await self._participants.mute_participant(mute)
            elif step.what == RESUME:
                resume = ResumeInput(conference_sid, step.key)
                await self._participants.resume_participant(resume)
            elif step.what == DIVERT:
                await calls.divert_call(DivertInput(step.key))
            elif step.what == END_ROOM:
                await self._conferences.end_room(EndRoomInput(conference_sid))
            elif step.what == END_TASK and self._has_tasks:
                sought = ReadTaskInput(step.key, step.label, with_position=False)
                task = await self.tasks.read_task(sought)
                if task.status in OVER:
                    return False
                await self.tasks.end_task(EndTaskInput(task.task_sid, reason=UNWANTED))
            elif step.what == ACCEPT_TASK and self._has_tasks:
                return await self._accept(step)
            else:
                return False
        except TwilioError as error:
            if error.kind not in (GONE, REFUSED):
                raise
            return False
        # A leg that was sought by its label has gone, or has never been: nothing is left of it.
        return step.what != END_LEG or bool(step.key)

    async def _is_decided(self, given: RescueInput, calls: Calls, step: Step) -> bool:
        """Whether a phone that is sought by its number has been ended, or rings no more, or nobody
        can tell any more whose it is. The others' people do not wait for it."""
        try:
            await calls.end_leg(_leg_of(given, step))
        except TwilioError as error:
            return error.kind != UNAVAILABLE or is_old(step.dialed_at)
        return True

    async def _accept(self, step: Step) -> bool:
        """Whether a task was still on offer: it is the worker's who has come, or nobody's."""
        task = await self.tasks.read_task(ReadTaskInput(step.key, with_position=False))
        if task.status not in WAITING:
            return False
        try:
            given = AcceptInput(step.key, worker_call_sid=step.call_sid)
            await self.tasks.accept_reservation(given)
        except TwilioError as error:
            if error.kind != UNMET:
                raise
            await self.tasks.end_task(EndTaskInput(step.key, reason=UNWANTED))
        return True


def _is_another(owner: Owner | None, given: RescueInput) -> bool:
    """Whether this owner runs, and is not the very run whose people are looked after."""
    if owner is None or not owner.is_running:
        return False
    return (owner.workflow_id, owner.run_id) != (given.workflow_id, given.run_id)


def _heirs(supervision: Owner | None) -> tuple[str, ...]:
    """The supervisors who have taken the call over."""
    people = supervision.people if supervision is not None else ()
    return tuple(each.call_sid for each in people if each.state == TOOK_OVER and each.call_sid)


def _left(given: RescueInput, dead: Owner | None, is_held: bool) -> Left:
    """What the owner knew, or what a room tells in which nobody was ever known."""
    sid = given.conference_sid
    if dead is None:
        return Left(sid, is_transfer=False, part=call_part(sid), is_hold_foreign=True)
    is_transfer = dead.kind in (given.transfer, given.hold)
    caller, agent, target = (dead.leg(party) for party in (CALLER, "agent", "target"))
    dialled = (target, agent) if not is_transfer or agent.label else (target,)
    task_sid = dead.task_sid or (dead.room_name if is_of_task(dead.room_name) else "")
    return Left(
        conference_sid=sid,
        is_transfer=is_transfer,
        part=dead.part or call_part(sid),
        caller_call_sid=caller.call_sid,
        agent_call_sid=agent.call_sid,
        call_sids=tuple(
            dict.fromkeys(
                call_sid
                for call_sid in (
                    *(each.call_sid for each in dialled if each.is_on_the_line),
                    *(each.call_sid for each in dead.attempts),
                )
                if call_sid
            )
        ),
        task_sid=task_sid,
        dialled_tasks=tuple(
            (each.task_sid, each.call_sid) for each in dead.attempts if each.task_sid
        ),
        doubtful=tuple(_doubtful(dialled, dead)),
        sought_label=_sought(dead, target) if is_transfer else "",
        is_hold_foreign=is_held,
    )


def _sought(dead: Owner, target: Person) -> str:
    """The label of a task of which its owner had not learnt more."""
    is_known = any(each.task_sid for each in dead.attempts[-1:])
    return target.label if is_of_label(target.label) and not is_known else ""


def _doubtful(people: Iterable[Person], dead: Owner) -> Iterator[Step]:
    """Whoever was about to be rung by a dial of whose outcome the owner had not heard. Of a task
    of TaskRouter's another step looks after."""
    tried_at = max((each.dialed_at for each in dead.attempts), default=0.0)
    for each in people:
        is_unknown = each.is_on_the_line and each.label and not each.call_sid
        if is_unknown and not is_of_label(each.label):
            # An agent is no attempt: they are rung back in a state of its own.
            at = dead.since if each.party == "agent" else tried_at or dead.since
            yield Step(END_LEG, label=each.label, address=each.address, dialed_at=at)


def _is_sought(step: Step) -> bool:
    """Whether a step is about a leg of which only its number is known, and which is looked for
    once, not waited for."""
    return step.what == END_LEG and not step.key and not step.may_appear


def _leg_of(given: RescueInput, step: Step) -> EndLegInput:
    """The leg to be ended."""
    return EndLegInput(
        given.conference_sid,
        label=step.label,
        call_sid=step.key,
        to=step.address,
        is_doubtful=step.may_appear,
        dialed_at=step.dialed_at,
        dialed_by=given.run_id,
    )


def _watch(left: Left, room: Room) -> Watch | None:
    """Whether people talk whom nobody watches, in a room that is ours to watch."""
    here = [
        leg
        for leg in room.legs
        if leg.status == CONNECTED and (not leg.is_supervisor or leg.call_sid in left.call_sids)
    ]
    known = left.caller_call_sid
    caller = next((leg for leg in here if leg.call_sid == known or leg.label == CALLER), None)
    if len(here) < 2 or left.is_transfer:
        return None
    if caller is None and not is_of_task(room.room_name):
        return None
    return Watch(room.conference_sid, room.room_name, caller.call_sid if caller else "")
