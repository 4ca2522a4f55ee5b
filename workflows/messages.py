"""All that crosses the boundary of a workflow: ids, names, inputs, and what a reader is shown.

Frozen dataclasses of plain values, each sent there and back by a test. New fields only with
defaults: an old history must decode in new code.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from workflows.machine.model import Entry, Kind, Policy, Target
from workflows.machine.supervision.requests import HelpRequested, JoinRequested

TASK_QUEUE = "handover"
"""One queue for workflows and activities: only then are activities started eagerly."""

TASK_SECONDS = 1.5
"""A workflow task takes milliseconds; one that is lost with its worker is repeated after this. One
that takes longer is given to another worker as well, and its own answer is refused; `make chaos
ARGS=--crowd` counts how often: with three seconds it was as often."""
GUARDIAN_TASK_QUEUE = "handover-guardian"
"""The guardian's own, so that it works while the other one is blocked."""

GUARDIAN_WORKFLOW_ID = "guardian"
"""One per namespace: the id is the lease."""

PROVIDER_WORKFLOW_ID = "provider"
"""It runs while Twilio is down, and only then."""

FACT = "fact"
"""The one signal. Its payload is a fact of `workflows.machine.events` as a mapping."""

MEMO_VIEW = "view"
"""Memo field with the latest `TransferView` or `CallView`."""
MEMO_ENTRY = "entry-"
"""Memo fields `entry-0001`, …: one journal `Entry` each."""
MEMO_TASK = "task"
"""Memo field with the agent's own task: whoever transfers again has the same one still."""
MEMO_KEYS = "keys"
"""Memo field with the tuple of `KeyRecord`: the starts of this call that are remembered."""

SEARCH_KIND = "HandoverKind"
SEARCH_OUTCOME = "HandoverOutcome"
SEARCH_AGENT = "HandoverAgent"
"""Search attributes, all keywords. They are never encrypted: ids only, no names, no numbers."""

KEY_LIFE_SECONDS = 48 * 3600.0
"""How long an `Idempotency-Key` is remembered; the contract promises a day."""
KEYS_MAX = 50
"""How many starts of one call are remembered."""

MEMO_TEXT = "text"
"""Memo field with the words of an announcement."""

ANNOUNCE_PATH = "/twilio/announce"
HOLD_NOTICE_PATH = "/twilio/announce/hold-notice"
HOLD_REMINDER_PATH = "/twilio/announce/hold-reminder"
"""Where Twilio fetches what is said to a caller on hold, and to the agent who holds them too
long."""

CONFERENCE_SID = re.compile(r"^CF[0-9a-f]{32}$")
CALL_SID = re.compile(r"^CA[0-9a-f]{32}$")
TASK_SID = re.compile(r"^WT[0-9a-f]{32}$")
PART_LENGTH = 16
_PUBLIC_ID = re.compile(rf"^(CF[0-9a-f]{{32}})-([0-9a-f]{{{PART_LENGTH}}})$")


def transfer_workflow_id(conference_sid: str) -> str:
    """The lock and the address of the one live transfer of a call."""
    return f"transfer/{conference_sid}"


def call_workflow_id(conference_sid: str) -> str:
    """The owner of a call between its transfers."""
    return f"call/{conference_sid}"


def call_part(conference_sid: str) -> str:
    """What the labels of the legs begin with that the owner of a call rings."""
    return conference_sid[2 : 2 + PART_LENGTH]


def hold_workflow_id(conference_sid: str) -> str:
    """The lock and the address of an agent's hold of a call."""
    return f"hold/{conference_sid}"


def supervision_workflow_id(conference_sid: str) -> str:
    """The supervisors of a call."""
    return f"supervision/{conference_sid}"


def companion_workflow_ids(conference_sid: str) -> tuple[str, ...]:
    """Who hears of a room besides its owner: each may be alive beside a transfer or a call."""
    return hold_workflow_id(conference_sid), supervision_workflow_id(conference_sid)


