"""One step: (supervision, event) -> (supervision, commands, journal entries).

The next state of each supervisor is looked up, never computed. Here is only what every step does
the same way: joins, help, keys, deadlines, who may be heard, journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflows.machine.copies import replace
from workflows.machine.events import DeadlinePassed
from workflows.machine.labels import supervisor_label
from workflows.machine.model import JOURNAL_ENTRIES_MAX, Entry
from workflows.machine.supervision.classify import (
    NOT_BOOKED,
    hear,
    is_coached_by_another,
    no_longer_follows,
    request_of,
)
from workflows.machine.supervision.commands import (
    VOICES,
    BookSupervisor,
    ForSupervisor,
    ReadSupervised,
    TellHolder,
    TellTransfer,
)
from workflows.machine.supervision.model import (
    HELP_SECONDS_MAX,
    REMEMBERED_MAX,
    SUPERVISORS_MAX,
    TERMINAL,
    Consult,
    Help,
    HelpState,
    Mode,
    Phase,
    State,
    Supervision,
    Supervisor,
)
from workflows.machine.supervision.requests import (
    HelpRequested,
    HelpWithdrawn,
    JoinRequested,
    ModeRequested,
    Request,
)
from workflows.machine.supervision.stimuli import REQUESTS, VERBS, On
from workflows.machine.supervision.table import (
    AGENT_IS_COACHED,
    DEADLINES,
    FIRST,
    NEW_SECONDS,
    PEOPLE_SECONDS,
    STAYING_SECONDS,
    Cell,
    cell,
)
from workflows.machine.table import Verdict

READS_MAX = 2
"""Looks at the room under way at once: one that was begun too early, and one that was not. What is
told while there are two is for a third, as soon as one of them is over."""

HELP_TAKEN = "help_taken"
SUPERVISES_ALREADY = "supervises_already"
TOO_MANY = "too_many_supervisors"
CALL_IS_OVER = "call_is_over"
UNKNOWN = "unknown_supervisor"
NOT_ENDED = "not_ended"
"""Why a supervisor is counted as gone whose leg could not be ended in time."""

IN_WORDS: dict[State, str] = {
    State.DIALING: "rings",
    State.SILENCING: "is silenced",
    State.LISTENING: "listens",
    State.OPENING: "is given a voice",
    State.WHISPERING: "whispers",
    State.BARGING: "talks",
    State.TAKING_OVER: "takes over",
    State.PARTING: "is set apart",
    State.APART: "holds",
    State.LEAVING: "leaves",
    State.TOOK_OVER: "is the agent",
    State.LEFT: "gone",
}


@dataclass(frozen=True)
class Stepped:
    """What came of one event."""

    value: Supervision
    commands: tuple[ForSupervisor, ...] = ()
    entries: tuple[Entry, ...] = ()
    refusal: str = ""
    """Why a request was refused, as a code; empty otherwise."""


def start(value: Supervision, first: JoinRequested | HelpRequested) -> Stepped:
    """The first step: whoever asked for the supervision joins, or asks for help."""
    return step(value, first)


def step(value: Supervision, event: Any) -> Stepped:
    """What `event` does: pure, total, and the same for the same arguments."""
    if isinstance(event, JoinRequested):
        return _join(value, event)
    if isinstance(event, HelpRequested | HelpWithdrawn):
        return _help(value, event)
    if isinstance(event, ModeRequested) and value.find(event.label) is None:
        return Stepped(value, refusal=UNKNOWN)
    heard = hear(value, event)
    turn = Stepped(heard.value)
    for label, on in heard.stimuli:
        turn = _apply(value, turn, label, on, event)
        if turn.refusal:
            return Stepped(value, refusal=turn.refusal)
    if isinstance(event, DeadlinePassed) or heard.value.has_ended:
        turn = _lapse(turn, event.at)
    if heard.booked is not None:
        turn = _booked(turn, heard.booked, event.at)
    if heard.heir is not None:
        turn = _answered(turn, heard.heir, event.at)
    return _with_reading(turn, heard.must_read)


def refusal_of(value: Supervision, request: Request) -> str:
    """Why `request` would be refused now; empty if it would not."""
    return step(value, request).refusal


def is_over(value: Supervision) -> bool:
    """Whether nobody supervises and nobody is asked for."""
    return value.state is Phase.OVER


def allowed(value: Supervision, each: Supervisor) -> tuple[str, ...]:
    """The verbs that make sense now for one supervisor, in the order of the API's page."""
    return tuple(
        verb
        for verb in VERBS
        if cell(each.state, request_of(value, each, verb)).verdict is not Verdict.REJECT
    )


