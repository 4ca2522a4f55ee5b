"""Driving the pure network without HTTP: documents from a dictionary, callbacks into a list."""

from collections.abc import Callable
from typing import Any

from simulator.core.model import Call
from simulator.core.network import Network
from simulator.core.outbox import Fetch, Reply
from simulator.core.phones import Behavior
from simulator.switches import Switches

NUMBER = "+15550001111"
CALLER = "+15557770000"
ROOM = "<Response><Dial><Conference {attributes}>{name}</Conference></Dial></Response>"
EVENTS = (
    'statusCallback="http://app/events" '
    'statusCallbackEvent="start end join leave mute hold modify announcement"'
)


class World:
    """A network and the application that belongs to it, on a clock the test turns."""

    def __init__(self, **switches: Any) -> None:
        settings = Switches()
        settings.put({"calls_per_second": 0.0, **switches})
        self.network = Network(switches=settings)
        self.documents: dict[str, str] = {}
        self.sent: list[Fetch] = []
        self.network.create_number({"PhoneNumber": NUMBER, "VoiceUrl": "http://app/voice"})

    def advance(self, seconds: float = 0.0) -> None:
        """Event by event, answering what the network asks in between."""
        clock = self.network.clock
        target = clock.now + seconds
        self._answer()
        while (at := clock.next_at()) is not None and at <= target:
            clock.turn_to(at)
            self._answer()
        clock.turn_to(target)

    def _answer(self) -> None:
        network = self.network
        network.clock.run_due()
        while network.outbox:
            fetch = network.outbox.pop(0)
            self.sent.append(fetch)
            known = fetch.kind == "callback" or fetch.url in self.documents
            fetch.reply(Reply(200 if known else 404, self.documents.get(fetch.url, "")))
            network.clock.run_due()

    # -- people ------------------------------------------------------------------------------

    def call_in(self, document: str, caller: str = CALLER) -> Call:
        self.documents["http://app/voice"] = document
        call = self.network.dial_in(caller, NUMBER)
        self.advance()
        return call

    def caller_in_room(self, name: str = "room", attributes: str = EVENTS) -> tuple[Call, str]:
        """A caller who waits in a room; answers the call and the room's SID."""
        call = self.call_in(ROOM.format(name=name, attributes=attributes))
        assert call.participant is not None
        return call, call.participant.conference.sid

    def add(self, ref: str, to: str = "client:agent", **params: Any) -> Call:
        """Add a leg over REST whose phone answers at once, unless it was told otherwise."""
        phone = self.network.phones.get(to)
        if phone.behavior == Behavior():
            self.network.phones.behave(to, Behavior("answer"))
        body = self.network.create_participant(ref, {"From": NUMBER, "To": to, **params})
        self.advance()
        return self.network.call(body["call_sid"])

    # -- what can be seen --------------------------------------------------------------------

    def callbacks(self, url: str = "http://app/events") -> list[dict[str, str]]:
        self._answer()
        return [f.params for f in self.sent if f.url == url]

    def events(self) -> list[str]:
        return [params["StatusCallbackEvent"] for params in self.callbacks()]

    def hears(self, listener: Call, speaker: Call) -> bool:
        room = listener.participant.conference if listener.participant else None
        return room is not None and (speaker.sid, listener.sid) in room.pairs

    def spoken_to(self, call: Call) -> list[str]:
        return [e.what for e in self.network.ledger.select(call_sid=call.sid, kind="spoken")]

    def alerts(self) -> list[int]:
        return [alert.code for alert in self.network.alerts]


WorldMaker = Callable[..., World]
