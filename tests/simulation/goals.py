"""Rare situations that a run must have seen: an empty search must not pass for a clean one.

Each is recognised from what happens, not from what was planned.
"""

from __future__ import annotations

from typing import Any

TOGETHER = 0.05
"""Seconds within which two things count as the same moment: less than one way to Twilio."""

GOALS: dict[str, str] = {
    "agent leaves in ringing": "the agent hangs up while the target's phone rings",
    "target answers as cancel is pressed": "within the same moment",
    "caller leaves as complete is pressed": "within the same moment",
    "create applied, answer lost": "a dial took effect and nobody was told",
    "answered before the retry": "a dial whose answer was lost is picked up unseen",
    "create not applied, repeated": "a dial that took no effect is made again",
    "late create": "a dial takes effect long after it was given up",
    "duplicate callback": "one event is told twice",
    "completed before answered": "a leg's end arrives before its answer",
    "ended by exit flag": "a room ends by somebody's exit flag",
    "callback after the end": "something is told to a transfer that is over",
    "worker dies in a request": "an attempt dies with its worker",
    "worker dies while waiting": "a workflow is made again from its history",
    "server away": "nothing moves for a while",
    "api away": "callbacks find nobody",
    "two starts at once": "a call is to be transferred twice",
    "reservation times out": "an offer is left unanswered",
    "offer rejected": "a worker declines",
    "Twilio away": "no request reaches Twilio for a while",
    "recall": "an agent who has gone is rung",
    "recall to the last rung": "the caller hears the apology",
    "caller on hold": "the agent puts the caller on hold, without a transfer",
    "hold becomes a transfer": "a transfer begins while the caller is on hold, and has them",
    "whisper": "a supervisor is heard by the agent alone",
    "barge": "a supervisor is heard by everybody",
    "whisper in a consult": "the agent hears a supervisor while talking to the target",
    "agent lost under a whisper": "the agent hangs up, and a supervisor whispers to them",
    "whisper follows the call": "a supervisor whispers to the next agent",
    "whisper refused": "there is no agent who could hear it",
    "taken over": "a supervisor becomes the agent",
    "take-over refused": "the caller is a transfer's or a hold's",
    "cancel in a race with the answer": "a target picks up while its leg is being ended",
}
"""Name -> what it means. Each must be seen in a long run."""


