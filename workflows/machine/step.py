"""One step: (table, transfer, event) -> (transfer, commands, journal entry).

The next state is looked up, never computed. Here is only what every step does the same way: keys,
attempts, deadlines, hold time, reason, journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workflows.machine.beliefs import awaits, with_attempt
from workflows.machine.classify import hear, stimulus_of
from workflows.machine.commands import (
    AcceptTask,
    CloseTask,
    Command,
    DialTarget,
    EndRecall,
    EndStray,
    EndTarget,
    EndTask,
    HoldCaller,
    HoldTarget,
    RecallAgent,
    RejectTask,
    RestoreWorker,
    ResumeCaller,
    ResumeTarget,
    SecureCaller,
    TellCall,
    TellHold,
    TellSupervision,
)
from workflows.machine.copies import replace
from workflows.machine.events import (
    RECORDED,
    CommandFailed,
    CommandSucceeded,
    Event,
    Request,
    WorkerTimedOut,
)
from workflows.machine.holding import is_to_tell_hold, may_be_held, next_due
from workflows.machine.model import (
    DECIDED_BY_PEOPLE,
    JOURNAL_ENTRIES_MAX,
    TERMINAL,
    Accept,
    Attempt,
    Cause,
    Entry,
    Leg,
    Presence,
    Reason,
    State,
    Transfer,
)
from workflows.machine.objects import (
    CHANGES_HOLD,
    JOINS_ITSELF,
    declined_offer,
    has_object,
    left_task,
    stray,
)
from workflows.machine.offers import QUEUE, next_look
from workflows.machine.outcomes import REMOVALS, is_wound_up
from workflows.machine.people import where_everybody_is
from workflows.machine.recordings import ABOUT_RECORDINGS, is_private, owing, to_wait_for
from workflows.machine.stimuli import REASON_OF, VERBS, Stimulus
from workflows.machine.stimuli import REQUESTS as REQUESTED
from workflows.machine.supervised import news_for_supervision
from workflows.machine.table import Cell, Deadline, Step, Table, Then, Verdict, stay


@dataclass(frozen=True)
class Stepped:
    """What came of one event."""

    transfer: Transfer
    commands: tuple[Command, ...] = ()
    entry: Entry | None = None
    """None when there was nothing to decide, or when a request was refused."""
    refusal: str = ""
    """Why a request was refused; empty otherwise."""


_NOTHING = stay()
RING_GRACE_SECONDS = 20.0
"""How long Twilio is given to say what became of a phone that should have stopped ringing."""

_LOSSES = frozenset(
    {
        Stimulus.TARGET_LEFT,
        Stimulus.TARGET_LOST_LAST,
        Stimulus.ALONE_NEXT,
        Stimulus.ALONE_RECALL,
        Stimulus.ALONE_DIVERT,
    }
)


def start(table: Table, transfer: Transfer) -> Stepped:
    """The first step of a transfer that stands in the table's initial state."""
    cell = Cell(Verdict.GO, to=table.initial, commands=table.first)
    return _carry_on(table, transfer, transfer, "Started", cell, transfer.started_at, None)


def step(table: Table, transfer: Transfer, event: Event) -> Stepped:
    """What `event` does to `transfer`: pure, total, and the same for the same arguments.

    Facts never fail; a request that makes no sense now comes back with a refusal and the transfer
    unchanged.
    """
    return _with_last_word(_with_word_for_hold(_step(table, transfer, event)))


def _with_last_word(stepped: Stepped) -> Stepped:
    """A call that has left its caller to this workflow learns of its end: what befell the caller in
    its last moments, after its last decision, is the call's to see."""
    transfer = stepped.transfer
    is_last = transfer.state in TERMINAL and not transfer.pending
    if not (is_last and transfer.is_sought and transfer.caller.is_here):
        return stepped
    word = TellCall(key=f"{transfer.part}-{transfer.step}-{TellCall.__name__}")
    told = replace(transfer, is_sought=False, pending=(word.key,))
    return replace(stepped, transfer=told, commands=(*stepped.commands, word))