def recording_workflow_id(conference_sid: str) -> str:
    """A person's word about the recording of a call that is not being transferred."""
    return f"recording/{conference_sid}"


def control_workflow_id(conference_sid: str) -> str:
    """Mute and un-mute of a call, one after the other."""
    return f"control/{conference_sid}"


def announce_workflow_id(conference_sid: str, part: str) -> str:
    """One spoken announcement of a call."""
    return f"announce/{conference_sid}/{part}"


def inbound_workflow_id(call_sid: str) -> str:
    """The set-up of one inbound call, before its conference is known."""
    return f"inbound/{call_sid}"


def transfer_part(principal: str, idempotency_key: str) -> str:
    """The transfer's own part of its public id: a hash, so that a key never shows anywhere."""
    digest = hashlib.sha256(f"{principal}\0{idempotency_key}".encode()).hexdigest()
    return digest[:PART_LENGTH]


def task_workflow_id(task_sid: str) -> str:
    """The look at one task, on behalf of who names a task instead of a conference."""
    return f"task/{task_sid}"


def split_public_id(public_id: str) -> tuple[str, str] | None:
    """Conference SID and own part of a transfer's public id; None if it is not one."""
    match = _PUBLIC_ID.fullmatch(public_id)
    return (match.group(1), match.group(2)) if match else None


@dataclass(frozen=True)
class StartTransferInput:
    """What a transfer workflow is started with."""

    kind: Kind
    part: str
    conference_sid: str
    agent_address: str
    targets: tuple[Target, ...]
    accepted_at: float
    policy: Policy = field(default_factory=Policy)
    agent_call_sid: str = ""
    """Empty: found by reading the room."""
    caller_call_sid: str = ""
    """Empty: found by reading the room."""
    caller_address: str = ""
    """For whoever is shown the transfer; the engine never dials it. Empty: not known."""
    is_on_hold: bool = False
    """Whether the agent had the caller on hold when the transfer was asked for."""
    task_sid: str = ""
    """The agent's own task, with TaskRouter: closed when the agent leaves."""
    wrap_up: bool = False
    """Whether the agent's task is left wrapping up instead of being completed."""
    context: str = ""
    """JSON object of what travels to the target: `reason`, `notes` and attributes of the caller's
    choice."""


@dataclass(frozen=True)
class TaskInput:
    """Which task is asked about."""

    task_sid: str


@dataclass(frozen=True)
class TaskPeople:
    """Who a task brought together. All empty: the task is not known, or brought nobody together."""

    conference_sid: str = ""
    caller_call_sid: str = ""
    agent_call_sid: str = ""
    agent_address: str = ""


@dataclass(frozen=True)
class RequestInput:
    """What comes with a request: who asks. `by` is agent, supervisor, service or operator.

    Whoever asks without having looked first says of which transfer, and as which agent: a call's
    next transfer has the same address, and another agent's is nobody else's business.
    """

    by: str = "agent"
    part: str = ""
    """The transfer's own part of its public id. Empty: whichever transfer this is."""
    agent: str = ""
    """The agent whose transfer it has to be. Empty: anybody's."""


@dataclass(frozen=True)
class RecordingInput:
    """Which call's recording is asked about."""

    conference_sid: str


@dataclass(frozen=True)
class ResumeRecordingInput(RequestInput):
    """A person wants the recording back."""

    unless_private: bool = False
    """The last transfer has ended in this moment, or was ended by force: whoever it brought
    together may still be talking without the caller."""


@dataclass(frozen=True)
class StartInboundInput:
    """What an inbound call's set-up is started with."""

    call_sid: str
    room_name: str
    caller_address: str
    agents: tuple[str, ...]
    """Addresses dialled in turn until one answers."""
    accepted_at: float
    ring_seconds: float = 25.0
    is_recorded: bool = False
    """Whether the room records from its start."""


