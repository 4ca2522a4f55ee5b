"""Bodies of requests, strict: what is not known is refused, nothing is guessed or converted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from workflows.hold_messages import HoldView
from workflows.machine.model import Accept, HoldLimit, Policy, ReleaseAgent, Target
from workflows.messages import (
    CallView,
    GuardianView,
    PersonView,
    RecordingView,
    TransferView,
)

CF_PATTERN = r"^CF[0-9a-f]{32}$"
CA_PATTERN = r"^CA[0-9a-f]{32}$"
WT_PATTERN = r"^WT[0-9a-f]{32}$"
ADDRESS_EXAMPLE = "client:bob"

PHONE_RING_SECONDS = 25.0
PHONE_RING_SECONDS_MAX = 120.0
ROUTED_RING_SECONDS = 60.0
ROUTED_RING_SECONDS_MAX = 600.0
SKILLS_MAX = 5
"""TaskRouter has no expression for "all of these": the workflow compares this many one by one."""
PRIORITY_MAX = 2**31 - 1
HOLD_NOTICE_SECONDS_MIN = 10
"""A notice takes some seconds to be spoken; more often than this there would be no music."""
ANNOUNCEMENT_LENGTH_MAX = 500
CONTEXT_LENGTH_MAX = 2500
"""A task's attributes are 4096 characters at most; those of the caller's own task travel too."""
Address = Annotated[str, Field(min_length=1, max_length=320, examples=[ADDRESS_EXAMPLE])]


class Strict(BaseModel):
    """No unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CallBody(Strict):
    """The call to be transferred. Give `conference_sid`, or in TaskRouter mode `task_sid`."""

    conference_sid: str | None = Field(
        default=None, pattern=CF_PATTERN, examples=["CF" + "0123456789abcdef" * 2]
    )
    task_sid: str | None = Field(
        default=None,
        pattern=WT_PATTERN,
        description="TaskRouter mode: the task whose call this is.",
        examples=["WT" + "0123456789abcdef" * 2],
    )


class AgentBody(Strict):
    """The agent who hands the caller over."""

    address: Address
    call_sid: str | None = Field(
        default=None, pattern=CA_PATTERN, description="The agent's leg; found if not given."
    )


class TargetBody(Strict):
    """Somebody the caller may be moved to."""

    address: Address = Field(
        description="`client:name`, an E.164 number, or `sip:user@domain`; in TaskRouter mode also "
        "`worker:name` (or its SID) and `queue:name`."
    )
    ring_seconds: float | None = Field(
        default=None,
        ge=5,
        le=ROUTED_RING_SECONDS_MAX,
        description="A phone: 5 to 120, else 25. Worker or queue, until somebody has taken the "
        "call: 5 to 600, else 60.",
    )
    accept: Literal["none", "press_1"] = Field(
        default="none", description="`press_1`: picking up counts only after pressing 1."
    )
    detect_machine: bool = Field(
        default=False, description="A machine counts as no answer. Phones only."
    )
    skills: list[Annotated[str, Field(pattern=r"^[\w .-]{1,64}$")]] = Field(
        default=[],
        max_length=SKILLS_MAX,
        description="Worker or queue: what whoever takes the call must be able to do.",
    )
    priority: int | None = Field(
        default=None,
        ge=0,
        le=PRIORITY_MAX,
        description="Worker or queue: before others who wait. Left out: as the call had.",
    )

    def value(self) -> Target:
        """The same in the engine's words."""
        target = Target(
            self.address,
            accept=Accept(self.accept),
            detect_machine=self.detect_machine,
            skills=tuple(self.skills),
            priority=self.priority,
        )
        usual = ROUTED_RING_SECONDS if target.is_routed else PHONE_RING_SECONDS
        ring_seconds = usual if self.ring_seconds is None else self.ring_seconds
        return replace(target, ring_seconds=ring_seconds)