def _with_word_for_hold(stepped: Stepped) -> Stepped:
    """An outcome that decides nothing may still tell of a hold, which waits for this word."""
    if not is_to_tell_hold(stepped.transfer):
        return stepped
    transfer, word = _word_for_hold(stepped.transfer)
    return replace(stepped, transfer=transfer, commands=(*stepped.commands, word))


def _step(table: Table, transfer: Transfer, event: Event) -> Stepped:
    """`step`, without words that no row has."""
    heard, stimulus = hear(transfer, event)
    is_request = stimulus in REQUESTED
    if stimulus is Stimulus.NOTED or (transfer.state in TERMINAL and not is_request):
        # After the end, too, outcomes still come in: the shell waits until none is awaited.
        return Stepped(_account(transfer, heard, event.at))
    cell = table.cell(transfer.state, stimulus)
    if cell.verdict is Verdict.REJECT:
        return Stepped(transfer, refusal=cell.why)
    stepped = _carry_on(table, transfer, heard, stimulus, cell, event.at, event)
    if _is_waited_for(event) and is_wound_up(heard) and is_wound_up(stepped.transfer):
        # Nothing was begun because of it, and nothing else will come: waiting would be in vain.
        cell = table.cell(transfer.state, Stimulus.SETTLED)
        return _carry_on(table, transfer, heard, Stimulus.SETTLED, cell, event.at, event)
    return stepped


def _is_waited_for(event: Event) -> bool:
    """Whether it is the outcome of a command that people wait for."""
    if not isinstance(event, CommandSucceeded | CommandFailed):
        return False
    return event.command not in ABOUT_RECORDINGS


def allowed(table: Table, transfer: Transfer) -> tuple[str, ...]:
    """The verbs that make sense now, in the order of the API's page."""
    return tuple(
        verb
        for verb, stimulus in VERBS.items()
        if table.cell(transfer.state, stimulus).verdict is not Verdict.REJECT
    )


def refusal_of(table: Table, transfer: Transfer, request: Request) -> str:
    """Why `request` would be refused now; empty if it would not."""
    cell = table.cell(transfer.state, stimulus_of(request))
    return cell.why if cell.verdict is Verdict.REJECT else ""


def _carry_on(
    table: Table,
    before: Transfer,
    heard: Transfer,
    stimulus: str,
    cell: Cell,
    at: float,
    event: Event | None,
) -> Stepped:
    """Apply `cell`: begin its commands, set state and deadline, write the journal."""
    after = replace(heard, step=before.step + 1)
    to = cell.to if cell.verdict is Verdict.GO and cell.to is not None else before.state
    if cell.verdict is Verdict.GO:
        after = replace(after, state=to, since=at if to is not before.state else before.since)
        after = _reasoned(after, cell, stimulus, event)
    begun: list[Command] = []
    if cell.verdict is not Verdict.IGNORE:
        for each in _needed(after, cell.commands, event):
            after, command = _begin(after, each, begun, at, event)
            begun.append(command)
    is_rearmed = cell.verdict is Verdict.GO or stimulus in (Stimulus.DEADLINE, Stimulus.QUEUE_DUE)
    if is_rearmed and cell.verdict is not Verdict.IGNORE:
        is_again = cell.verdict is not Verdict.GO and stimulus == Stimulus.DEADLINE
        after = _with_deadline(table, after, at, is_again)
    after = _account(before, after, at)
    if is_to_tell_hold(after):
        after, word = _word_for_hold(after)
        begun.append(word)
    if news := news_for_supervision(after):
        after, word = _word_for_supervision(after, news)
        begun.append(word)
    names = tuple(command.name for command in begun)
    entry = Entry(
        step=after.step,
        at=at,
        heard=_camel(stimulus),
        state_from=before.state,
        state_to=to,
        began=names,
        people=where_everybody_is(after),
        note=cell.why or _note(after, stimulus, event),
    )
    journal = (*after.journal, entry)[-JOURNAL_ENTRIES_MAX:]
    return Stepped(replace(after, journal=journal), tuple(begun), entry)


