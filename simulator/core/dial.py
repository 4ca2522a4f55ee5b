"""The Dial verb: into a room, to a queue, or to up to ten phones of which the first answer wins."""

from typing import TYPE_CHECKING

from simulator.core import admission, hearing
from simulator.core.documents import Verb
from simulator.core.model import Bridge, Call, Callback, Document, Participant
from simulator.core.text import is_phone_number, words

if TYPE_CHECKING:
    from simulator.core.script import Script

DIAL_TIMEOUT_SECONDS = 30.0
DIAL_LIMIT_SECONDS = 14400.0
NOUNS_AT_ONCE_MAX = 10
PHONES = {"Number": "", "Client": "client:", "Sip": ""}


def dial(script: "Script", verb: Verb) -> None:
    room, queue = verb.child("Conference"), verb.child("Queue")
    if room is not None:
        script.network.calls.pick_up(script.call)
        _into_room(script, verb, room)
    elif queue is not None:
        script.network.calls.pick_up(script.call)
        _to_queue(script, verb, queue)
    else:
        Dialling(script, verb).start()


def go_on(script: "Script", verb: Verb, params: dict[str, str]) -> None:
    """After the dial: its action document, or the next verb (T-04)."""
    script.cleanup = None
    if verb.get("action"):
        script.fetch(verb.get("action"), verb.get("method", "POST"), params)
    else:
        script.next()


def _into_room(script: "Script", verb: Verb, noun: Verb) -> None:
    if verb.flag("hangupOnStar"):
        # Twilio leaves the room on a star; the dial is over then.
        script.press = lambda key: _leave_on_star(script, key)

    def out(_: Participant, how: str) -> None:
        if how == "kicked" and script.network.switches.kicked_leg == "hang_up":
            script.network.calls.finish(script.call, "completed", by="conference")
        else:
            go_on(script, verb, {"DialCallStatus": "answered", "DialBridged": "true"})

    refusal = admission.enter(script, noun, out)
    if refusal == "next":
        script.next()
    elif refusal == "action":
        go_on(script, verb, {"DialCallStatus": "failed"})
    elif verb.has("timeLimit") and script.call.participant is not None:
        limit = verb.number("timeLimit", DIAL_LIMIT_SECONDS)
        script.later(limit, lambda: _leave_room(script))


def _leave_on_star(script: "Script", key: str) -> None:
    if key == "*":
        _leave_room(script)


def _leave_room(script: "Script") -> None:
    """The dial into the room is over; the leg goes on with its TwiML."""
    participant = script.call.participant
    if participant is not None:
        script.network.rooms.leave(participant, "participant_hung_up", out="left")


def _to_queue(script: "Script", verb: Verb, noun: Verb) -> None:
    """Talk to whoever waits longest in that queue, or wait until somebody comes."""
    queues, call = script.network.queues, script.call

    def met(bridge: Bridge | None) -> None:
        status = "completed" if bridge is not None else "failed"
        go_on(script, verb, {"DialCallStatus": status})

    if noun.has("reservationSid"):
        # T-11: not whoever is first, but the call that this reservation is about.
        if not script.network.taskrouter.legs.dial_queue(script, noun, met):
            met(None)
        return
    queue = queues.named(noun.text)
    script.hear(hearing.RINGING)
    script.cleanup = queues.connect(queue, call, noun, met)
    script.later(verb.number("timeout", DIAL_TIMEOUT_SECONDS), lambda: queues.give_up(call, met))


