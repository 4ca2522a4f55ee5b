"""What to do for the people whom an owner left behind. Pure: a reading comes in, steps go out.

The rule of every step: nobody waits for something that will not come, nobody hears what was not
meant for them, and who talks goes on talking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from activities.room import CONNECTED, ENDED, Room, RoomLeg

END_LEG = "end_leg"
MUTE = "mute"
RESUME = "resume"
DIVERT = "divert"
END_ROOM = "end_room"
END_TASK = "end_task"
ACCEPT_TASK = "accept_task"

_TASK_SID = re.compile(r"WT[0-9a-f]{32}")
_LABEL = re.compile(r"[0-9a-f]{16}-[trv]\d{1,4}s?")
PART_LENGTH = 16
CALLER = "caller"
"""The label of a caller whom our TwiML put into the room."""


@dataclass(frozen=True)
class Step:
    """One thing to do. `key` is a call's SID, or a task's."""

    what: str
    key: str = ""
    label: str = ""
    """Of a leg whose SID nobody knows, with whom it rings and since when."""
    address: str = ""
    dialed_at: float = 0.0
    may_appear: bool = False
    """Whether such a leg is waited for if it is not found."""
    call_sid: str = ""
    """Of the worker who has come, for a task that is to be theirs."""


@dataclass(frozen=True)
class Left:
    """What an owner knew when it ended."""

    conference_sid: str = ""
    is_transfer: bool = True
    """Or an agent's hold. A call between them holds nobody: if somebody is on hold there, somebody
    else did it."""
    part: str = ""
    """The first half of the labels that it gave."""
    caller_call_sid: str = ""
    agent_call_sid: str = ""
    call_sids: tuple[str, ...] = ()
    """Every leg that it dialled, as far as it knew."""
    heirs: tuple[str, ...] = ()
    """Supervisors who have taken the call over: whoever of them is there is its agent."""
    doubtful: tuple[Step, ...] = ()
    """The end of each leg whose dial had an outcome that it had not heard."""
    task_sid: str = ""
    """The agent's own task, with TaskRouter."""
    dialled_tasks: tuple[tuple[str, str], ...] = ()
    """Task and leg's call, of each attempt that TaskRouter was asked for; either may be empty."""
    sought_label: str = ""
    """Of the target that TaskRouter was asked for, where the answer was not heard: the task is
    known by nothing else."""
    is_hold_foreign: bool = False
    """Another owner holds the caller on purpose."""


def is_ours(label: str) -> bool:
    """Whether we gave a leg this label."""
    return label == CALLER or bool(_LABEL.fullmatch(label))


def call_part(conference_sid: str) -> str:
    """What the labels of the legs begin with that the owner of a call rings."""
    return conference_sid[2 : 2 + PART_LENGTH]


def is_of_task(room_name: str) -> bool:
    """Whether a room was made by TaskRouter, which names rooms after tasks."""
    return bool(_TASK_SID.fullmatch(room_name))


def remedy(left: Left, room: Room, live_calls: Iterable[str]) -> tuple[Step, ...]:
    """The steps, in order; none if all is well. `live_calls` are those of the known legs whose
    calls are not over, whether the room shows them or not."""
    live = frozenset(live_calls)
    # A supervisor is nobody with the caller, unless this one has taken the call over.
    there = [
        leg
        for leg in room.legs
        if leg.status == CONNECTED
        and (not leg.is_supervisor or leg.call_sid in (*left.call_sids, *left.heirs))
    ]
    caller = _caller(left, there)
    targets = [leg for leg in there if leg is not caller and _is_of(left, leg)]
    others = [leg for leg in there if leg is not caller and leg not in targets]
    unheard = [
        *(leg.call_sid for leg in room.legs if leg.status not in (CONNECTED, ENDED)
          and leg.label.startswith(f"{left.part}-")),
        *(sid for sid in left.call_sids if sid in live and room.find(sid) is None),
    ]  # fmt: skip
    steps = [Step(END_LEG, sid) for sid in dict.fromkeys(unheard) if sid != left.caller_call_sid]
    if caller is None:
        is_over = not others or _is_alone(there)
        if left.caller_call_sid:
            is_over = left.caller_call_sid not in live
        steps += [Step(END_LEG, leg.call_sid) for leg in targets]
        if is_over and room.is_live and (targets or others) and _was_ours(left, room):
            steps.append(Step(END_ROOM))
        return (*steps, *_tasks(left, ()), *_unseen(left, room))
    steps += _for_caller(left, caller, targets, others)
    ended = {step.key for step in steps if step.what == END_LEG}
    staying = [leg for leg in there if leg.call_sid not in ended]
    return (*steps, *_tasks(left, staying), *_unseen(left, room))