# --- commands -----------------------------------------------------------------------------------


def _needed(
    transfer: Transfer, wanted: Iterable[Step | Then], event: Event | None
) -> list[Step | Then]:
    """`wanted` without what has nothing to act on; but never nothing out of something, so that a
    state that waits for an outcome gets one."""
    all_of_them = [
        each
        for each in wanted
        if not _bare(each).is_optional or has_object(transfer, _bare(each), event)
    ]
    needed = [each for each in all_of_them if _is_needed(transfer, _bare(each))]
    is_coming = any(_bare(each) is _last_change(transfer, _bare(each)) for each in all_of_them)
    return needed if needed or is_coming else all_of_them[:1]


def _bare(each: Step | Then) -> Step:
    return each.command if isinstance(each, Then) else each


def _last_change(transfer: Transfer, command: Step) -> Step | None:
    """Of the changes under way to who is on hold, the one that will have the last word about the
    leg of `command`."""
    changes = CHANGES_HOLD.get(command.leg, {}) if command.leg else {}
    names = (key.rsplit("-", 1)[-1] for key in reversed(transfer.pending))
    return next((changes[name] for name in names if name in changes), None)


def _is_needed(transfer: Transfer, command: Step) -> bool:
    if command is EndTarget:
        return transfer.target.is_live
    if command is EndRecall:
        return transfer.agent.is_live or transfer.agent.is_doubtful
    if command in (HoldCaller, ResumeCaller, HoldTarget, ResumeTarget) and command.leg:
        leg, last = transfer.leg(command.leg), _last_change(transfer, command)
        if last is not None:
            return last is not command
        return leg.is_hold_doubtful or leg.held is not (command in (HoldCaller, HoldTarget))
    return True


def _begin(
    transfer: Transfer, each: Step | Then, begun: list[Command], at: float, event: Event | None
) -> tuple[Transfer, Command]:
    """Give the command its key, and note in `transfer` what is under way because of it."""
    cls = _bare(each)
    key = f"{transfer.part}-{transfer.step}-{cls.__name__}"
    after = tuple(command.key for command in begun) if isinstance(each, Then) else ()
    if cls in (AcceptTask, RejectTask):
        # Whoever was faster than the dial's outcome has a task whose SID it will tell.
        after = (*after, *(key for key in transfer.pending if key.endswith("-DialTarget")))
    after = tuple(dict.fromkeys((*after, *to_wait_for(transfer, cls.__name__))))
    if cls is EndStray:
        # A recall is not ended before its dial is known to be one: until then nothing is there.
        after = tuple(key for key in transfer.pending if key.endswith("-RecallAgent"))
        command: Command = replace(stray(transfer, event) or EndStray(), key=key, after=after)
    elif cls is RestoreWorker and isinstance(event, WorkerTimedOut):
        command = RestoreWorker(
            key=key, worker_sid=event.worker_sid, activity_sid=event.activity_sid
        )
    elif cls is RejectTask:
        command = RejectTask(key=key, after=after, reservation_sid=declined_offer(event))
    elif cls is AcceptTask:
        command = AcceptTask(
            key=key,
            after=after,
            call_sid=transfer.target.call_sid,
            reservation_sid=transfer.attempt.reservation_sid if transfer.attempt else "",
        )
    elif cls is EndTask:
        command = replace(left_task(transfer, event) or EndTask(), key=key)
    else:
        command = cls(key=key, after=after)
    transfer = replace(transfer, pending=(*transfer.pending, key))
    if cls in (SecureCaller, HoldCaller) and is_private(transfer):
        transfer = owing(transfer, transfer.recordings.running)
    elif cls is DialTarget:
        transfer = _dial(transfer, at, key)
    elif cls is AcceptTask:
        transfer = with_attempt(transfer, accept_key=key, accept_sid=transfer.target.call_sid)
    elif cls is CloseTask:
        transfer = replace(transfer, is_task_closed=True)
    elif cls.__name__ in REMOVALS:
        if transfer.agent.is_here:
            leaving = replace(transfer.agent, presence=Presence.LEAVING)
            transfer = replace(transfer, agent=leaving)
    elif cls is RecallAgent:
        recall = Leg(
            address=transfer.agent.address,
            label=f"{transfer.part}-r{transfer.recalls + 1}",
            presence=Presence.DIALED,
        )
        transfer = replace(transfer, agent=recall, recalls=transfer.recalls + 1)
    return transfer, command