# --- one supervisor -------------------------------------------------------------------------------


def _apply(before: Supervision, turn: Stepped, label: str, on: On, event: Any) -> Stepped:
    """Apply the square for one supervisor."""
    value = turn.value
    mine = value.find(label)
    old = before.find(label)
    if mine is None or old is None or on is On.NOTED:
        return turn
    if mine.state in TERMINAL and on not in REQUESTS:
        return turn
    square = cell(old.state, on)
    if square.verdict is Verdict.REJECT:
        return replace(turn, refusal=square.why)
    number = value.step + 1
    mine = no_longer_follows(mine, (on,))
    if square.verdict is not Verdict.IGNORE:
        mine = _moved(value, mine, square, on, event.at, number)
    begun, asked = _begin(mine, square, number)
    pending = (*value.pending, *(each.key for each in begun))
    value = replace(value.having(mine), step=number, pending=pending)
    if mine.state is State.TOOK_OVER:
        value = replace(value, taken=(*value.taken, mine.call_sid), agent=mine.call_sid)
    entry = Entry(
        step=number,
        at=event.at,
        heard=_camel(on),
        state_from=old.state,
        state_to=mine.state,
        began=tuple(each.name for each in begun) + asked,
        people=f"{mine.name} {IN_WORDS[mine.state]}",
        note=square.why or mine.reason,
        who=mine.name,
        by=getattr(event, "by", ""),
    )
    journal = (*value.journal, entry)[-JOURNAL_ENTRIES_MAX:]
    return replace(
        turn,
        value=replace(value, journal=journal),
        commands=(*turn.commands, *begun, *((ReadSupervised(),) if asked else ())),
        entries=(*turn.entries, entry),
    )


def _begin(
    mine: Supervisor, square: Cell, number: int
) -> tuple[tuple[ForSupervisor, ...], tuple[str, ...]]:
    """The square's commands with their keys; and the look at the room, which is for everybody."""
    if square.verdict is Verdict.IGNORE:
        return (), ()
    own = tuple(
        each(key=f"{mine.label}/{number}/{each.__name__}", label=mine.label)
        for each in square.commands
        if each is not ReadSupervised and _is_meant(each, mine)
    )
    return own, tuple(each.__name__ for each in square.commands if each is ReadSupervised)


def _is_meant(command: type[ForSupervisor], mine: Supervisor) -> bool:
    """Whether a command is for this supervisor, or only for others."""
    if command is BookSupervisor:
        return mine.has_taskrouter
    return command is not TellTransfer or mine.policy.consult is Consult.STAYS


def _moved(
    value: Supervision, mine: Supervisor, square: Cell, on: On, at: float, number: int
) -> Supervisor:
    """The supervisor in the square's state: since when, until when, heard by whom."""
    names = {each.__name__ for each in square.commands}
    to = square.to if square.verdict is Verdict.GO and square.to is not None else mine.state
    is_news = to is not mine.state
    if square.verdict is Verdict.GO or names & VOICES:
        mine = replace(mine, heard_step=number)
    if "AskOwners" in names:
        mine = replace(mine, released="")
    if "ReleaseAgent" in names:
        mine = replace(mine, released=mine.released or value.agent)
    if "Whisper" in names:
        mine = replace(mine, coached=value.agent)
    mine = _audience(mine, to, on)
    if to is State.TAKING_OVER:
        mine = replace(mine, is_asked=False)
    is_rearmed = square.verdict is Verdict.GO or on is On.DEADLINE
    due = at + _patience(value, mine, to, at) if to not in TERMINAL else None
    return replace(
        mine,
        state=to,
        since=at if is_news else mine.since,
        deadline_at=due if is_rearmed else mine.deadline_at,
    )


def _patience(value: Supervision, mine: Supervisor, to: State, at: float) -> float:
    """How long the supervisor may be in a state before something must be looked at."""
    seconds = DEADLINES[to]
    is_new = not value.caller_call_sid and at - mine.dialed_at < NEW_SECONDS
    if is_new and to is State.LISTENING and mine.mode is Mode.WHISPER:
        return PEOPLE_SECONDS
    is_watched = to in (State.LISTENING, State.BARGING) and mine.policy.consult is Consult.STAYS
    return min(seconds, STAYING_SECONDS) if is_watched else seconds


