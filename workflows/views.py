"""From what was asked to the first `Transfer`, and from a `Transfer` to what a reader is shown."""

from __future__ import annotations

from dataclasses import replace

from workflows.hold_messages import HoldView, StartHoldInput
from workflows.machine.cold import COLD
from workflows.machine.events import RecordingsReading
from workflows.machine.hold import HOLD
from workflows.machine.holding import next_due
from workflows.machine.inbound import INBOUND, ROUTED
from workflows.machine.journal import waits_for
from workflows.machine.model import (
    Kind,
    Leg,
    Party,
    Policy,
    Presence,
    Recordings,
    State,
    Target,
    Transfer,
)
from workflows.machine.people import hears
from workflows.machine.step import allowed, ends_at, is_over
from workflows.machine.table import Table
from workflows.machine.warm import WARM
from workflows.messages import (
    CONSULT,
    NOT_RECORDED,
    PAUSED,
    PERSON,
    RECORDING,
    AttemptView,
    CallView,
    PersonView,
    RecordingView,
    StartCallInput,
    StartTransferInput,
    TransferView,
    call_part,
)

TABLES: dict[Kind, Table] = {
    Kind.WARM: WARM,
    Kind.COLD: COLD,
    Kind.INBOUND: INBOUND,
    Kind.ROUTED: ROUTED,
    Kind.HOLD: HOLD,
}
"""The table that each kind runs."""

CALLER_LABEL = "caller"
"""The label that our TwiML gives an inbound caller."""


def begin(given: StartTransferInput) -> Transfer:
    """The transfer as it is accepted: nothing has been done yet."""
    return Transfer(
        kind=given.kind,
        part=given.part,
        conference_sid=given.conference_sid,
        caller=_present(given.caller_address, given.caller_call_sid),
        agent=_present(given.agent_address, given.agent_call_sid),
        targets=given.targets,
        policy=given.policy,
        task_sid=given.task_sid,
        wrap_up=given.wrap_up,
        context=given.context,
        takes_hold_over=given.is_on_hold,
        started_at=given.accepted_at,
        since=given.accepted_at,
        state=TABLES[given.kind].initial,
    )


def begin_call(given: StartCallInput) -> Transfer:
    """The call as it is taken over: the caller waits, and the agents are the targets."""
    targets = tuple(Target(address, given.ring_seconds) for address in given.agents)
    kind = Kind.ROUTED if given.task_sid or given.is_watched else Kind.INBOUND
    return Transfer(
        kind=kind,
        part=call_part(given.conference_sid),
        task_sid=given.task_sid,
        conference_sid=given.conference_sid,
        room_name=given.room_name,
        caller=_present(given.caller_address, given.caller_call_sid, CALLER_LABEL),
        agent=Leg(),
        targets=targets,
        policy=Policy(recall=False),
        recordings=Recordings(is_expected=given.is_recorded),
        started_at=given.accepted_at,
        since=given.accepted_at,
        state=TABLES[kind].initial,
    )


def begin_hold(given: StartHoldInput) -> Transfer:
    """The hold as it is accepted: nothing has been done yet."""
    return Transfer(
        kind=Kind.HOLD,
        part=given.part,
        conference_sid=given.conference_sid,
        caller=_present(given.caller_address, given.caller_call_sid),
        agent=_present(given.agent_address, given.agent_call_sid),
        targets=(),
        policy=given.policy,
        started_at=given.accepted_at,
        since=given.accepted_at,
        state=HOLD.initial,
    )


def _present(address: str, call_sid: str, label: str = "") -> Leg:
    return Leg(address=address, call_sid=call_sid, label=label, presence=Presence.PRESENT)


def hold_view_of(transfer: Transfer, now: float) -> HoldView:
    """What a reader of a hold is shown at the moment `now`."""
    left = None if transfer.deadline_at is None else transfer.deadline_at - now
    over, is_held = is_over(transfer), transfer.caller.held
    limit_at, _ = next_due(replace(transfer, state=State.REMINDED), now)
    return HoldView(
        id=transfer.public_id,
        state=transfer.state.value,
        conference_sid=transfer.conference_sid,
        since=transfer.since,
        started_at=transfer.started_at,
        at=now,
        is_held=is_held and not over,
        step=transfer.step,
        is_over=over,
        reason=transfer.reason.value if transfer.reason else "",
        decided_by=transfer.decided_by,
        hold_seconds=_hold_seconds(transfer, now),
        limit_at=limit_at if is_held and not over else None,
        at_limit=transfer.policy.at_hold_max.value,
        is_reminded=any(entry.state_to is State.REMINDED for entry in transfer.journal),
        deadline_at=transfer.deadline_at,
        allowed=allowed(HOLD, transfer),
        waits_for=waits_for(transfer.pending, left),
        people=tuple(each for each in _people(transfer) if each.party != Party.TARGET),
        agent_address=transfer.agent.address,
    )


def read_at(view: HoldView, now: float) -> HoldView:
    """A hold's view at a later moment: its timer runs while nothing happens."""
    if not view.is_held:
        return view
    seconds = round(view.hold_seconds + max(0.0, now - view.at), 3)
    return replace(view, hold_seconds=seconds, at=now)


