"""Running TwiML for one leg: fetch a document, play its verbs one after the other.

A script is the only thing that asks the application for documents. What a verb does is in
`verbs.py` and `dial.py`; this module keeps the order of things: one verb at a time, and nothing of
a document runs after it was replaced or stopped.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from simulator.core import hearing
from simulator.core.clock import Timer
from simulator.core.documents import AUDIO_TYPES, NOT_SIMULATED, DocumentError, Verb, parse
from simulator.core.model import Call, Document
from simulator.core.outbox import Reply

if TYPE_CHECKING:
    from simulator.core.network import Network

_CONFERENCE_AUDIO = frozenset({"Play", "Say", "Pause", "Redirect"})
ALLOWED: dict[str, frozenset[str] | None] = {
    "call": None,
    "wait": _CONFERENCE_AUDIO,
    "hold": _CONFERENCE_AUDIO,
    "announce": _CONFERENCE_AUDIO,
    "queue": frozenset({"Play", "Say", "Pause", "Gather", "Hangup", "Redirect", "Leave"}),
    "whisper": frozenset({"Play", "Say", "Pause", "Gather", "Hangup", "Redirect"}),
}
# Verbs before which an inbound call is not answered (the phone goes on ringing).
WITHOUT_ANSWER = frozenset({"Reject", "Redirect", "Pause", "Dial"})
# A document that redirects to itself without taking time would never end.
DOCUMENTS_AT_ONE_MOMENT_MAX = 50

Params = dict[str, str]
Handler = Callable[["Script", Verb], None]


class Script:
    """`kind` says which verbs are allowed and what happens at the end of the document."""

    handlers: dict[str, Handler]

    def __init__(
        self,
        network: "Network",
        call: Call,
        kind: str = "call",
        *,
        on_end: Callable[[str], None] | None = None,
        extra: Callable[[], Params] | None = None,
        audience: Callable[[], Iterable[Call]] | None = None,
        handlers: dict[str, Handler],
    ) -> None:
        self.network = network
        self.call = call
        self.kind = kind
        # A script within this one: what is played to a parked call.
        self.inner: Script | None = None
        self._audio = hearing.SILENCE
        self.press: Callable[[str], None] | None = None
        self.cleanup: Callable[[], None] | None = None
        self.handlers = handlers
        self.url = ""
        self._on_end = on_end
        self._extra = extra
        self._audience = audience or (lambda: (call,))
        self._verbs: list[Verb] = []
        self._at = 0
        self._epoch = 0
        self._timers: list[Timer] = []
        self._stopped = False
        self._document = Document()
        self._loads: tuple[float, int] = (-1.0, 0)

    @property
    def audio(self) -> str:
        return self.inner.audio if self.inner is not None else self._audio

    # -- documents ---------------------------------------------------------------------------

    def load(self, document: Document, params: Params | None = None) -> None:
        """Run this document from its beginning; what ran before is dropped."""
        self._document = document
        if document.inline:
            self._run_text(document.inline, document.url)
        elif document.url:
            self.fetch(document.url, document.method, params)
        else:
            self._end_of_document()

    def fetch(self, url: str, method: str = "POST", params: Params | None = None) -> None:
        """Ask the application for the next document (relative addresses are resolved)."""
        self._drop_verb()
        if not self._may_load():
            self._fail(11215, "Too many redirects without time passing", url)
            return
        absolute = urljoin(self.url, url)
        if "://" not in absolute:
            self._fail(15004 if self._document.inline else 11200, "URL is not absolute", absolute)
            return
        epoch = self._epoch
        self.network.send(
            "twiml",
            self.kind,
            absolute,
            method,
            self._params(params),
            call_sid=self.call.sid,
            reply=lambda reply: self._loaded(epoch, absolute, reply, params),
        )

    def _params(self, params: Params | None) -> Params:
        merged = self.network.calls.params(self.call)
        if self._extra is not None:
            merged.update(self._extra())
        merged.update(params or {})
        return merged

    def _loaded(self, epoch: int, url: str, reply: Reply, params: Params | None) -> None:
        if self._stopped or epoch != self._epoch:
            return
        if not reply.ok:
            code = 11200 if reply.connected else 11205
            reason = f"HTTP {reply.status}" if reply.connected else reply.error
            self._fail(code, f"Document could not be fetched: {reason}", url, params)
        elif reply.content_type.startswith(AUDIO_TYPES):
            loop = {"loop": "0"} if self.kind in ("wait", "hold") else {}
            self._run([Verb("Play", loop, url)], url)
        else:
            self._run_text(reply.body, url, params)

    def _run_text(self, text: str, url: str, params: Params | None = None) -> None:
        try:
            verbs = parse(text)
        except DocumentError as error:
            self._fail(error.code, error.message, url, params)
            return
        self._run(verbs, url)

    def _run(self, verbs: list[Verb], url: str) -> None:
        self._drop_verb()
        self._verbs, self._at = verbs, 0
        self.url = url or self.url
        self.next()

    def _may_load(self) -> bool:
        at, count = self._loads
        now = self.network.clock.now
        self._loads = (now, count + 1) if at == now else (now, 1)
        return self._loads[1] <= DOCUMENTS_AT_ONE_MOMENT_MAX

    def _fail(self, code: int, message: str, url: str, params: Params | None = None) -> None:
        """Ask the fallback address once (W-07); without one, give up as Twilio does."""
        self.network.alert(code, message, url=url, call_sid=self.call.sid)
        fallback = self._document.fallback_url
        if fallback:
            self._document = Document(url=fallback, method=self._document.fallback_method)
            fields: Params = dict(params or {})
            if self.network.switches.fallback_error_fields:
                fields.update({"ErrorCode": str(code), "ErrorUrl": url})
            self.fetch(fallback, self._document.method, fields)
        elif self.kind == "call":
            self.hear(hearing.SILENCE)
            self.network.calls.apologize(self.call)
        else:
            self._finish("failed")

    # -- verbs -------------------------------------------------------------------------------

    def next(self) -> None:
        """The verb that ran is done; run the one behind it."""
        self._drop_verb()
        if self._stopped:
            return
        if self._at >= len(self._verbs):
            self._end_of_document()
            return
        verb = self._verbs[self._at]
        self._at += 1
        self.perform(verb)

    def perform(self, verb: Verb) -> None:
        allowed = ALLOWED[self.kind]
        handler = self.handlers.get(verb.name)
        if handler is None:
            self._refuse(verb)
        elif allowed is not None and not self._is_allowed(verb, allowed):
            code = 13201 if verb.name == "Dial" else 13238
            self.alert(code, f"{verb.name} is not allowed in a {self.kind} document")
            self._finish("failed")
        else:
            if self.kind == "call" and verb.name not in WITHOUT_ANSWER:
                self.network.calls.pick_up(self.call)
            handler(self, verb)

    def _is_allowed(self, verb: Verb, allowed: frozenset[str]) -> bool:
        if verb.name == "Redirect" and self.kind == "whisper":
            return self.network.switches.whisper_redirect
        return verb.name in allowed

    def _refuse(self, verb: Verb) -> None:
        known = "is not simulated" if verb.name in NOT_SIMULATED else "is not a TwiML verb"
        self.alert(12200, f"{verb.name} {known}; it was skipped")
        self.next()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it after some time, unless the present verb is over by then."""
        if self._stopped:
            return
        self._timers.append(self.network.clock.call_later(seconds, action))

    def hear(self, audio: str) -> None:
        self._audio = audio
        self.network.note_audio(*self._audience())

    def pressed(self, key: str) -> None:
        """A key of the phone; it counts only if the running verb listens to keys."""
        if self.inner is not None:
            self.inner.pressed(key)
        elif self.press is not None:
            self.press(key)

    def tell(self, kind: str, what: str, **detail: Any) -> None:
        """Write down for everyone who hears this script."""
        for call in self._audience():
            self.network.write(kind, what, call=call, **detail)

    def alert(self, code: int, message: str) -> None:
        self.network.alert(code, message, url=self.url, call_sid=self.call.sid)

    # -- the end -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Something else takes the leg over: run no more of this."""
        self.drop_inner()
        self._drop_verb()
        self._stopped = True

    def drop_inner(self) -> None:
        inner, self.inner = self.inner, None
        if inner is not None:
            inner.stop()

    def leave(self, how: str) -> None:
        """End this script early, and say how to whoever waits for its end."""
        self._finish(how)

    def _drop_verb(self) -> None:
        self._epoch += 1
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._audio = hearing.SILENCE
        self.press = None
        cleanup, self.cleanup = self.cleanup, None
        if cleanup is not None:
            cleanup()

    def _end_of_document(self) -> None:
        if self.kind == "queue" and self._verbs and self.url:
            self.later(0.0, lambda: self.fetch(self.url, self._document.method))
        elif self.kind in ("wait", "hold"):
            # A conference's wait document does not start over by itself (C-15).
            self.hear(hearing.SILENCE)
        else:
            self._finish("end")

    def _finish(self, how: str) -> None:
        if self._stopped:
            return
        self.stop()
        if self.kind == "call":
            self.network.calls.finish(self.call, "completed", by="twiml")
        elif self._on_end is not None:
            self._on_end(how)