_IN_DOUBT = frozenset({On.FOUND_AUDIBLE, On.AGENT_LOST})
"""After these it is not known who hears the supervisor until the mute is read back."""


def _audience(mine: Supervisor, to: State, on: On) -> Supervisor:
    """Who may hear the supervisor from now on: on doubt everybody, nobody only when proven."""
    if to is State.LEFT and on is On.DEADLINE:
        return replace(mine, reason=NOT_ENDED)  # given up; nobody knows
    if to in (State.LISTENING, State.APART, State.LEFT):
        return replace(mine, heard_by_all=False, heard_by_agent=False)
    if to in (State.BARGING, State.TAKING_OVER, State.TOOK_OVER):
        return replace(mine, heard_by_all=True, heard_by_agent=True)
    if to is State.WHISPERING:
        return replace(mine, heard_by_all=False, heard_by_agent=True)
    if to is State.OPENING and mine.state is not State.OPENING:
        return replace(mine, heard_by_all=mine.mode is Mode.BARGE, heard_by_agent=True)
    if on in _IN_DOUBT and mine.state is not State.BARGING:
        return replace(mine, heard_by_all=True, heard_by_agent=True)
    return mine


def _with_reading(turn: Stepped, must_read: bool) -> Stepped:
    """The look at the room, once, with a key; left out where a change reads the room anyway."""
    wanted = must_read or any(isinstance(each, ReadSupervised) for each in turn.commands)
    commands = tuple(each for each in turn.commands if not isinstance(each, ReadSupervised))
    value, turn = turn.value, replace(turn, commands=commands)
    wanted = (wanted or value.is_unread) and any(each.is_live for each in value.supervisors)
    is_read_anyway = any(each.name in VOICES for each in commands)
    reads = sum(key.endswith("/ReadSupervised") for key in value.pending)
    is_unread = wanted and not is_read_anyway and reads >= READS_MAX
    if is_unread is not value.is_unread:
        value = replace(value, is_unread=is_unread)
    if not wanted or is_read_anyway or is_unread:
        return replace(turn, value=value)
    keys = (f"{name}/{value.step}/ReadSupervised" for name in ("", "again"))
    read = ReadSupervised(key=next(key for key in keys if key not in value.pending))
    value = replace(value, pending=(*value.pending, read.key))
    return replace(turn, value=value, commands=(*commands, read))


# --- joins and help -------------------------------------------------------------------------------


def _join(value: Supervision, asked: JoinRequested) -> Stepped:
    """A supervisor's phone is rung, unless something speaks against it."""
    if any(each.label.startswith(f"{asked.part}-") for each in value.supervisors):
        return Stepped(value)  # the same request once more
    if refusal := _refusal_of_join(value, asked):
        return Stepped(value, refusal=refusal)
    label = supervisor_label(asked.part, value.count + 1)
    number = value.step + 1
    newcomer = Supervisor(
        label=label,
        address=asked.address,
        mode=asked.mode,
        state=State.DIALING,
        since=asked.at,
        dialed_at=asked.at,
        by=asked.by,
        fingerprint=asked.fingerprint,
        policy=asked.policy,
        ring_seconds=asked.ring_seconds,
        detect_machine=asked.detect_machine,
        heard_step=number,
        deadline_at=asked.at + DEADLINES[State.DIALING],
    )
    commands = tuple(
        each(key=f"{label}/{number}/{each.__name__}", label=label)
        for each in FIRST
        if _is_meant(each, newcomer)
    )
    is_hidden = asked.policy.is_hidden
    known = [each for each in value.supervisors if each.is_live]
    gone = [each for each in value.supervisors if not each.is_live]
    kept = gone[max(0, len(known) + len(gone) + 1 - REMEMBERED_MAX) :]
    in_order = [each for each in value.supervisors if each in known or each in kept]
    value = replace(
        value,
        supervisors=(*in_order, newcomer),
        count=value.count + 1,
        step=number,
        pending=(*value.pending, *(each.key for each in commands)),
    )
    if value.help is not None and value.is_help_open and (asked.takes_help or not is_hidden):
        # Whoever comes first, asked for or not, is the help that came; but for one whom the agent
        # is not shown and who does not come for it.
        value = replace(value, help=replace(value.help, state=HelpState.TAKEN, taken_by=label))
    entry = Entry(
        step=number,
        at=asked.at,
        heard=f"JoinedTo{_camel(asked.mode)}",
        state_from=State.DIALING,
        state_to=State.DIALING,
        began=tuple(each.name for each in commands),
        people=f"{newcomer.name} {IN_WORDS[State.DIALING]}",
        note="answers the agent's cry for help" if asked.takes_help else "",
        who=newcomer.name,
        by=asked.by,
    )
    journal = (*value.journal, entry)[-JOURNAL_ENTRIES_MAX:]
    return Stepped(replace(value, journal=journal), commands, (entry,))