class Goals:
    """What was seen of them in one history."""

    def __init__(self, stage: Any, checker: Any) -> None:
        self.seen: dict[str, int] = {}
        self._stage = stage
        self._checker = checker
        self._lost_create = False
        self._refused_create = False
        self._moments: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._delivered: dict[str, set[str]] = {}

    def _reached(self, name: str) -> None:
        self.seen[name] = self.seen.get(name, 0) + 1

    def _now(self, what: str) -> None:
        self._moments[what] = self._stage.loop.time()

    def _is_now(self, what: str) -> bool:
        return abs(self._stage.loop.time() - self._moments.get(what, -1e9)) <= TOGETHER

    # --- what happens ---

    def request(self, route: str, struck: Any) -> None:
        """A request arrives at Twilio, and meets a fault or none."""
        kind = struck.kind if struck else ""
        if route.endswith(".create"):
            if self._refused_create and kind == "":
                self._reached("create not applied, repeated")
            self._refused_create = kind in ("429", "500", "503", "timeout_before", "reset_before")
            if kind in ("500_after", "timeout_after", "reset_after"):
                self._lost_create = True
                self._reached("create applied, answer lost")
            if kind == "late":
                self._reached("late create")
        if route == "calls.update" and any(
            watch.state in ("cancelling", "dropping", "forgoing") for watch in self._watches()
        ):
            self._now("ending")

    def delivered(self, fetch: Any) -> None:
        """A callback reaches the api."""
        event, sid = fetch.event, str(fetch.params.get("CallSid", ""))
        if fetch.token in self._told:
            self._reached("duplicate callback")
        self._told[fetch.token] = event
        known = self._delivered.setdefault(sid, set())
        if event == "answered" and "completed" in known:
            self._reached("completed before answered")
        known.add(event)
        if event == "reservation.timeout" or fetch.params.get("EventType") == "reservation.timeout":
            self._reached("reservation times out")
        if fetch.params.get("EventType") == "reservation.rejected":
            self._reached("offer rejected")
        watches = self._watches()
        if watches and all(watch.is_over for watch in watches):
            self._reached("callback after the end")

    def entry(self, entry: Any) -> None:
        """Something happens in the network."""
        if entry.kind == "call" and entry.what == "in-progress":
            self._now("answer")
            if self._lost_create:
                self._lost_create = False
                self._reached("answered before the retry")
            if self._is_now("cancel"):
                self._reached("target answers as cancel is pressed")
            if self._is_now("ending"):
                self._reached("cancel in a race with the answer")
        by_flag = "end-conference-on-exit" in str(entry.detail.get("reason", ""))
        if entry.kind == "conference" and entry.what == "ended" and by_flag:
            self._reached("ended by exit flag")

    def entered(self, state: str) -> None:
        """The transfer enters a state."""
        if state == "recalling":
            self._reached("recall")
        if state == "diverting":
            self._reached("recall to the last rung")

        shown = self._supervisors()
        is_consult = any(watch.state == "consulting" for watch in self._watches())
        if state.endswith(" whispering"):
            self._reached("whisper")
            agent = self._checker.agent_leg()
            if agent is not None and not agent.is_joined:
                self._reached("whisper follows the call")
        if state.endswith(" barging"):
            self._reached("barge")
        if state.endswith(" took_over"):
            self._reached("taken over")
        if state == "taken_over":
            self._reached("hold becomes a transfer")
        is_whisper = any(each["state"] == "whispering" for each in shown)
        if is_consult and is_whisper and state.endswith(("whispering", "consulting")):
            self._reached("whisper in a consult")

    def held(self, act: Any, answer: Any) -> None:
        """The agent has asked for a hold, or its end."""
        if act.verb == "hold" and answer.is_ok:
            self._reached("caller on hold")

    def supervised(self, act: Any, answer: Any) -> None:
        """A supervisor has asked for something."""
        if answer.code == "coach_target_unavailable":
            self._reached("whisper refused")
        if answer.code in ("transfer_in_progress", "caller_on_hold"):
            self._reached("take-over refused")

    def struck(self, fault: Any, attempts: int = 0) -> None:
        """A process or a way is gone."""
        name = {
            "server_crash": "server away", "api_crash": "api away", "twilio_down": "Twilio away",
        }.get(fault.kind)  # fmt: skip
        if fault.kind == "worker_crash":
            name = "worker dies in a request" if attempts else "worker dies while waiting"
        if name:
            self._reached(name)

    def acted(self, act: Any) -> None:
        """Somebody does something, and there was something to do."""
        states = {watch.state for watch in self._watches()}
        if act.who == "agent" and act.verb == "hang_up" and states & {"dialing", "dialing_aside"}:
            self._reached("agent leaves in ringing")
        is_whispered_to = any(each["state"] == "whispering" for each in self._supervisors())
        if act.who == "agent" and act.verb == "hang_up" and is_whispered_to:
            self._reached("agent lost under a whisper")
        if act.verb == "cancel":
            self._now("cancel")
            if self._is_now("answer"):
                self._reached("target answers as cancel is pressed")
        if act.verb == "complete":
            self._now("complete")
        if act.who == "caller":
            self._now("caller")
        is_both = self._is_now("caller") and self._is_now("complete")
        if is_both and (act.who == "caller" or act.verb == "complete"):
            self._reached("caller leaves as complete is pressed")
        if act.verb in ("start", "start_again"):
            self._reached("two starts at once")

    def _supervisors(self) -> list[dict[str, Any]]:
        """Every supervisor as readers are shown them."""
        known = self._checker.supervisions.values()
        return [each for watch in known for each in watch.view.get("supervisors", ())]

    def _watches(self) -> list[Any]:
        return list(self._checker.watches.values())


def missing(seen: dict[str, int], histories: int) -> list[str]:
    """The goals that a run of so many histories should have reached, and has not.

    The rarest comes once in some thousand histories, so a short run is not held to it.
    """
    least = histories // 5000
    return [name for name in GOALS if seen.get(name, 0) < least]
