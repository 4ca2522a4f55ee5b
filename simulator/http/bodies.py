"""Bodies of the control face's requests. Unknown fields are refused: a typo must not pass."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class NumberBody(_Body):
    """What the console would configure. Other settings of the resource go by their own names."""

    model_config = ConfigDict(extra="allow")

    phone_number: str
    voice_url: str = ""


class CallBody(_Body):
    from_: str = Field(alias="from")
    to: str
    forwarded_from: str | None = None


class ActionBody(_Body):
    """`call_sid` chooses between several calls of one phone."""

    call_sid: str | None = None


class DigitsBody(ActionBody):
    digits: str = Field(pattern=r"^[0-9*#A-Da-d]+$")


class BehaviorBody(_Body):
    kind: Literal[
        "ring", "answer", "answer_then_hangup", "busy", "reject", "no_answer", "unreachable",
        "voicemail",
    ]  # fmt: skip
    after_seconds: float = Field(default=0.0, ge=0)
    seconds: float = Field(default=4.0, ge=0)
    hangup_after_seconds: float | None = Field(default=None, ge=0)
    digits: str = ""
    digits_after_seconds: float = Field(default=1.0, ge=0)


class FaultBody(_Body):
    """See simulator/faults.py for what each field means."""

    on: Literal["request", "callback", "twiml"]
    kind: str
    id: str = ""
    route: str | None = None
    method: str | None = None
    path: str | None = None
    event: str | None = None
    count: int | None = Field(default=None, ge=0)
    skip: int = Field(default=0, ge=0)
    probability: float = 1.0
    seed: int = 0
    seconds: float | None = Field(default=None, ge=0)
    times: int = Field(default=2, ge=1, le=100)
    status: int = Field(default=500, ge=100, le=599)
    code: int | None = None
    message: str | None = None
    body: str | None = None
    retry_after: int | None = None


class ActivityBody(_Body):
    """The activity by its SID or by its name."""

    activity: str
    reject_pending_reservations: bool = False


class RejectBody(_Body):
    """The activity the worker goes to, if any."""

    activity: str | None = None


class AdvanceBody(_Body):
    seconds: float = Field(ge=0)


class SwitchesBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    def changes(self) -> dict[str, Any]:
        return dict(self.model_extra or {})
