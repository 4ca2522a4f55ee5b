"""Answering-machine detection: who answered, told from how the phone behaves."""

from typing import TYPE_CHECKING

from simulator.core.model import Call

if TYPE_CHECKING:
    from simulator.core.network import Network


def detect(network: "Network", call: Call) -> None:
    """Listen for a while after the answer, then tell the application and go on with the leg."""
    behavior = network.phones.behavior_of(call)
    machine = behavior.kind == "voicemail"
    until_end = machine and call.amd == "DetectMessageEnd"
    seconds = behavior.seconds if until_end else network.switches.detection_seconds
    answered_by = "human"
    if machine:
        answered_by = "machine_end_beep" if until_end else "machine_start"
    timer = network.clock.call_later(
        seconds, lambda: _detected(network, call, answered_by, seconds)
    )
    call.timers.append(timer)


def _detected(network: "Network", call: Call, answered_by: str, seconds: float) -> None:
    if not call.answered:
        return
    call.answered_by = answered_by
    network.write("answered_by", answered_by, call=call)
    callback = call.amd_callback
    if callback is not None:
        params = {
            "AccountSid": network.account_sid,
            "CallSid": call.sid,
            "AnsweredBy": answered_by,
            "MachineDetectionDuration": str(int(seconds * 1000)),
        }
        network.send("callback", "amd", callback.url, callback.method, params, call_sid=call.sid)
    if not call.amd_asynchronous:
        network.calls.proceed(call)
