"""What each TwiML verb does, apart from Dial and Enqueue. One function per verb, and the table."""

from simulator.core import hearing
from simulator.core.dial import dial
from simulator.core.documents import Verb
from simulator.core.queues import enqueue, leave
from simulator.core.script import Handler, Script

DIGITS = frozenset("0123456789*#ABCD")
SPEECH = frozenset({"Say", "Play", "Pause"})
PAUSE_SECONDS = 1.0
GATHER_TIMEOUT_SECONDS = 5.0
RECORD_SECONDS_MAX = 3600.0


def _sound(script: Script, verb: Verb) -> float:
    """Begin a sound; answers its length. Loop 0 means without end (a day is enough)."""
    switches = script.network.switches
    if verb.name == "Pause":
        script.hear(hearing.SILENCE)
        return verb.number("length", PAUSE_SECONDS)
    times = verb.number("loop", 1) or 24 * 3600
    if verb.name == "Say":
        script.tell("spoken", verb.text, language=verb.get("language", "en-US"))
        script.hear(f"speech: {verb.text}")
        return max(1, len(verb.text.split())) * switches.word_seconds * times
    if verb.get("digits"):
        script.tell("tones", verb.get("digits"))
        script.hear("tones")
        return len(verb.get("digits")) * switches.word_seconds
    script.tell("played", verb.text)
    script.hear(f"play: {verb.text}")
    return switches.play_seconds * times


def sound(script: Script, verb: Verb) -> None:
    script.later(_sound(script, verb), script.next)


def redirect(script: Script, verb: Verb) -> None:
    """An empty Redirect asks the present address again."""
    script.fetch(verb.text or script.url, verb.get("method", "POST"))


def hangup(script: Script, _: Verb) -> None:
    if script.kind == "call":
        script.leave("hangup")
    else:
        script.network.calls.finish(script.call, "completed", by="twiml")


def reject(script: Script, verb: Verb) -> None:
    if script.call.status != "ringing":
        script.leave("hangup")
        return
    busy = verb.get("reason") == "busy"
    script.stop()
    script.network.calls.finish(script.call, "busy" if busy else "no-answer", by="twiml")


class Gather:
    """Digits from the phone, while prompts play and for a while after (Twilio's default: 5 s)."""

    def __init__(self, script: Script, verb: Verb) -> None:
        self.script = script
        self.verb = verb
        self.prompts = [child for child in verb.children if child.name in SPEECH]
        self.digits = ""
        self.turn = 0
        self.timeout = verb.number("timeout", GATHER_TIMEOUT_SECONDS)
        self.finish_key = verb.get("finishOnKey", "#")
        self.count = int(verb.number("numDigits", 0))

    def start(self) -> None:
        for child in self.verb.children:
            if child.name not in SPEECH:
                self.script.alert(12200, f"{child.name} is not allowed in Gather; it was skipped")
        if "dtmf" in self.verb.get("input", "dtmf").split():
            self.script.press = self.pressed
        self._prompt()

    def _prompt(self) -> None:
        if self.digits:
            return
        if self.prompts:
            self.script.later(_sound(self.script, self.prompts.pop(0)), self._prompt)
        else:
            self.script.hear(hearing.SILENCE)
            self._wait()

    def _wait(self) -> None:
        self.turn += 1
        turn = self.turn
        self.script.later(self.timeout, lambda: self._timed_out(turn))

    def _timed_out(self, turn: int) -> None:
        if turn == self.turn:
            self._done()

    def pressed(self, key: str) -> None:
        if not self.digits:
            self.script.hear(hearing.SILENCE)
        if key == self.finish_key:
            self._done(finished=key)
            return
        self.digits += key
        if self.count and len(self.digits) >= self.count:
            self._done()
        else:
            self._wait()

    def _done(self, finished: str = "") -> None:
        script, verb = self.script, self.verb
        if not self.digits and not verb.flag("actionOnEmptyResult"):
            script.next()
            return
        params = {"Digits": self.digits}
        if finished:
            params["FinishedOnKey"] = finished
        script.fetch(verb.get("action") or script.url, verb.get("method", "POST"), params)


def gather(script: Script, verb: Verb) -> None:
    Gather(script, verb).start()


class Record:
    """A simple voicemail: the person talks for a while, presses a key, or hangs up."""

    def __init__(self, script: Script, verb: Verb) -> None:
        self.script = script
        self.verb = verb
        self.started_at = script.network.clock.now

    def start(self) -> None:
        script, verb = self.script, self.verb
        if verb.flag("playBeep", True):
            script.tell("tones", "beep")
        script.hear(hearing.SILENCE)
        keys = verb.get("finishOnKey", "1234567890*#")
        script.press = lambda key: self._done(key) if key in keys else None
        longest = min(
            verb.number("maxLength", RECORD_SECONDS_MAX), script.network.switches.record_seconds
        )
        script.cleanup = self._cut_off
        script.later(longest, lambda: self._done(""))

    def _cut_off(self) -> None:
        """The person hung up, or the leg was sent elsewhere: keep what there is."""
        self._keep()

    def _keep(self) -> dict[str, str]:
        network, call = self.script.network, self.script.call
        seconds = int(network.clock.now - self.started_at)
        recording = network.add_recording(call, seconds)
        call.recording = {
            "RecordingSid": recording.sid,
            "RecordingUrl": network.recording_url(recording),
            "RecordingDuration": str(seconds),
        }
        callback = self.verb.get("recordingStatusCallback")
        if callback:
            method = self.verb.get("recordingStatusCallbackMethod", "POST")
            params = {
                "AccountSid": network.account_sid,
                "CallSid": call.sid,
                "RecordingStatus": "completed",
                "RecordingSource": recording.source,
                **call.recording,
            }
            network.send("callback", "recording", callback, method, params, call_sid=call.sid)
        return call.recording

    def _done(self, key: str) -> None:
        self.script.cleanup = None
        params = {**self._keep(), "Digits": key}
        script, verb = self.script, self.verb
        script.fetch(verb.get("action") or script.url, verb.get("method", "POST"), params)


def record(script: Script, verb: Verb) -> None:
    Record(script, verb).start()


HANDLERS: dict[str, Handler] = {
    "Say": sound,
    "Play": sound,
    "Pause": sound,
    "Redirect": redirect,
    "Hangup": hangup,
    "Reject": reject,
    "Gather": gather,
    "Record": record,
    "Dial": dial,
    "Enqueue": enqueue,
    "Leave": leave,
}
