"""Rare situations that a run must have seen: an empty search must not pass for a clean one.

Each is recognised from what happens, not from what was planned.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, NamedTuple

from tests.simulation.stage import OFFER_SECONDS

TOGETHER = 0.05
"""Seconds within which two things count as the same moment: less than one way to Twilio."""

OFFERED = 0.3
"""The same, of what TaskRouter tells and asks: two ways there and one back."""
SETTLED = 1.0
"""How much older than the guardian's finding a callback is whose news it had found."""

ROOM = re.compile(r"CF[0-9a-f]{32}")

GOALS: dict[str, str] = {
    "agent leaves in ringing": "the agent hangs up while the target's phone rings",
    "target answers as cancel is pressed": "within the same moment",
    "caller leaves as complete is pressed": "within the same moment",
    "create applied, answer lost": "a dial took effect and nobody was told",
    "answered before the retry": "a dial whose answer was lost is picked up unseen",
    "create not applied, repeated": "a dial that took no effect is made again",
    "late create": "a dial takes effect long after it was given up",
    "duplicate callback": "one event is told twice",
    "duplicate join": "it is told twice that somebody came into the room",
    "leave before join": "that somebody came is told after that they left",
    "completed before answered": "a leg's end arrives before its answer",
    "ended by exit flag": "a room ends by somebody's exit flag",
    "callback after the end": "something is told to a transfer that is over",
    "worker dies in a request": "an attempt dies with its worker",
    "worker dies after the effect": "a change has taken effect, and its answer is on the way",
    "worker dies while waiting": "a workflow is made again from its history",
    "server away": "nothing moves for a while",
    "api away": "callbacks find nobody",
    "two starts at once": "a call is to be transferred twice",
    "reservation times out": "an offer is left unanswered",
    "accepted as the offer times out": "a worker picks up just then",
    "task ends as it is offered": "a task is closed in the moment in which a worker gets it",
    "offer rejected": "a worker declines",
    "Twilio away": "no request reaches Twilio for a while",
    "Twilio away in a consult": "while agent and target talk",
    "guardian tells": "it has found what a callback did not tell",
    "guardian rescues": "it looks after people whose workflow was ended by force",
    "told after the guardian": "a callback comes late, and its news was found already",
    "recall": "an agent who has gone is rung",
    "recall to the last rung": "the caller hears the apology",
    "poll and callback disagree": "one says of a leg what the other, which is newer, denies",
    "stranger turned away": "who is not on the call asks for something",
    "caller on hold": "the agent puts the caller on hold, without a transfer",
    "hold becomes a transfer": "a transfer begins while the caller is on hold, and has them",
    "whisper": "a supervisor is heard by the agent alone",
    "barge": "a supervisor is heard by everybody",
    "whisper in a consult": "the agent hears a supervisor while talking to the target",
    "agent lost under a whisper": "the agent hangs up, and a supervisor whispers to them",
    "whisper follows the call": "a supervisor whispers to the next agent",
    "whisper refused": "there is no agent who could hear it",
    "taken over": "a supervisor becomes the agent",
    "taken over as a transfer begins": "it ends with the caller with the supervisor",
    "take-over refused": "the caller is a transfer's or a hold's",
    "help asked for": "an agent asks for a supervisor",
    "help taken": "a supervisor comes for it",
    "help taken before": "a second supervisor comes for it, and is told so",
    "help withdrawn": "the agent needs nobody any more",
    "cancel in a race with the answer": "a target picks up while its leg is being ended",
}
"""Name -> what it means. Each must be seen in a long run."""


SAYS = {
    "participant-join": ("there", True), "participant-leave": ("there", False),
    "participant-hold": ("held", True), "participant-unhold": ("held", False),
    "answered": ("live", True), "completed": ("live", False),
}  # fmt: skip
"""A callback's event -> what it says of its leg."""


