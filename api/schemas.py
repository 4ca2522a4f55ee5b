"""Bodies of requests, strict: what is not known is refused, nothing is guessed or converted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from workflows.machine.model import Accept, Policy, ReleaseAgent, Target
from workflows.messages import CallView, PersonView, TransferView

CF_PATTERN = r"^CF[0-9a-f]{32}$"
CA_PATTERN = r"^CA[0-9a-f]{32}$"
ADDRESS_EXAMPLE = "client:bob"
Address = Annotated[str, Field(min_length=1, max_length=320, examples=[ADDRESS_EXAMPLE])]


class Strict(BaseModel):
    """No unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CallBody(Strict):
    """The call to be transferred. Give `conference_sid`."""

    conference_sid: str | None = Field(
        default=None, pattern=CF_PATTERN, examples=["CF" + "0123456789abcdef" * 2]
    )
    task_sid: str | None = Field(default=None, max_length=34, description="Needs TaskRouter mode.")


class AgentBody(Strict):
    """The agent who hands the caller over."""

    address: Address
    call_sid: str | None = Field(
        default=None, pattern=CA_PATTERN, description="The agent's leg; found if not given."
    )


class TargetBody(Strict):
    """Somebody the caller may be moved to."""

    address: Address = Field(description="`client:name`, an E.164 number, or `sip:user@domain`.")
    ring_seconds: float = Field(default=25.0, ge=5, le=120)
    accept: Literal["none", "press_1"] = Field(
        default="none", description="`press_1`: picking up counts only after pressing 1."
    )
    detect_machine: bool = Field(default=False, description="A machine counts as no answer.")

    def value(self) -> Target:
        """The same in the engine's words."""
        return Target(self.address, self.ring_seconds, Accept(self.accept), self.detect_machine)


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
    guard_seconds: float = Field(
        default=3.0, ge=0, le=30, description="A target gone within this has not taken the call."
    )

    def value(self) -> Policy:
        """The same in the engine's words."""
        given = self.model_dump()
        given["release_agent"] = ReleaseAgent(self.release_agent)
        return Policy(**given)


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


class CallList(BaseModel):
    """The live calls that the asker may see."""

    items: list[CallItem]