class PolicyBody(Strict):
    """What is decided before the transfer starts. Durations in seconds."""

    release_agent: Literal["on_dial", "on_ringing", "on_answer"] = Field(
        default="on_answer", description="Cold only: when the agent is let go."
    )
    consult_seconds_max: float = Field(default=600.0, ge=10, le=3600)
    budget_seconds: float = Field(
        default=240.0, ge=10, le=900, description="One budget for all attempts."
    )
    recall: bool = Field(
        default=True, description="Ring an agent who has gone when nobody else could be had."
    )
    recall_ring_seconds: float = Field(default=25.0, ge=5, le=120)
    recovery_queue: Address | None = Field(
        default=None,
        pattern="^queue:",
        description="TaskRouter mode: a `queue:name` that the caller waits in when neither a "
        "target nor the agent could be had, before the apology.",
        examples=["queue:Support"],
    )
    guard_seconds: float = Field(
        default=3.0, ge=0, le=30, description="A target gone within this has not taken the call."
    )
    wrap_up: bool = Field(
        default=False,
        description="TaskRouter mode: the agent's task is left wrapping up, not completed.",
    )

    def value(self) -> Policy:
        """The same in the engine's words, without what is no rule of the machine: `wrap_up`, and
        the queue in reserve, which is a target."""
        given = self.model_dump(exclude={"wrap_up", "recovery_queue"})
        given["release_agent"] = ReleaseAgent(self.release_agent)
        return Policy(**given)

    @property
    def reserve(self) -> tuple[Target, ...]:
        """The target that comes after the agent, if there is one."""
        if self.recovery_queue is None:
            return ()
        return (Target(self.recovery_queue, ROUTED_RING_SECONDS, is_reserve=True),)


class ContextBody(Strict):
    """What the target should know. Shown to or read out to the target, never to the caller."""

    reason: str = Field(default="", max_length=200, examples=["wants a refund"])
    notes: str = Field(default="", max_length=1000)
    attributes: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$")],
        Annotated[str, Field(max_length=200)],
    ] = Field(
        default={},
        max_length=20,
        description="Anything else; `caller_name` is said before the call is put through.",
        examples=[{"caller_name": "Jo Meyer", "order": "4711"}],
    )

    @model_validator(mode="after")
    def _short_enough(self) -> Self:
        if len(self.value()) > CONTEXT_LENGTH_MAX:
            raise ValueError(f"should be at most {CONTEXT_LENGTH_MAX} characters as JSON")
        return self

    def value(self) -> str:
        """The same as the engine carries it: a JSON object, or nothing."""
        given = {name: value for name, value in self.model_dump().items() if value}
        return json.dumps(given, ensure_ascii=False) if given else ""


def _text_or_object(value: Any) -> str:
    return "text" if isinstance(value, str) else "object"


AgentField = Annotated[
    Annotated[Address, Tag("text")] | Annotated[AgentBody, Tag("object")],
    Discriminator(_text_or_object),
]
TargetField = Annotated[
    Annotated[Address, Tag("text")] | Annotated[TargetBody, Tag("object")],
    Discriminator(_text_or_object),
]