def _refusal_of_join(value: Supervision, asked: JoinRequested) -> str:
    if value.has_ended:
        return CALL_IS_OVER
    if asked.takes_help and not value.is_help_open:
        return HELP_TAKEN
    if any(each.address == asked.address for each in value.live):
        return SUPERVISES_ALREADY
    if len(value.live) >= SUPERVISORS_MAX:
        return TOO_MANY
    if asked.mode is Mode.WHISPER and is_coached_by_another(value, ""):
        return AGENT_IS_COACHED
    return ""


def _help(value: Supervision, asked: HelpRequested | HelpWithdrawn) -> Stepped:
    """The agent asks for a supervisor, or does not need one any more."""
    is_open = value.is_help_open
    if isinstance(asked, HelpRequested):
        if is_open:
            return Stepped(value)  # asked already
        if value.has_ended:
            return Stepped(value, refusal=CALL_IS_OVER)
        return _noted(replace(value, help=Help(asked.address, asked.at)), value, asked)
    if value.help is None or not is_open:
        return Stepped(value)
    withdrawn = replace(value.help, state=HelpState.WITHDRAWN)
    return _noted(replace(value, help=withdrawn), value, asked)


def _lapse(turn: Stepped, at: float) -> Stepped:
    """A cry for help that nobody heard is over after its time, or with its call."""
    value = turn.value
    if value.help is None or not value.is_help_open:
        return turn
    if not value.has_ended and value.help.asked_at + HELP_SECONDS_MAX > at + 0.001:
        return turn
    lapsed = replace(value, help=replace(value.help, state=HelpState.LAPSED))
    noted = _noted(lapsed, value, DeadlinePassed(at=at), "HelpLapsed")
    return replace(turn, value=noted.value, entries=(*turn.entries, *noted.entries))


def _booked(turn: Stepped, mine: Supervisor, at: float) -> Stepped:
    """Whether TaskRouter knows that the supervisor is the agent, for whoever reads it."""
    heard = "BookedByTask" if mine.own_task_sid else "IsNoWorker"
    entry = Entry(
        step=turn.value.step + 1,
        at=at,
        heard="NotBooked" if mine.reason == NOT_BOOKED else heard,
        state_from=mine.state,
        state_to=mine.state,
        people=f"{mine.name} {IN_WORDS[mine.state]}",
        note=mine.reason,
        who=mine.name,
    )
    journal = (*turn.value.journal, entry)[-JOURNAL_ENTRIES_MAX:]
    value = replace(turn.value, step=entry.step, journal=journal)
    return replace(turn, value=value, entries=(*turn.entries, entry))


def _answered(turn: Stepped, mine: Supervisor, at: float) -> Stepped:
    """A transfer that may have begun before the agent was removed learns who is the agent now."""
    number = turn.value.step + 1
    tell = TellHolder(key=f"{mine.label}/{number}/TellHolder", label=mine.label)
    entry = Entry(
        step=number,
        at=at,
        heard="TransferFound",
        state_from=mine.state,
        state_to=mine.state,
        began=(tell.name,),
        people=f"{mine.name} {IN_WORDS[mine.state]}",
        who=mine.name,
    )
    journal = (*turn.value.journal, entry)[-JOURNAL_ENTRIES_MAX:]
    pending = (*turn.value.pending, tell.key)
    value = replace(turn.value, step=number, journal=journal, pending=pending)
    return Stepped(value, (*turn.commands, tell), (*turn.entries, entry))


def _noted(value: Supervision, before: Supervision, event: Any, heard: str = "") -> Stepped:
    """A step that is about the whole call."""
    entry = Entry(
        step=value.step + 1,
        at=event.at,
        heard=heard or _camel(event.kind),
        state_from=before.state,
        state_to=value.state,
        by=getattr(event, "by", ""),
    )
    journal = (*value.journal, entry)[-JOURNAL_ENTRIES_MAX:]
    return Stepped(replace(value, step=entry.step, journal=journal), entries=(entry,))


def _camel(word: str) -> str:
    return "".join(each.capitalize() for each in word.split("_"))