@dataclass(frozen=True)
class StartCallInput:
    """What the owner of a call is started with, once its conference is known."""

    conference_sid: str
    room_name: str
    caller_call_sid: str
    caller_address: str
    agents: tuple[str, ...]
    accepted_at: float
    ring_seconds: float = 25.0
    task_sid: str = ""
    """With TaskRouter: the task whose conference instruction set the call up. Then nobody is rung;
    the call is watched."""
    is_recorded: bool = False
    """Whether the room records from its start."""
    is_watched: bool = False
    """People talk already, and who watched them was ended by force: nobody is rung."""


@dataclass(frozen=True)
class KeyRecord:
    """One accepted start, remembered so that its repetition is answered and not carried out."""

    part: str
    fingerprint: str
    """Hash of the canonical request body."""
    at: float
    run_id: str = ""
    """The run that carried it out; empty while it is the run that holds this memo."""
    post: str = ""
    """Drawn for each post, so that the first one knows itself: two may come in the same moment."""


NOT_CARRIED_OUT = "not_carried_out"
STILL_PRIVATE = "still_private"
"""Type of the error of a word about a recording that could not be carried out. Its details hold
the `RecordingView`."""

RECORDING, PAUSED, NOT_RECORDED, NOT_KNOWN = "recording", "paused", "none", "unknown"
"""Whether a call is recorded."""
PERSON, CONSULT = "person", "consult"
"""Why a recording is paused: somebody had it paused, or agent and target consult."""


@dataclass(frozen=True)
class RecordingView:
    """Whether a call is recorded, as Twilio said when it was last asked."""

    state: str = NOT_KNOWN
    """recording, paused, none or unknown. What is not certain counts as recording."""
    by: str = ""
    """Why it is paused: person, or consult. What a person had paused only a person resumes."""
    read_at: float = 0.0
    """When Twilio was asked, in seconds since the epoch; 0: the call was set up to be so."""
    is_doubtful: bool = False
    """The last change came back without an answer."""
    resumes_after_consult: bool = False
    """Paused while agent and target consult; goes on by itself."""


@dataclass(frozen=True)
class PersonView:
    """One person of a call, as we believe it."""

    party: str
    address: str = ""
    call_sid: str = ""
    presence: str = "none"
    held: bool = False
    hears: tuple[str, ...] = ()
    """Parties this person hears."""
    label: str = ""
    """Our name for the leg, where we gave it one."""
    is_hold_doubtful: bool = False
    """The last change of `held` came back without an answer. In doubt, `hears` says yes."""
    is_gone_doubtful: bool = False
    """`presence` says gone because the leg could not be ended, nor asked for: it was given up."""


@dataclass(frozen=True)
class AttemptView:
    """One dial of one target."""

    number: int
    address: str
    call_sid: str = ""
    dialed_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    ring_seconds: float = 0.0
    cause: str = ""
    task_sid: str = ""
    """The task that looked for somebody, with TaskRouter."""


@dataclass(frozen=True)
class TransferView:
    """One transfer as a reader is shown it. Durations in seconds, moments since the epoch."""

    id: str
    kind: str
    state: str
    conference_sid: str
    since: float
    started_at: float
    step: int = 0
    is_over: bool = False
    reason: str = ""
    decided_by: str = ""
    deadline_at: float | None = None
    ended_at: float | None = None
    allowed: tuple[str, ...] = ()
    """Verbs of the API that make sense now."""
    waits_for: str = ""
    """What has to happen next, in words."""
    people: tuple[PersonView, ...] = ()
    attempts: tuple[AttemptView, ...] = ()
    hold_seconds: float = 0.0
    seconds_to_human: float | None = None
    agent_address: str = ""
    """Who started it, and may act on it."""
    queue_position: int | None = None
    """With a queue: how many wait before this caller, when TaskRouter was last asked."""
    queue_seconds: int | None = None
    """How long the first of them has waited."""
    recording: RecordingView | None = None
    """Whether the call is recorded; None while the transfer has not had to ask."""
    journal: tuple[Entry, ...] = ()
    """Empty in the memo, where each entry has a field of its own."""