def _word_for_hold(transfer: Transfer) -> tuple[Transfer, Command]:
    """Whatever a step leads to, a hold learns in that step that the caller is this transfer's."""
    key = f"{transfer.part}-{transfer.step}-{TellHold.__name__}"
    pending = (*transfer.pending, key)
    return replace(transfer, takes_hold_over=False, pending=pending), TellHold(key=key)


def _word_for_supervision(transfer: Transfer, consult: str) -> tuple[Transfer, Command]:
    """Whatever a step leads to, the supervision learns in that step whether there is a consult:
    no row has to remember it."""
    key = f"{transfer.part}-{transfer.step}-{TellSupervision.__name__}"
    pending = (*transfer.pending, key)
    told = replace(transfer, told_supervision=consult, pending=pending)
    return told, TellSupervision(key=key, consult=consult)


def _dial(transfer: Transfer, at: float, key: str) -> Transfer:
    """The next attempt, with its own label, which tells a leg that joins by TwiML from others."""
    target = transfer.next_target
    if target is None:
        raise ValueError("a dial was begun with no target left")
    number = len(transfer.attempts) + 1
    joins_itself = JOINS_ITSELF if target.accept is Accept.PRESS_1 or target.is_routed else ""
    label = f"{transfer.part}-t{number}{joins_itself}"
    attempt = Attempt(
        number=number, address=target.address, label=label, dialed_at=at, dial_key=key
    )
    leg = Leg(address=target.address, label=label, presence=Presence.DIALED)
    return replace(transfer, target=leg, attempts=(*transfer.attempts, attempt))


# --- what every step notes ----------------------------------------------------------------------


def _with_deadline(table: Table, transfer: Transfer, at: float, is_again: bool) -> Transfer:
    if transfer.state in TERMINAL:
        return replace(transfer, deadline_at=None, deadline_step=transfer.step, due="")
    if table.deadlines[transfer.state].of == "hold":
        due, what = next_due(transfer, at)
        return replace(transfer, deadline_at=due, deadline_step=transfer.step, due=what)
    what, due = "", at + _seconds(table.deadlines[transfer.state], transfer, at)
    if is_again:
        due = max(due, at + RING_GRACE_SECONDS)
    elif table.cell(transfer.state, Stimulus.QUEUE_DUE).verdict is not Verdict.IGNORE:
        what, due = next_look(transfer, at, due)
    return replace(transfer, deadline_at=due, deadline_step=transfer.step, due=what)


def ends_at(table: Table, transfer: Transfer) -> float | None:
    """When the time of the present state is up, whatever is due before."""
    if transfer.due != QUEUE or transfer.attempt is None:
        return transfer.deadline_at
    began_at = transfer.attempt.dialed_at
    return began_at + _seconds(table.deadlines[transfer.state], transfer, began_at)


