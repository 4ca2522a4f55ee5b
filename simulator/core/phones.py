"""Phones: any address is one, and springs into being when it is called.

A phone does by itself what its behaviour says; by default it rings until a person acts, which is
a test, the command line or the phones page.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.core.model import Call
from simulator.core.text import phone_of

if TYPE_CHECKING:
    from simulator.core.network import Network

KINDS = (
    "ring", "answer", "answer_then_hangup", "busy", "reject", "no_answer", "unreachable",
    "voicemail",
)  # fmt: skip
SIP_DECLINED = 603


class PhoneError(Exception):
    """The phone cannot do that now: nothing rings, or no call is up."""


@dataclass(frozen=True, slots=True)
class Behavior:
    """`after_seconds` counts from the first ring; the others from the answer."""

    kind: str = "ring"
    after_seconds: float = 0.0
    # How long a voicemail's greeting lasts.
    seconds: float = 4.0
    hangup_after_seconds: float | None = None
    digits: str = ""
    digits_after_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if self.kind == "answer_then_hangup" and self.hangup_after_seconds is None:
            raise ValueError("answer_then_hangup needs hangup_after_seconds")

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(slots=True)
class Phone:
    """Its live calls in order, and what it does by itself: `coming` first, then `behavior`."""

    address: str
    behavior: Behavior = field(default_factory=Behavior)
    coming: deque[Behavior] = field(default_factory=deque)
    calls: dict[str, Call] = field(default_factory=dict)


class Phones:
    def __init__(self, network: "Network") -> None:
        self._network = network
        self._phones: dict[str, Phone] = {}
        self._chosen: dict[str, Behavior] = {}

    def __iter__(self) -> Any:
        return iter(self._phones.values())

    def get(self, address: str) -> Phone:
        key = phone_of(address)
        if key not in self._phones:
            self._phones[key] = Phone(key)
        return self._phones[key]

    def behave(self, address: str, *behaviors: Behavior) -> None:
        """From now on; with several, one call after the other, the last for all that follow."""
        phone = self.get(address)
        phone.coming = deque(behaviors[:-1])
        phone.behavior = behaviors[-1]

    def behavior_of(self, call: Call) -> Behavior:
        return self._chosen.get(call.sid, self.get(call.phone).behavior)

    def connect(self, call: Call) -> None:
        """This live leg ends (or begins) at this phone."""
        if call.phone:
            self.get(call.phone).calls[call.sid] = call

    def disconnect(self, call: Call) -> None:
        self._chosen.pop(call.sid, None)
        if call.phone:
            self.get(call.phone).calls.pop(call.sid, None)

    # -- by itself ---------------------------------------------------------------------------

    def reach(self, call: Call) -> None:
        """The network has found the phone: it rings, or says at once that it will not."""
        if call.status != "queued":
            return
        phone = self.get(call.phone)
        behavior = phone.coming.popleft() if phone.coming else phone.behavior
        self._chosen[call.sid] = behavior
        calls, after = self._network.calls, behavior.after_seconds
        if behavior.kind == "unreachable":
            self._later(call, after, lambda: calls.finish(call, "failed", by="network"))
        elif behavior.kind == "busy":
            self._later(call, after, lambda: calls.finish(call, "busy", by="phone"))
        else:
            calls.ring(call)
            if behavior.kind == "reject":
                self._later(call, after, lambda: self._decline(call))
            elif behavior.kind in ("answer", "answer_then_hangup", "voicemail"):
                self._later(call, after, lambda: self._pick_up(call, behavior))

    def _later(self, call: Call, seconds: float, action: Any) -> None:
        call.timers.append(self._network.clock.call_later(seconds, action))

    def _decline(self, call: Call) -> None:
        self._network.calls.finish(call, "busy", by="phone", sip_code=SIP_DECLINED)

    def _pick_up(self, call: Call, behavior: Behavior) -> None:
        self._network.calls.answer(call)
        if not call.answered:
            return
        if behavior.digits:
            self._later(
                call, behavior.digits_after_seconds, lambda: self._press(call, behavior.digits)
            )
        if behavior.hangup_after_seconds is not None:
            self._later(call, behavior.hangup_after_seconds, lambda: self._hang_up(call))

    def _hang_up(self, call: Call) -> None:
        self._network.calls.finish(call, "completed", by="phone")

    def _press(self, call: Call, digits: str) -> None:
        self._network.write("digits", digits, call=call)
        for key in digits:
            if call.script is not None:
                call.script.pressed(key)

    # -- a person acts -----------------------------------------------------------------------

    def _find(self, address: str, call_sid: str | None, wanted: str, *statuses: str) -> Call:
        calls = self.get(address).calls.values()
        for status in statuses:
            for call in calls:
                outgoing = call.direction == "inbound"
                if call.status != status or (wanted == "ringing" and outgoing):
                    continue
                if call_sid in (None, call.sid):
                    return call
        raise PhoneError(f"{address} has no {wanted} call")

    def answer(self, address: str, call_sid: str | None = None) -> Call:
        call = self._find(address, call_sid, "ringing", "ringing")
        self._chosen[call.sid] = Behavior("answer")
        self._network.calls.answer(call)
        return call

    def reject(self, address: str, call_sid: str | None = None) -> Call:
        call = self._find(address, call_sid, "ringing", "ringing")
        self._decline(call)
        return call

    def hangup(self, address: str, call_sid: str | None = None) -> Call:
        """An answered call first; else the person gives up a call that is still being made."""
        call = self._find(address, call_sid, "live", "in-progress", "ringing")
        if call.answered:
            self._hang_up(call)
        elif call.direction == "inbound":
            self._network.calls.finish(call, "canceled", by="phone")
        else:
            self._decline(call)
        return call

    def digits(self, address: str, digits: str, call_sid: str | None = None) -> Call:
        call = self._find(address, call_sid, "answered", "in-progress")
        self._press(call, digits)
        return call