@dataclass(frozen=True)
class CallView:
    """One call between transfers: who is on it."""

    conference_sid: str
    state: str
    since: float
    started_at: float
    is_over: bool = False
    reason: str = ""
    people: tuple[PersonView, ...] = ()
    room_name: str = ""
    recording: RecordingView | None = None
    """Whether the call was set up to be recorded; None: it was not."""
    journal: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class GuardianFinding:
    """One thing that a callback should have told, or that nobody looked after."""

    at: float
    kind: str
    workflow_id: str
    conference_sid: str = ""


@dataclass(frozen=True)
class GuardianView:
    """What the guardian shows of itself. Moments are seconds since the epoch."""

    since: float = 0.0
    """When it began, however often it has been replaced since."""
    looked_at: float = 0.0
    """When the last look began, whether it could be had or not."""
    seconds: float = 0.0
    """How long it took."""
    looks: int = 0
    looks_failed: int = 0
    """Looks that could not be had: Twilio or Temporal did not answer."""
    calls: int = 0
    """Live calls of the account at the last look."""
    rooms: int = 0
    owners: int = 0
    """Workflows that look after a call."""
    findings: dict[str, int] = field(default_factory=dict)
    """How many, by kind, since it began."""
    rescues: dict[str, int] = field(default_factory=dict)
    """How many steps were taken for people whom nobody looked after, by kind."""
    latest: tuple[GuardianFinding, ...] = ()
    """The last findings, the newest first."""


@dataclass(frozen=True)
class GuardianInput:
    """What the guardian carries on into its next run."""

    view: GuardianView = field(default_factory=GuardianView)
    quiet: dict[str, float] = field(default_factory=dict)
    """Until when a finding is not reported again, so that nobody is told the same with every
    look."""
    settled: dict[str, float] = field(default_factory=dict)
    """The same for rescues that are complete."""


@dataclass(frozen=True)
class StartSupervisionInput:
    """What the supervision of a call is started with: who is on the call as far as is known, and
    the first request, one of the two."""

    conference_sid: str
    part: str
    accepted_at: float
    join: JoinRequested | None = None
    help: HelpRequested | None = None
    caller_call_sid: str = ""
    caller_address: str = ""
    agent_call_sid: str = ""
    """Both empty: found by reading the room."""


@dataclass(frozen=True)
class SupervisorView:
    """One supervisor of a call, as we believe it."""

    id: str
    address: str
    mode: str
    """What is wanted: monitor, whisper or barge."""
    state: str
    since: float
    heard_by: tuple[str, ...] = ()
    """Who may hear the supervisor: caller, agent. On doubt everybody, until it has been read back
    at Twilio."""
    call_sid: str = ""
    is_over: bool = False
    is_hidden: bool = False
    """Whether the agent is not shown this supervisor."""
    follow: str = ""
    consult: str = ""
    reason: str = ""
    """Why the supervisor left, or why the mode is not what was asked for."""
    allowed: tuple[str, ...] = ()
    """Verbs of the API that make sense now."""
    by: str = ""
    """Who asked for it: a principal's id."""
    joined_at: float = 0.0
    fingerprint: str = ""
    """Hash of the request that brought the supervisor here."""
    task_sid: str = ""
    """The own task of one who took over and is a worker, with TaskRouter."""


@dataclass(frozen=True)
class HelpView:
    """An agent's cry for help."""

    agent: str
    asked_at: float
    state: str
    until: float
    taken_by: str = ""
    """The id of the supervisor who answers it."""


@dataclass(frozen=True)
class SupervisionView:
    """Who supervises one call. Moments in seconds since the epoch."""

    conference_sid: str
    state: str
    started_at: float
    step: int = 0
    is_over: bool = False
    supervisors: tuple[SupervisorView, ...] = ()
    """Those who left included, the last ones at the end."""
    help: HelpView | None = None
    agent_call_sid: str = ""
    """Whom a whisper would reach."""
    caller_address: str = ""
    journal: tuple[Entry, ...] = ()
