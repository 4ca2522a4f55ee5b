"""The life of a leg: made, dialled, ringing, answered, ended. One leg is one person's line.

`finish` is the only way a leg ends, and `release` the only way it lets go of where it is.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.core import amd
from simulator.core.model import Bridge, Call, Document
from simulator.core.script import Script
from simulator.core.text import country_of, rfc2822
from simulator.core.verbs import HANDLERS

if TYPE_CHECKING:
    from simulator.core.network import Network

RING_SECONDS_EXTRA = 5.0
SIP_CODES = {"busy": 486, "no-answer": 487, "canceled": 487, "failed": 404, "completed": 200}
# E-06: why a leg left its room, by what ended it.
REASONS_LEFT = {"phone": "participant_hung_up", "api": "participant_updated_via_api"}
PROGRESS_STATUS = {"answered": "in-progress"}


class Calls:
    def __init__(self, network: "Network") -> None:
        self._network = network
        self._next_slot = 0.0

    # -- making and dialling -----------------------------------------------------------------

    def make(self, *, from_: str, to: str, direction: str, phone: str, **fields: Any) -> Call:
        network = self._network
        now = network.clock.now
        call = Call(
            sid=network.sid("CA"),
            from_=from_,
            to=to,
            direction=direction,
            phone=network.phone_key(phone),
            created_at=now,
            updated_at=now,
            document=fields.pop("document", Document()),
            **fields,
        )
        network.add_call(call)
        network.write("call", call.status, call=call, from_address=from_, to_address=to)
        return call

    def place(self, call: Call, *, paced: bool) -> None:
        """Dial this leg as soon as the account's pace allows (P-11); Dial's legs are exempt."""
        clock, pace = self._network.clock, self._network.switches.calls_per_second
        wait = 0.0
        if paced and pace > 0:
            slot = max(clock.now, self._next_slot)
            self._next_slot = slot + 1.0 / pace
            wait = slot - clock.now
            call.queue_ms = int(wait * 1000)
        call.timers.append(clock.call_later(wait, lambda: self._initiate(call)))

    def _initiate(self, call: Call) -> None:
        if not call.live or call.initiated:
            return
        call.initiated = True
        self.progress(call, "initiated")
        clock = self._network.clock
        delay = self._network.switches.dial_seconds
        call.timers.append(clock.call_later(delay, lambda: self._network.reach(call)))

    def ring(self, call: Call) -> None:
        if call.status != "queued":
            return
        self._set_status(call, "ringing")
        self.progress(call, "ringing")
        if call.on_ringing is not None:
            call.on_ringing(call)
        clock = self._network.clock
        call.timers.append(clock.call_later(call.timeout, lambda: self._rang_out(call)))
        self._network.note_audio(call)

    def _rang_out(self, call: Call) -> None:
        if call.status == "ringing":
            self.finish(call, "no-answer", by="network")

    def answer(self, call: Call) -> None:
        """Somebody, or a machine, takes the call at the far end."""
        if call.status not in ("queued", "ringing") or call.direction == "inbound":
            return
        self._cancel_timers(call)
        self._begin(call)
        self.progress(call, "answered")
        if call.amd is not None:
            amd.detect(self._network, call)
        if call.amd is None or call.amd_asynchronous:
            self.proceed(call)

    def proceed(self, call: Call) -> None:
        """Answered (and recognised, if that was asked for): go on with what the leg is for."""
        if call.answered and call.on_answer is not None:
            call.on_answer(call)
        self._network.note_audio(call)

    def pick_up(self, call: Call) -> None:
        """An inbound call is answered by the first verb that needs it."""
        if call.direction == "inbound" and call.status == "ringing":
            self._begin(call)
            if call.peer is not None:
                self.answer(call.peer)

    def _begin(self, call: Call) -> None:
        call.started_at = self._network.clock.now
        call.sip_code = 200
        self._set_status(call, "in-progress")
        if call.time_limit is not None:
            limit = call.time_limit
            clock = self._network.clock
            call.timers.append(
                clock.call_later(limit, lambda: self.finish(call, "completed", by="network"))
            )

    # -- running TwiML -----------------------------------------------------------------------

    def run(self, call: Call, document: Document, params: dict[str, str] | None = None) -> None:
        """Start this document on the leg; what the leg did before must have been released."""
        call.document = document
        call.script = Script(self._network, call, handlers=HANDLERS)
        call.script.load(document, params)

    def redirect(self, call: Call, document: Document) -> None:
        """POST Calls/{CA} with Url or Twiml: out of wherever it is, on to the new document."""
        self.release(call, "participant_updated_via_api", queue_result="redirected")
        self.run(call, document)

    def whisper(self, call: Call, base_url: str, then: Callable[[str], None]) -> None:
        """Run the leg's own document before it is connected."""
        script = Script(self._network, call, "whisper", on_end=then, handlers=HANDLERS)
        script.url = base_url
        call.script = script
        script.fetch(call.document.url, call.document.method)

    def apologize(self, call: Call) -> None:
        """No document could be had: Twilio says so to the person and hangs up."""
        self.pick_up(call)
        self._network.write("spoken", "an application error has occurred", call=call)
        self.finish(call, "completed", by="twiml")

    # -- bridges -----------------------------------------------------------------------------

    def bridge(self, first: Call, second: Call) -> Bridge:
        bridge = Bridge(first, second)
        first.bridge = second.bridge = bridge
        self._write_bridge(bridge, "begins")
        return bridge

    def unbridge(self, bridge: Bridge) -> None:
        if bridge.first.bridge is bridge:
            bridge.first.bridge = bridge.second.bridge = None
            self._write_bridge(bridge, "ends")

    def _write_bridge(self, bridge: Bridge, what: str) -> None:
        network = self._network
        for speaker, listener in (
            (bridge.first, bridge.second),
            (bridge.second, bridge.first),
        ):
            network.write_hearing(what, speaker.sid, listener.sid, None)
        network.note_audio(bridge.first, bridge.second)

    # -- the end -----------------------------------------------------------------------------

    def finish(self, call: Call, status: str, *, by: str, sip_code: int | None = None) -> None:
        """End the leg. `by` is phone, api, twiml, conference or network."""
        if not call.live:
            return
        call.ended_at = self._network.clock.now
        self._cancel_timers(call)
        if call.started_at is None:
            call.sip_code = sip_code or SIP_CODES.get(status, 200)
        self._set_status(call, status)
        self._network.forget_live(call)
        never_joined = call.participant is not None and not call.participant.joined
        reason = "participant_add_failed" if never_joined else REASONS_LEFT.get(by)
        self.release(call, reason or "participant_hung_up", queue_result="hangup")
        self.progress(call, "completed")
        for told in call.on_end:
            told(call, by)
        if call.peer is not None:
            self.finish(call.peer, "completed" if call.peer.answered else status, by="phone")
        self._network.note_audio(call)

    def release(self, call: Call, reason: str, *, queue_result: str) -> None:
        """Let go of room, bridge, queue and running document."""
        script, call.script = call.script, None
        if script is not None:
            script.stop()
        if call.participant is not None:
            self._network.rooms.leave(call.participant, reason)
        if call.bridge is not None:
            bridge = call.bridge
            self.unbridge(bridge)
        if call.member is not None:
            self._network.queues.remove(call.member, queue_result)

    def _cancel_timers(self, call: Call) -> None:
        for timer in call.timers:
            timer.cancel()
        call.timers.clear()

    def _set_status(self, call: Call, status: str) -> None:
        call.status = status
        call.updated_at = self._network.clock.now
        self._network.write("call", status, call=call)

    # -- what the application is told --------------------------------------------------------

    def params(self, call: Call) -> dict[str, str]:
        """The fields of every request about this leg (K-10)."""
        params = {
            "AccountSid": self._network.account_sid,
            "CallSid": call.sid,
            "CallStatus": call.status,
            "ApiVersion": self._network.api_version,
            "Direction": call.direction,
            "From": call.from_,
            "To": call.to,
            "Caller": call.from_,
            "Called": call.to,
        }
        for role, address in (
            ("From", call.from_), ("Caller", call.from_), ("To", call.to), ("Called", call.to)
        ):  # fmt: skip
            if country := country_of(address):
                params[f"{role}Country"] = country
                params.update({f"{role}{part}": "" for part in ("City", "State", "Zip")})
        for name, value in (
            ("ParentCallSid", call.parent_sid),
            ("ForwardedFrom", call.forwarded_from),
            ("CallerName", call.caller_name),
            ("AnsweredBy", call.answered_by),
        ):
            if value:
                params[name] = value
        return params

    def progress(self, call: Call, event: str) -> None:
        """Send one call-progress callback, if it was asked for."""
        callback = call.progress
        if callback is None or event not in callback.events:
            return
        params = self.params(call)
        params["CallStatus"] = "initiated" if event == "initiated" else call.status
        params["CallbackSource"] = "call-progress-events"
        params["SequenceNumber"] = str(call.progress_sent)
        params["Timestamp"] = rfc2822(self._network.clock.now)
        if event == "completed":
            params.update(self._totals(call))
        call.progress_sent += 1
        self._network.send(
            "callback", event, callback.url, callback.method, params, call_sid=call.sid
        )

    def _totals(self, call: Call) -> dict[str, str]:
        seconds = self._network.talk_seconds(call)
        return {
            "CallDuration": str(seconds),
            "Duration": str((seconds + 59) // 60),
            "SipResponseCode": str(call.sip_code or 200),
            **call.recording,
        }
