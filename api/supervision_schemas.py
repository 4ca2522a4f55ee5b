"""Bodies and answers about supervisors and help."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas import Address, Strict
from workflows.machine.model import Entry
from workflows.machine.supervision.model import (
    Consult,
    Follow,
    HelpState,
    Phase,
    SupervisorPolicy,
)
from workflows.messages import HelpView, SupervisionView, SupervisorView


class SupervisorPolicyBody(Strict):
    """How a supervisor follows the call, and who is shown the supervisor."""

    follow: Literal["same_mode", "monitor"] = Field(
        default="same_mode",
        description="When the agent who hears a whisper has gone: whisper to the next one, or "
        "stay silent until asking anew. Until then the supervisor is silent in any case.",
    )
    consult: Literal["hears", "stays"] = Field(
        default="hears",
        description="While agent and target consult and the caller is on hold: hear the consult, "
        "or stay beside the caller, on hold.",
    )
    hidden: bool = Field(default=False, description="Whether the agent is not shown this one.")

    def value(self) -> SupervisorPolicy:
        """For the engine."""
        return SupervisorPolicy(Follow(self.follow), Consult(self.consult), self.hidden)


class JoinBody(Strict):
    """A supervisor wants to be on the call."""

    mode: Literal["monitor", "whisper", "barge"] = Field(
        description="`monitor`: heard by nobody. `whisper`: by the agent alone. `barge`: by all.",
        examples=["monitor"],
    )
    supervisor: Address | None = Field(
        default=None,
        description="The supervisor's phone; your own if your credential has one.",
        examples=["client:sue"],
    )
    ring_seconds: float = Field(default=25.0, ge=5, le=120)
    detect_machine: bool | None = Field(
        default=None,
        description="Have Twilio tell a machine that picks up from a person, and hang up on it: a "
        "mailbox would record the call. Left out: for phone numbers.",
    )
    takes_help: bool = Field(
        default=False,
        description="Whether this answers the agent's cry for help; the first one does.",
    )
    policy: SupervisorPolicyBody = SupervisorPolicyBody()


class ModeBody(Strict):
    """Another mode, or the call itself."""

    mode: Literal["monitor", "whisper", "barge", "take_over"] = Field(
        description="`take_over`: you become the agent; the agent is let go.",
        examples=["whisper"],
    )


class SupervisorItem(BaseModel):
    """One supervisor of a call."""

    id: str
    address: str
    mode: str = Field(description="What is wanted: monitor, whisper or barge.")
    state: str
    since: float
    heard_by: list[str] = Field(
        description="Who may hear the supervisor: `agent`, `caller`. On doubt everybody, until it "
        "has been read back."
    )
    call_sid: str = ""
    is_over: bool = False
    reason: str = Field(default="", description="Why the supervisor left, or is not as asked for.")
    allowed: list[str] = Field(description="Verbs that make sense now.")
    policy: SupervisorPolicyBody


class SupervisionItem(BaseModel):
    """Who supervises a call."""

    conference_sid: str
    state: str = Field(description="`supervised`, `asked` (for help) or `over`.")
    is_over: bool
    supervisors: list[SupervisorItem]
    help: HelpView | None = None
    journal: list[Entry] = Field(
        default=[], description="Every change, with who asked for it and when."
    )


class HelpItem(BaseModel):
    """An agent who asks for a supervisor."""

    conference_sid: str
    caller: str = Field(description="What the caller calls from, if it is known.")
    help: HelpView


class HelpList(BaseModel):
    """The agents of your teams who ask for a supervisor now."""

    items: list[HelpItem]


def supervisor_item(view: SupervisorView) -> SupervisorItem:
    """One supervisor as readers are shown it."""
    return SupervisorItem(
        id=view.id,
        address=view.address,
        mode=view.mode,
        state=view.state,
        since=view.since,
        heard_by=list(view.heard_by),
        call_sid=view.call_sid,
        is_over=view.is_over,
        reason=view.reason,
        allowed=list(view.allowed),
        policy=SupervisorPolicyBody(
            follow="monitor" if view.follow == "monitor" else "same_mode",
            consult="stays" if view.consult == "stays" else "hears",
            hidden=view.is_hidden,
        ),
    )


def supervision_item(view: SupervisionView, is_agent: bool) -> SupervisionItem:
    """A supervision as a supervisor is shown it, or an agent: without hidden ones, without
    buttons and without the journal."""
    shown = [supervisor_item(each) for each in view.supervisors]
    if is_agent:
        shown = [
            each.model_copy(update={"allowed": []}) for each in shown if not each.policy.hidden
        ]
    ours = {each.id for each in shown}
    asked = view.help
    if is_agent and asked is not None and asked.taken_by not in ours:
        asked = HelpView(asked.agent, asked.asked_at, asked.state, asked.until)
    state, is_over = view.state, view.is_over
    if is_agent:
        # As if those who are hidden were not there: that somebody is, is what is hidden.
        is_asked = asked is not None and asked.state == HelpState.OPEN
        is_shown = any(not each.is_over for each in shown)
        state = Phase.SUPERVISED if is_shown else Phase.ASKED if is_asked else Phase.OVER
        is_over = state == Phase.OVER
    return SupervisionItem(
        conference_sid=view.conference_sid,
        state=state,
        is_over=is_over,
        supervisors=shown,
        help=asked,
        journal=[] if is_agent else list(view.journal),
    )