def _seconds(deadline: Deadline, transfer: Transfer, at: float) -> float:
    policy = transfer.policy
    if deadline.of == "ring" and transfer.attempt is not None and transfer.current_target:
        # The clock of a ringing phone runs from the dial, however often the agent swaps.
        rung = at - transfer.attempt.dialed_at
        return max(0.0, transfer.current_target.ring_seconds + deadline.seconds - rung)
    of = {
        "consult": policy.consult_seconds_max,
        "guard": policy.guard_seconds,
        "recall": policy.recall_ring_seconds,
    }
    return of.get(deadline.of, 0.0) + deadline.seconds


def _account(before: Transfer, after: Transfer, at: float) -> Transfer:
    """Keep the sums: seconds on hold, and when caller and target first met. A room that has ended
    leaves nobody on hold, and brings nobody together; while one of the two is being put on hold,
    the outcome tells whether they meet. A target who comes to a caller off hold has met them, even
    if this very step begins the target's hold."""
    if after.caller.held and not before.caller.held:
        after = replace(after, held_since=at)
    elif before.caller.held and not after.caller.held and before.held_since is not None:
        held = max(0.0, at - before.held_since)
        after = replace(after, held_since=None, hold_seconds=round(before.hold_seconds + held, 3))
    is_parting = after.state in (State.DIVERTING, State.RELEASING)
    is_free = not after.caller.held and not may_be_held(after)
    is_target_free = not after.target.held and not awaits(before, "HoldTarget")
    can_talk = after.caller.is_here and is_free and not is_parting
    if after.met_at is None and can_talk and after.target.is_here and is_target_free:
        after = replace(after, met_at=at)
    return after


def _reasoned(transfer: Transfer, cell: Cell, stimulus: str, event: Event | None) -> Transfer:
    """The reason of the end that this step leads to, and who decided it."""
    because = cell.because
    attempt = transfer.attempt
    if because is None and stimulus in _LOSSES and attempt is not None and attempt.cause:
        # An attempt that we ended ourselves says nothing about why: that is known already.
        is_ours = transfer.reason in DECIDED_BY_PEOPLE or (
            attempt.cause is Cause.CANCELLED and transfer.reason is not None
        )
        because = None if is_ours else REASON_OF[attempt.cause]
    if because is None:
        return transfer
    by = getattr(event, "by", "") or _decider(stimulus)
    if because is Reason.CALLER_NOT_HELD and _was_recorded(event):
        because = Reason.RECORDING_NOT_PAUSED
    if because is Reason.CANCELLED_BY_AGENT and by == "operator":
        because = Reason.CANCELLED_BY_OPERATOR
    return replace(transfer, reason=because, decided_by=by)


def _decider(stimulus: str) -> str:
    if stimulus == Stimulus.DEADLINE:
        return "deadline"
    if stimulus in (Stimulus.HOLD_FOUND, Stimulus.TRANSFER_STARTED):
        return "transfer"
    if stimulus == Stimulus.AGENT_REPLACED:
        return "supervisor"
    for party in ("caller", "agent", "target"):
        if stimulus in {f"{party}_{did}" for did in ("left", "answered", "lost_last", "lost_next")}:
            return party
    return "target" if stimulus.startswith("alone") else "engine"


def _was_recorded(event: Event | None) -> bool:
    """Whether a hold was not begun because the room would have been recorded in it."""
    return isinstance(event, CommandFailed) and event.cause == RECORDED


def _note(transfer: Transfer, stimulus: str, event: Event | None) -> str:
    """What a reader of the journal wants to know besides: the attempt's number and cause."""
    if _was_recorded(event):
        return "the recording could not be paused"
    attempt = transfer.attempt
    is_about_attempt = stimulus.startswith(("target", "alone"))
    if attempt is None or not is_about_attempt:
        return ""
    of = f"attempt {attempt.number} of {len(transfer.targets)}"
    return f"{of}: {attempt.cause}" if attempt.cause else of


def _camel(stimulus: str) -> str:
    return "".join(word.capitalize() for word in stimulus.split("_"))


def is_over(transfer: Transfer) -> bool:
    """Whether nothing will happen to `transfer` any more."""
    return transfer.state in TERMINAL