def _unseen(left: Left, room: Room) -> tuple[Step, ...]:
    """Last of all: Twilio need not list a phone that rings."""
    return tuple(each for each in left.doubtful if room.find(label=each.label) is None)


def _for_caller(
    left: Left, caller: RoomLeg, targets: list[RoomLeg], others: list[RoomLeg]
) -> list[Step]:
    """Who is there for a caller in the room, and what keeps them apart."""
    may_resume = left.is_transfer and not left.is_hold_foreign
    if others:
        # As after a cancel, or a take-over: the target first, so that it hears nothing of what
        # follows.
        has_heir = any(leg.call_sid in left.heirs for leg in others)
        apart = [leg for leg in targets if has_heir or caller.held or leg.held]
        steps = [Step(END_LEG, leg.call_sid) for leg in apart] if may_resume else []
        held = [leg for leg in (*others, caller) if leg.held]
        return steps + ([Step(RESUME, leg.call_sid) for leg in held] if may_resume else [])
    if targets:
        return [Step(RESUME, leg.call_sid) for leg in (*targets, caller) if leg.held]
    return [Step(DIVERT, caller.call_sid)]


def _caller(left: Left, there: list[RoomLeg]) -> RoomLeg | None:
    if left.caller_call_sid:
        return next((leg for leg in there if leg.call_sid == left.caller_call_sid), None)
    labelled = next((leg for leg in there if leg.label == CALLER), None)
    if labelled is not None or not left.agent_call_sid:
        return labelled
    # Its owner ended before it had learnt who is who: the one who is neither agent nor target.
    unknown = [
        leg for leg in there if leg.call_sid != left.agent_call_sid and not _is_of(left, leg)
    ]
    return unknown[0] if len(unknown) == 1 else None


def _is_of(left: Left, leg: RoomLeg) -> bool:
    """Whether the leg is a target of this very transfer. A call's own attempts are its agents, and
    so is an agent who was rung back."""
    if not left.is_transfer or not left.part:
        return False
    return leg.label.startswith(f"{left.part}-t")


def _is_alone(there: list[RoomLeg]) -> bool:
    """Whether nobody is left but one whom we had rung: as where a phone was picked up too late, and
    TwiML, which knows rooms by name only, made a new one."""
    return len(there) == 1 and is_ours(there[0].label) and there[0].label != CALLER


def _was_ours(left: Left, room: Room) -> bool:
    """Whether we had anything to do with this room: we end no stranger's."""
    return bool(left.caller_call_sid) or any(is_ours(leg.label) for leg in room.legs)


def _tasks(left: Left, staying: Iterable[RoomLeg]) -> list[Step]:
    """The tasks of whoever is not there any more, or never came, are over. The others are theirs
    who are there: one that is still on offer would ring the next worker, for nobody."""
    staying = tuple(staying)
    there = frozenset(leg.call_sid for leg in staying)
    over = [task for task, leg in left.dialled_tasks if task and leg not in there]
    if left.task_sid and left.agent_call_sid and left.agent_call_sid not in there:
        over.append(left.task_sid)
    theirs = [each for each in left.dialled_tasks if each[0] and each[1] in there]
    is_sought = left.sought_label and all(leg.label != left.sought_label for leg in staying)
    return [
        *(Step(END_TASK, task) for task in dict.fromkeys(over)),
        *([Step(END_TASK, label=left.sought_label)] if is_sought else []),
        *(Step(ACCEPT_TASK, task, call_sid=leg) for task, leg in theirs),
    ]