class Dialling:
    """One Dial to phones: its child legs, the one that answered, and how it ended."""

    def __init__(self, script: "Script", verb: Verb) -> None:
        self.script = script
        self.verb = verb
        self.network = script.network
        self.children: list[Call] = []
        self.winner: Call | None = None
        self.bridge: Bridge | None = None
        self.bridged_at = 0.0
        self.over = False

    def start(self) -> None:
        script, verb = self.script, self.verb
        nouns = [child for child in verb.children if child.name in PHONES]
        if not nouns and verb.text:
            nouns = [Verb("Number", {}, verb.text)]
        for child in verb.children:
            if child.name not in PHONES:
                script.alert(13215, f"Dial: invalid nested element {child.name}")
        if not verb.flag("answerOnBridge"):
            self.network.calls.pick_up(script.call)
        legs = [(noun, self._address(noun)) for noun in nouns[:NOUNS_AT_ONCE_MAX]]
        for noun, address in legs:
            if address is None:
                script.alert(13224, f"Dial: {noun.name} is not a valid destination")
        script.hear(hearing.RINGING)
        script.cleanup = self.cancel
        script.press = self._pressed
        self.children = [self._leg(noun, address) for noun, address in legs if address]
        if not self.children:
            self._done("failed")
        for leg in list(self.children):
            self.network.calls.place(leg, paced=False)

    def _address(self, noun: Verb) -> str | None:
        if noun.name == "Client":
            identity = noun.child("Identity")
            return "client:" + (identity.text if identity else noun.text).removeprefix("client:")
        text = noun.text.strip()
        if noun.name == "Sip":
            return text if text.startswith(("sip:", "sips:")) and "@" in text else None
        return text if is_phone_number(text) else None

    def _leg(self, noun: Verb, to: str) -> Call:
        call, verb = self.script.call, self.verb
        own = call.from_ if call.direction == "inbound" else call.to
        child = self.network.calls.make(
            from_=verb.get("callerId") or own, to=to, direction="outbound-dial", phone=to
        )
        child.parent_sid = call.sid
        child.timeout = verb.number("timeout", DIAL_TIMEOUT_SECONDS)
        child.document = Document(url=noun.get("url"), method=noun.get("method", "POST"))
        if noun.get("statusCallback"):
            child.progress = Callback(
                noun.get("statusCallback"),
                noun.get("statusCallbackMethod", "POST"),
                words(noun.get("statusCallbackEvent")) or ("completed",),
            )
        child.on_answer = self._answered
        child.on_end.append(self._ended)
        return child

    def _answered(self, child: Call) -> None:
        if self.winner is not None or self.over:
            self.network.calls.finish(child, "completed", by="network")
            return
        self.winner = child
        for other in self.children:
            if other is not child:
                self.network.calls.finish(other, "canceled", by="network")
        if child.document.url:
            self.network.calls.whisper(child, self.script.url, lambda _: self._connect(child))
        else:
            self._connect(child)

    def _connect(self, child: Call) -> None:
        if self.over or not child.live:
            return
        calls, parent = self.network.calls, self.script.call
        calls.pick_up(parent)
        self.bridged_at = self.network.clock.now
        self.bridge = calls.bridge(parent, child)
        limit = self.verb.number("timeLimit", DIAL_LIMIT_SECONDS)
        self.script.later(limit, lambda: calls.finish(child, "completed", by="network"))

    def _pressed(self, key: str) -> None:
        if key == "*" and self.verb.flag("hangupOnStar") and self.winner is not None:
            self.network.calls.finish(self.winner, "completed", by="network")

    def _ended(self, child: Call, _: str) -> None:
        if self.over:
            return
        if child is self.winner:
            self._done("completed" if self.bridge else "no-answer")
        elif self.winner is None and not any(c.live for c in self.children):
            statuses = [c.status for c in self.children]
            best = next((s for s in ("no-answer", "busy", "canceled") if s in statuses), "failed")
            self._done(best)

    def _done(self, status: str) -> None:
        self.over = True
        params = {"DialCallStatus": status, "DialBridged": "true" if self.bridge else "false"}
        child = self.winner or (self.children[-1] if self.children else None)
        if child is not None:
            params["DialCallSid"] = child.sid
        if self.bridge is not None:
            params["DialCallDuration"] = str(int(self.network.clock.now - self.bridged_at))
        self.script.cleanup = None
        self.script.hear(hearing.SILENCE)
        go_on(self.script, self.verb, params)

    def cancel(self) -> None:
        """The dialling leg was ended or sent elsewhere: its children end with it."""
        self.over = True
        for child in self.children:
            status = "completed" if child.answered else "canceled"
            self.network.calls.finish(child, status, by="network")