class Reading(NamedTuple):
    """What could be read of all legs at one moment, and who waits to hear of it."""

    at: float
    legs: dict[str, dict[str, bool]]
    waiter: asyncio.Future[Any]


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
        self._findings = 0
        self._readings: list[Reading] = []
        self._legs: dict[str, dict[str, bool]] = {}
        self._legs_at = -1

    def _reached(self, name: str) -> None:
        self.seen[name] = self.seen.get(name, 0) + 1

    def _now(self, what: str) -> None:
        self._moments[what] = self._stage.loop.time()

    def _is_now(self, what: str, within: float = TOGETHER) -> bool:
        return abs(self._since(what)) <= within

    def _since(self, what: str) -> float:
        """Seconds since that moment; very many if it has not been."""
        return float(self._stage.loop.time() - self._moments.get(what, -1e9))

    # --- what happens ---

    def read(self, waiter: asyncio.Future[Any]) -> None:
        """Somebody has read something of Twilio, who knows of it when `waiter` is done."""
        now = self._stage.loop.time()
        late = [each for each in self._readings[:-1] if not each.waiter.done()]
        if (seq := self._stage.network.ledger.seq) != self._legs_at:
            self._legs_at, self._legs = seq, self._shown()
        self._readings = [*late, *self._readings[-1:], Reading(now, self._legs, waiter)]

    def _shown(self) -> dict[str, dict[str, bool]]:
        """What a reading of everything would show of each leg."""
        found = {}
        for call in self._stage.network.calls_by_sid.values():
            place = call.participant
            is_there = place is not None and place.joined and not place.left
            is_held = is_there and place.hold
            found[call.sid] = {"live": call.live, "there": is_there, "held": is_held}
        return found

    def _is_denied(self, fetch: Any) -> bool:
        """Whether what a callback says is not what was read after it was sent, or what was read
        before that and is not known yet."""
        of, is_so = SAYS.get(fetch.event, ("", False))
        sid = str(fetch.params.get("CallSid", ""))
        for each in self._readings if of else ():
            is_newer = each.at > fetch.at
            shown = each.legs.get(sid, {}).get(of)
            if shown is not None and shown is not is_so and is_newer is each.waiter.done():
                return True
        return False

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
            if self._is_now("answer"):
                self._reached("cancel in a race with the answer")
        if route == "tasks.update":
            self._now("task ends")
            if self._is_now("offer", OFFERED):
                self._reached("task ends as it is offered")

    def delivered(self, fetch: Any) -> None:
        """A callback reaches the api."""
        event, sid = fetch.event, str(fetch.params.get("CallSid", ""))
        if self._is_denied(fetch):
            self._reached("poll and callback disagree")
        if fetch.token in self._told:
            self._reached("duplicate callback")
            if event == "participant-join":
                self._reached("duplicate join")
        self._told[fetch.token] = event
        known = self._delivered.setdefault(sid, set())
        if event == "answered" and "completed" in known:
            self._reached("completed before answered")
        if event == "participant-join" and "participant-leave" in known:
            self._reached("leave before join")
        known.add(event)
        room = ROOM.search(f"{fetch.params.get('ConferenceSid')} {fetch.url}")
        found_at = self._moments.get(f"guardian {room[0]}", -1e9) if room else -1e9
        if fetch.at < found_at - SETTLED:
            self._reached("told after the guardian")
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
            if abs(self._since("offer") - OFFER_SECONDS) <= OFFERED:
                self._reached("accepted as the offer times out")
            if self._lost_create:
                self._lost_create = False
                self._reached("answered before the retry")
            if self._is_now("cancel"):
                self._reached("target answers as cancel is pressed")
            if self._is_now("ending"):
                self._reached("cancel in a race with the answer")
        if entry.kind == "reservation" and entry.what == "created":
            self._now("offer")
            if self._is_now("task ends", OFFERED):
                self._reached("task ends as it is offered")
        by_flag = "end-conference-on-exit" in str(entry.detail.get("reason", ""))
        if entry.kind == "conference" and entry.what == "ended" and by_flag:
            self._reached("ended by exit flag")

    def found(self, findings: list[dict[str, Any]], rescues: dict[str, int]) -> None:
        """What the guardian shows to have found, the newest first, and to have done."""
        if rescues:
            self._reached("guardian rescues")
        for each in findings[: len(findings) - self._findings]:
            self._reached("guardian tells")
            self._now(f"guardian {each['conference_sid']}")
        self._findings = len(findings)

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
        lost = any(watch.view.get("reason") == "taken_over" for watch in self._watches())
        if state == "failed" and lost:
            self._reached("taken over as a transfer begins")
        if state == "taken_over":
            self._reached("hold becomes a transfer")
        is_whisper = any(each["state"] == "whispering" for each in shown)
        if is_consult and is_whisper and state.endswith(("whispering", "consulting")):
            self._reached("whisper in a consult")

    def turned_away(self, answer: Any) -> None:
        """Somebody without a right to the call was answered."""
        if answer.status in (403, 404):
            self._reached("stranger turned away")

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
        if answer.code == "help_taken":
            self._reached("help taken before")
        if "helps" in act.detail and answer.is_ok:
            self._reached("help taken")

    def helped(self, act: Any, answer: Any) -> None:
        """The agent has asked for a supervisor, or withdrawn that."""
        if answer.is_ok:
            self._reached("help asked for" if act.verb == "ask_help" else "help withdrawn")

    def dying(self) -> None:
        """The worker is about to die."""
        if self._stage.worker.is_up and self._stage.rest.has_unheard:
            self._reached("worker dies after the effect")

    def struck(self, fault: Any, attempts: int = 0) -> None:
        """A process or a way is gone."""
        name = {
            "server_crash": "server away", "api_crash": "api away", "twilio_down": "Twilio away",
        }.get(fault.kind)  # fmt: skip
        if fault.kind == "twilio_down" and any(w.state == "consulting" for w in self._watches()):
            self._reached("Twilio away in a consult")
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


LONG = 1000
"""Histories from which on each situation must have been seen."""
SHORT = 200
"""Histories from which on two thirds of them must; a shorter run is held to nothing."""


def missing(seen: dict[str, int], histories: int) -> list[str]:
    """The situations for want of which a run of so many histories is red."""
    unseen = [name for name in GOALS if seen.get(name, 0) == 0]
    if histories >= LONG:
        return unseen
    is_poor = histories >= SHORT and len(unseen) * 3 > len(GOALS)
    return unseen if is_poor else []