def view_of(transfer: Transfer, now: float | None = None) -> TransferView:
    """What a reader of a transfer is shown. `now` is the moment of the last step by default."""
    last = transfer.journal[-1] if transfer.journal else None
    at = now if now is not None else (last.at if last else transfer.started_at)
    over = is_over(transfer)
    deadline_at = ends_at(TABLES[transfer.kind], transfer)
    left = None if deadline_at is None else deadline_at - at
    return TransferView(
        id=transfer.public_id,
        kind=transfer.kind.value,
        state=transfer.state.value,
        conference_sid=transfer.conference_sid,
        since=transfer.since,
        started_at=transfer.started_at,
        step=transfer.step,
        is_over=over,
        reason=transfer.reason.value if transfer.reason else "",
        decided_by=transfer.decided_by,
        deadline_at=deadline_at,
        ended_at=transfer.since if over else None,
        allowed=allowed(TABLES[transfer.kind], transfer),
        waits_for=waits_for(transfer.pending, left),
        people=_people(transfer),
        attempts=_attempts(transfer),
        hold_seconds=_hold_seconds(transfer, at),
        seconds_to_human=seconds_to_human(transfer),
        agent_address=transfer.agent.address,
        queue_position=transfer.queue_position,
        queue_seconds=transfer.queue_seconds,
        recording=_recording(transfer.recordings),
    )


def call_view_of(transfer: Transfer) -> CallView:
    """What a reader of a call is shown. The agent who took it stands in the target's place."""
    people = tuple(
        PersonView(
            party=Party.AGENT.value if party is Party.TARGET else party.value,
            address=transfer.leg(party).address,
            call_sid=transfer.leg(party).call_sid,
            presence=transfer.leg(party).presence.value,
            held=transfer.leg(party).held,
            is_hold_doubtful=transfer.leg(party).is_hold_doubtful,
            is_gone_doubtful=_is_given_up(transfer.leg(party)),
            label=transfer.leg(party).label,
            hears=tuple(
                (Party.AGENT if other is Party.TARGET else other).value
                for other in hears(transfer, party)
            ),
        )
        for party in (Party.CALLER, Party.TARGET)
        if transfer.leg(party).address or transfer.leg(party).call_sid
    )
    return CallView(
        conference_sid=transfer.conference_sid,
        state=transfer.state.value,
        since=transfer.since,
        started_at=transfer.started_at,
        is_over=is_over(transfer),
        reason=transfer.reason.value if transfer.reason else "",
        people=people,
        room_name=transfer.room_name,
        recording=_recording(transfer.recordings),
    )


def recording_view(reading: RecordingsReading, at: float) -> RecordingView:
    """What a reading says, outside any transfer: what is paused then, a person had paused."""
    if reading.running:
        return RecordingView(RECORDING, read_at=at)
    if reading.paused:
        return RecordingView(PAUSED, by=PERSON, read_at=at)
    return RecordingView(NOT_RECORDED, read_at=at)


def _recording(known: Recordings) -> RecordingView | None:
    if known.is_doubtful:
        return RecordingView(RECORDING, read_at=known.read_at, is_doubtful=True)
    if not known.is_known:
        return RecordingView(RECORDING) if known.is_expected else None
    if known.running or not known.paused:
        state = RECORDING if known.running else NOT_RECORDED
        return RecordingView(state, read_at=known.read_at)
    is_ours = bool(known.owed)
    return RecordingView(
        PAUSED,
        by=CONSULT if is_ours else PERSON,
        read_at=known.read_at,
        resumes_after_consult=is_ours,
    )


def _hold_seconds(transfer: Transfer, at: float) -> float:
    """The caller's seconds on hold, the hold that goes on included."""
    going_on = 0.0 if transfer.held_since is None else max(0.0, at - transfer.held_since)
    return round(transfer.hold_seconds + going_on, 3)


def seconds_to_human(transfer: Transfer) -> float | None:
    """Seconds from the request until caller and target first talked; None if they never did."""
    if transfer.met_at is None:
        return None
    return round(max(0.0, transfer.met_at - transfer.started_at), 3)


def _is_given_up(leg: Leg) -> bool:
    return leg.is_doubtful and leg.presence is Presence.GONE


def _people(transfer: Transfer) -> tuple[PersonView, ...]:
    return tuple(
        PersonView(
            party=party.value,
            address=leg.address,
            call_sid=leg.call_sid,
            presence=leg.presence.value,
            held=leg.held,
            is_hold_doubtful=leg.is_hold_doubtful,
            is_gone_doubtful=_is_given_up(leg),
            label=leg.label,
            hears=tuple(other.value for other in hears(transfer, party)),
        )
        for party, leg in ((party, transfer.leg(party)) for party in Party)
    )


def _attempts(transfer: Transfer) -> tuple[AttemptView, ...]:
    return tuple(
        AttemptView(
            number=attempt.number,
            address=attempt.address,
            call_sid=attempt.call_sid,
            task_sid=attempt.task_sid,
            dialed_at=attempt.dialed_at,
            answered_at=attempt.answered_at,
            ended_at=attempt.ended_at,
            ring_seconds=attempt.ring_seconds,
            cause=attempt.cause.value if attempt.cause else "",
        )
        for attempt in transfer.attempts
    )