class StartTransferBody(Strict):
    """Starts a transfer of a live call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "warm",
                    "call": {"conference_sid": "CF" + "0123456789abcdef" * 2},
                    "targets": [ADDRESS_EXAMPLE],
                },
                {
                    "kind": "cold",
                    "call": {"conference_sid": "CF" + "0123456789abcdef" * 2},
                    "targets": [
                        {"address": "+15550100199", "ring_seconds": 20, "accept": "press_1"},
                        "client:carol",
                    ],
                    "policy": {"release_agent": "on_answer"},
                },
                {
                    "kind": "warm",
                    "call": {"task_sid": "WT" + "0123456789abcdef" * 2},
                    "targets": [
                        {"address": "worker:Anna"},
                        {"address": "queue:Support", "skills": ["billing"], "priority": 10},
                    ],
                    "context": {"reason": "wants a refund", "notes": "has waited twice"},
                },
            ]
        }
    )

    kind: Literal["warm", "cold"]
    call: CallBody
    agent: AgentField | None = Field(
        default=None,
        description="Address of the agent who hands over. An agent may only name itself, and is "
        "the default; a service has to name one.",
    )
    targets: list[TargetField] = Field(min_length=1, max_length=10)
    policy: PolicyBody = PolicyBody()
    context: ContextBody = ContextBody()

    @property
    def agent_body(self) -> AgentBody | None:
        """The agent, however it was written."""
        return AgentBody(address=self.agent) if isinstance(self.agent, str) else self.agent

    @property
    def target_bodies(self) -> tuple[TargetBody, ...]:
        """The targets, however they were written."""
        return tuple(
            TargetBody(address=each) if isinstance(each, str) else each for each in self.targets
        )


class HoldPolicyBody(Strict):
    """How long a caller may be on hold, and what they hear meanwhile. Durations in seconds."""

    seconds_max: float = Field(default=1800.0, ge=10, le=14_400)
    reminder_seconds: float = Field(
        default=60.0, ge=0, le=3600, description="How long before that the agent is reminded."
    )
    notice_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="How often the caller is told that somebody will be back; 0: never.",
    )
    at_max: Literal["resume", "recover"] = Field(
        default="resume",
        description="`resume`: back to the agent. `recover`: the spoken apology and the mailbox; "
        "an agent who is still there, and has let the time pass, is let go then.",
    )
    recall: bool = Field(default=True, description="Ring an agent who hangs up during the hold.")
    recall_ring_seconds: float = Field(default=25.0, ge=5, le=120)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.reminder_seconds >= self.seconds_max:
            raise ValueError("reminder_seconds should be less than seconds_max")
        if 0 < self.notice_seconds < HOLD_NOTICE_SECONDS_MIN:
            raise ValueError(f"notice_seconds should be 0, or at least {HOLD_NOTICE_SECONDS_MIN}")
        return self

    def value(self) -> Policy:
        """The same in the engine's words."""
        return Policy(
            recall=self.recall,
            recall_ring_seconds=self.recall_ring_seconds,
            hold_seconds_max=self.seconds_max,
            hold_reminder_seconds=self.reminder_seconds,
            hold_notice_seconds=self.notice_seconds,
            at_hold_max=HoldLimit(self.at_max),
        )


class HoldBody(Strict):
    """Puts the caller on hold. May be left out altogether."""

    agent: Address | None = Field(
        default=None,
        description="Address of the agent who holds. An agent may only name itself, and is the "
        "default; for others, the one agent on the call.",
    )
    policy: HoldPolicyBody = HoldPolicyBody()


class MuteBody(Strict):
    """Whose phone is muted. May be left out altogether."""

    agent: Address | None = Field(
        default=None,
        description="An agent may only name itself, and is the default; for others, the one agent "
        "on the call.",
    )


class AnnounceBody(Strict):
    """Has a text spoken into the call."""

    text: str = Field(
        min_length=1, max_length=ANNOUNCEMENT_LENGTH_MAX, examples=["This call is recorded."]
    )
    to: Literal["caller", "agent", "target", "all"] = "all"


class Muted(BaseModel):
    """Whether an agent is heard, as it was read back."""

    conference_sid: str
    agent: str
    muted: bool


class Announced(BaseModel):
    """An announcement that Twilio has taken."""

    conference_sid: str
    id: str
    to: str


class Me(BaseModel):
    """Whom a credential stands for."""

    role: Literal["agent", "supervisor", "service"]
    address: str = Field(description="The agent's phone; empty for those without one.")


class TransferList(BaseModel):
    """A page of transfers, newest first."""

    items: list[TransferView]
    next: str = Field(default="", description="Give it as `cursor`; empty: that was all.")


class CallItem(BaseModel):
    """A call, who is on it, and its latest transfer."""

    conference_sid: str
    is_over: bool
    people: list[PersonView] = Field(description="Who is on the call now, as we believe it.")
    call: CallView | None = Field(description="The call between its transfers, if we set it up.")
    transfer: TransferView | None
    recording: RecordingView | None = Field(
        default=None, description="Whether it is recorded; left out where nothing ever is."
    )
    hold: HoldView | None = Field(
        default=None, description="The hold that is under way, its timer as of now."
    )


class CallList(BaseModel):
    """The live calls that the asker may see."""

    items: list[CallItem]


class GuardianItem(BaseModel):
    """The guardian: whether it looks, and what it found."""

    is_looking: bool = Field(description="Whether its last look is less than a minute old.")
    guardian: GuardianView
