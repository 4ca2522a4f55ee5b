"""Reading and checking what a REST request asks for; shared by calls and participants."""

import re

from simulator.core.errors import invalid
from simulator.core.model import Callback
from simulator.core.text import Form, is_address, is_phone_number

CALL_EVENTS = ("initiated", "ringing", "answered", "completed")
URL = re.compile(r"https?://[^\s/]+", re.IGNORECASE)
SECONDS_EXTRA = 5.0
TIMEOUT_SECONDS, TIMEOUT_SECONDS_MAX = 60, 600
AMD_MODES = ("Enable", "DetectMessageEnd")


def addresses(form: Form) -> tuple[str, str]:
    """From and To, both there, both well formed, and of kinds that go together."""
    to, from_ = form.text("To"), form.text("From")
    if not to:
        raise invalid(21201, "No 'To' number is specified")
    if not from_:
        raise invalid(21213, "No 'From' number is specified")
    to, from_ = to.strip(), from_.strip()
    if not is_address(to):
        raise invalid(21211, f"The 'To' number {to} is not a valid phone number.")
    if not is_address(from_):
        raise invalid(21212, f"The 'From' number {from_} is not a valid phone number.")
    if is_phone_number(to) and not is_phone_number(from_):
        raise invalid(21212, f"The 'From' number {from_} cannot be used to call a phone number.")
    return from_, to


def url(form: Form, name: str) -> str:
    text = (form.text(name) or "").strip()
    if text and not URL.match(text):
        raise invalid(21205, f"{name} is not a valid URL: {text}")
    return text


def method(form: Form, name: str, default: str = "POST") -> str:
    text = (form.text(name) or default).upper()
    if text not in ("GET", "POST"):
        raise invalid(21209, f"{name} must be GET or POST")
    return text


def progress(form: Form) -> Callback | None:
    """StatusCallback of a leg; `completed` alone unless events are named (K-09)."""
    address = url(form, "StatusCallback")
    if not address:
        return None
    events = form.words("StatusCallbackEvent") or ("completed",)
    return Callback(address, method(form, "StatusCallbackMethod"), events)


def seconds(form: Form, name: str, code: int, lowest: int, highest: int) -> int | None:
    try:
        found = form.whole(name)
    except ValueError:
        found = -1
    if found is not None and not lowest <= found <= highest:
        raise invalid(code, f"{name} must be a whole number from {lowest} to {highest}")
    return found


def ring_seconds(form: Form, lowest: int) -> float:
    asked = seconds(form, "Timeout", 21208, lowest, TIMEOUT_SECONDS_MAX)
    return (TIMEOUT_SECONDS if asked is None else asked) + SECONDS_EXTRA


def amd_mode(form: Form) -> str | None:
    mode = form.text("MachineDetection")
    if not mode:
        return None
    if mode not in AMD_MODES:
        raise invalid(21234, "MachineDetection must be Enable or DetectMessageEnd")
    return mode
